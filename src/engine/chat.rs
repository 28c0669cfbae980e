//! Conversations for chat-tuned models: the instruction is the user's turn, the document lies in the assistant's
//! (`reference/models.md` 1.3).
//!
//! The checkpoint's template is rendered twice around place holders, once up to where the assistant begins and once with
//! its turn, and cut there. So what stands before and after the document is exactly what the model was trained on, the
//! markers in it become special tokens, and the same letters in the user's own text stay letters. A template is a
//! program from outside: it runs on fuel and reaches nothing.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, context};

use super::protocol::{Part, Request, Verb};
use crate::diffusion::TokenId;
use crate::model::{ChatFormat, Model};

/// Instructions that a template may carry out.
const FUEL: u64 = 200_000;
/// Place holders: characters of the private use area, which no template touches.
const USER: &str = "\u{e0f0}user\u{e0f1}";
const ASSISTANT: &str = "\u{e0f0}assistant\u{e0f1}";
/// What is asked of a chat-tuned model when the user asks for nothing: it was trained with a question before every text.
pub(super) const PLAIN: &str = "Write the text.";

/// What stands before and after the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) head: Vec<TokenId>,
    pub(crate) tail: Vec<TokenId>,
}

impl Frame {
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

/// The frame for an instruction, or `why` the model cannot be given one.
///
/// # Errors
/// One sentence.
pub(crate) fn frame(model: &Model, instruction: &str) -> Result<Frame, String> {
    let because = |why: &str| format!("{} cannot follow an instruction: {why}; choose a chat-tuned model", model.name);
    let format = model.chat.as_ref().map_err(|why| because(why))?;
    let tokenizer = model.tokenizer().map_err(|error| error.to_string())?;
    let (head, tail) = around(format).map_err(|why| because(&why))?;
    let marked = |text: &str| tokenizer.encode_marked(text).map_err(|error| error.to_string());
    let (before, after) = head.split_once(USER).unwrap_or((&head, ""));
    let mut ids = marked(before)?;
    ids.extend(tokenizer.encode_inside(instruction).map_err(|error| error.to_string())?);
    ids.extend(marked(after)?);
    Ok(Frame { head: ids, tail: marked(&tail)? })
}

/// The text before the document, with [`USER`] in it, and the text after it.
fn around(format: &ChatFormat) -> Result<(String, String), String> {
    let head = render(format, &[("user", USER)], true)?;
    if head.matches(USER).count() != 1 {
        return Err("its chat template leaves out what the user says".into());
    }
    // Templates that want no finished conversation end with the document.
    let whole = render(format, &[("user", USER), ("assistant", ASSISTANT)], false).unwrap_or_default();
    let tail = whole.split_once(ASSISTANT).map_or("", |(_, tail)| tail);
    Ok((head, tail.to_owned()))
}

fn render(format: &ChatFormat, turns: &[(&str, &str)], open: bool) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // As `transformers` renders them.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| error.to_string())?);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |why: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, why))
    });
    let messages: Vec<_> = turns.iter().map(|&(role, content)| context! { role, content }).collect();
    let values = context! {
        messages,
        add_generation_prompt => open,
        // Qwen3 and its like: no reasoning before the text.
        enable_thinking => false,
        bos_token => format.bos.as_str(),
        eos_token => format.eos.as_str(),
    };
    let said = |error: minijinja::Error| format!("its chat template cannot be rendered ({error:#})").replace('\n', " ");
    environment.template_from_str(&format.template).and_then(|template| template.render(values)).map_err(said)
}

/// What stands around the document: the instruction with what it is about, or for a model that was tuned on
/// conversations a plain question. Nothing for the others.
pub(crate) fn frame_of(request: &Request, model: &Model, is_chat: bool) -> Result<Frame, String> {
    let Some(instruction) = &request.options.instruction else {
        return if is_chat { Ok(frame(model, PLAIN).unwrap_or_default()) } else { Ok(Frame::default()) };
    };
    let mut question = instruction.trim().to_owned();
    if request.verb == Verb::Fill {
        // What is written anew is not in the assistant's turn any more, so that it must be in the question.
        let original = |part: &Part| match part {
            Part::Hole(hole) if !hole.original.trim().is_empty() => Some(hole.original.clone()),
            _ => None,
        };
        for text in request.parts.iter().filter_map(original) {
            question += &format!("\n\n{text}");
        }
    }
    frame(model, &question)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around_of(template: &str) -> Result<(String, String), String> {
        around(&ChatFormat { template: template.into(), bos: "<s>".into(), eos: "</s>".into() })
    }

    #[test]
    fn a_chatml_template_is_cut_around_the_assistants_turn() {
        let template = "{%- for message in messages %}\n    {{- '<|im_start|>' + message.role + '\\n' + message.content.strip() + '<|im_end|>' + '\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n    {%- if enable_thinking is defined and enable_thinking is false %}\n        {{- '<think>\\n\\n</think>\\n\\n' }}\n    {%- endif %}\n{%- endif %}";
        let (head, tail) = around_of(template).unwrap();
        assert_eq!(head, format!("<|im_start|>user\n{USER}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"));
        assert_eq!(tail, "<|im_end|>\n");
    }

    #[test]
    fn what_llada_and_mistral_ship_is_rendered() {
        let llada = "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
        let (head, tail) = around_of(llada).unwrap();
        assert!(
            head.starts_with("<s><|start_header_id|>user<|end_header_id|>\n\n")
                && head.ends_with("assistant<|end_header_id|>\n\n")
        );
        assert_eq!(tail, "<|eot_id|>");
        let mistral = "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}";
        assert_eq!(around_of(mistral).unwrap(), (format!("<s>[INST] {USER} [/INST]"), "</s>".into()));
    }

    #[test]
    fn a_bad_template_is_one_sentence_and_cannot_run_for_ever() {
        for template in [
            "{% for",
            "nothing of the user",
            "{{ raise_exception('no') }}",
            "{% for a in range(90000) %}{% for b in range(90000) %}{{ messages }}{% endfor %}{% endfor %}",
        ] {
            let why = around_of(template).unwrap_err();
            assert!(why.starts_with("its chat template") && !why.contains('\n'), "{why}");
        }
    }
}
