//! The chat template that a checkpoint comes with: how a conversation is written for the model.
//!
//! The text of the template and of the two tokens that it names are read here; the engine renders it. Published models
//! keep it in `chat_template.jinja`, in `tokenizer_config.json`, or in the metadata of a GGUF file.

use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value as GgufValue};
use serde_json::Value;

use super::files::read_json;

/// A template in the language of Jinja, as `transformers` renders it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatFormat {
    /// The template's text.
    pub template: String,
    /// What it calls `bos_token`.
    pub bos: String,
    /// What it calls `eos_token`.
    pub eos: String,
}

/// The template of a checkpoint. The error is why there is none, as the end of a sentence about the model.
pub(crate) fn find(folder: &Path, gguf: Option<&Content>) -> Result<ChatFormat, String> {
    let config = folder.join("tokenizer_config.json");
    let config = if config.is_file() { read_json(&config).map_err(|error| error.to_string())? } else { Value::Null };
    let token = |key: &str| {
        let value = config.get(key);
        let text = value.and_then(|value| value.as_str().or_else(|| value.get("content")?.as_str()));
        text.unwrap_or_default().to_owned()
    };
    let carried = || match gguf?.metadata.get("tokenizer.chat_template") {
        Some(GgufValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let file = std::fs::read_to_string(folder.join("chat_template.jinja")).ok();
    let template = file.or_else(|| in_config(&config)).or_else(carried);
    let template = template.ok_or("it has no chat template, so it was not made to follow instructions")?;
    Ok(ChatFormat { template, bos: token("bos_token"), eos: token("eos_token") })
}

/// One template, or the one called `default` of several.
fn in_config(config: &Value) -> Option<String> {
    let found = config.get("chat_template")?;
    if let Some(text) = found.as_str() {
        return Some(text.to_owned());
    }
    let named = found.as_array()?.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"));
    Some(named?.get("template")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_found_in_each_of_its_places() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find(folder.path(), None).unwrap_err().contains("no chat template"));
        let config = folder.path().join("tokenizer_config.json");
        std::fs::write(&config, r#"{"chat_template": [{"name": "tool", "template": "x"}, {"name": "default", "template": "a"}], "eos_token": {"content": "</s>"}}"#).unwrap();
        assert_eq!(
            find(folder.path(), None).unwrap(),
            ChatFormat { template: "a".into(), bos: String::new(), eos: "</s>".into() }
        );
        std::fs::write(folder.path().join("chat_template.jinja"), "b").unwrap();
        assert_eq!(find(folder.path(), None).unwrap().template, "b");
        std::fs::write(&config, "{").unwrap();
        assert!(find(folder.path(), None).unwrap_err().contains("tokenizer_config.json"));
    }
}
