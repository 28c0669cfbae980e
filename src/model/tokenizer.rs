//! The `tokenizers` crate behind what infilling needs: text to ids, ids to bytes, and which ids are special.
//!
//! Ids become *bytes*, not text: in byte-level vocabularies one token may be half a character. The engine joins the
//! bytes of neighbours before it shows anything.

mod lists;
mod pieces;
pub(crate) mod splitting;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use tokenizers::{DecoderWrapper, ModelWrapper, PreTokenizerWrapper};

use super::error::{ModelError, first_line};
use splitting::Splitting;

/// Names that published models give their mask token (`reference/models.md` section 2).
const MASK_NAMES: [&str; 7] = ["<|mask|>", "<|MASK|>", "<|mdm_mask|>", "<M>", "<[MASK]>", "[MASK]", "<mask>"];

/// Ids lie below this: the largest published vocabularies have a quarter of a million tokens, and a file that lies is not
/// to fill the memory.
const MOST_TOKENS: usize = 1 << 22;

/// Where a GGUF file keeps a whole `tokenizer.json`.
pub(crate) const WHOLE: &str = "tokenizer.huggingface.json";

/// llama.cpp's lists of a tokenizer, with an entry for each token or pair.
const LISTS: [&str; 4] =
    ["tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges", "tokenizer.ggml.scores"];

/// A loaded tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The bytes of each id; empty for special tokens and holes in the numbering.
    pieces: Vec<Vec<u8>>,
    special: Vec<u32>,
    /// SentencePiece puts a space before a text that has none.
    adds_space: bool,
}

/// How the vocabulary spells bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// GPT-2's 256 printable stand-ins for bytes.
    ByteLevel,
    /// SentencePiece: `▁` for a space, `<0x0A>` for a byte.
    Metaspace,
    /// BERT: `##` before what goes on a word; blanks are not spelled at all.
    WordPiece,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or the `vocab.json` and `merges.txt` that older tokenizers come as.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        Self::from_json(path, text(path)?.as_bytes())
    }

    fn from_json(path: &Path, json: &[u8]) -> Result<Self, ModelError> {
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| ModelError::Damaged { path: path.into(), why: one_line(&error.to_string()) })?;
        Self::new(path, inner)
    }

    /// Builds the tokenizer that a GGUF file carries.
    pub(crate) fn from_gguf(path: &Path, content: &Content) -> Result<Self, ModelError> {
        // A file may carry the tokenizer.json itself.
        if let Some(Value::String(json)) = content.metadata.get(WHOLE) {
            return Self::from_json(path, json.as_bytes());
        }
        let damaged = |why: String| ModelError::Damaged { path: path.into(), why };
        let mut inner = tokenizers::Tokenizer::from_gguf(content).map_err(|error| damaged(first_line(&error)))?;
        // candle knows two ways to cut texts, and cuts as GPT-2 does where another is named.
        let named = content.metadata.get("tokenizer.ggml.pre").and_then(|name| name.to_string().ok());
        if let Some(splitting) = named.and_then(|name| Splitting::named(name)) {
            let step: PreTokenizerWrapper =
                serde_json::from_value(splitting.pre_tokenizer()).map_err(|error| damaged(error.to_string()))?;
            inner.with_pre_tokenizer(Some(step));
            if let (true, ModelWrapper::BPE(model)) = (splitting.whole_pieces, inner.get_model()) {
                let mut model = model.clone();
                model.ignore_merges = true;
                inner.with_model(model);
            }
        }
        Self::new(path, inner)
    }

    fn new(path: &Path, mut inner: tokenizers::Tokenizer) -> Result<Self, ModelError> {
        // A document may contain the text "<|endoftext|>": it is text there, not the end of anything.
        inner.set_encode_special_tokens(true);
        let _ = inner.with_truncation(None);
        inner.with_padding(None);
        let mut special: Vec<u32> = inner
            .get_added_tokens_decoder()
            .iter()
            .filter(|(_, token)| token.special || MASK_NAMES.contains(&token.content.as_str()))
            .map(|(id, _)| *id)
            .collect();
        special.sort_unstable();
        let spelling = spelling_of(&inner);
        let stand_ins = byte_stand_ins();
        let size = inner.get_vocab(true).values().max().map_or(0, |last| *last as usize + 1);
        if size > MOST_TOKENS {
            let why = format!("its largest token id is {}, which no vocabulary has", size - 1);
            return Err(ModelError::Damaged { path: path.into(), why });
        }
        let added = inner.get_added_tokens_decoder();
        let pieces = (0..size as u32)
            .map(|id| match (special.binary_search(&id), added.get(&id), inner.id_to_token(id)) {
                (Ok(_), _, _) | (_, _, None) => Vec::new(),
                (_, Some(token), _) => token.content.as_bytes().to_vec(),
                (_, None, Some(token)) => piece_bytes(&token, spelling, &stand_ins),
            })
            .collect();
        let mut tokenizer = Self { inner, pieces, special, adds_space: false };
        tokenizer.adds_space = tokenizer.encode("a").is_ok_and(|ids| tokenizer.joined(&ids).starts_with(b" "));
        Ok(tokenizer)
    }

    /// Ids of a text, without any token added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        match self.inner.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(error) => Err(ModelError::Input(format!("the tokenizer cannot encode the text: {error}"))),
        }
    }

    /// The same for text of which special tokens are a part: their names in it become the tokens themselves. For chat
    /// templates, never for what a user wrote.
    pub fn encode_marked(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let names: Vec<(u32, String)> =
            self.special.iter().filter_map(|id| Some((*id, self.inner.id_to_token(*id)?))).collect();
        let starts_here = |rest: &str| {
            let found = names.iter().filter(|(_, name)| !name.is_empty() && rest.starts_with(name.as_str()));
            found.max_by_key(|(_, name)| name.len())
        };
        let (mut ids, mut from, mut at) = (Vec::new(), 0, 0);
        while let Some(next) = text[at..].chars().next() {
            let Some((id, name)) = starts_here(&text[at..]) else {
                at += next.len_utf8();
                continue;
            };
            ids.extend(self.encode(&text[from..at])?);
            ids.push(*id);
            at += name.len();
            from = at;
        }
        ids.extend(self.encode(&text[from..])?);
        Ok(ids)
    }

    /// Ids of a text that does not begin a document: no space is put before it that it does not have.
    pub fn encode_inside(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        if !self.adds_space || text.is_empty() {
            return self.encode(text);
        }
        if let Some(rest) = text.strip_prefix(' ').filter(|rest| !rest.is_empty()) {
            return self.encode(rest);
        }
        // A line break shares no token with what follows it; the space goes before it and both are left out.
        let ids = self.encode(&format!("\n{text}"))?;
        let mut skipped = 0;
        let own = ids.iter().position(|id| {
            let begun = skipped >= 2;
            skipped += self.bytes(*id).len();
            begun
        });
        match own {
            Some(own) if self.joined(&ids[..own]) == b" \n" => Ok(ids[own..].to_vec()),
            _ => self.encode(text),
        }
    }

    /// Ids of the first `end` bytes of a text, as they are with the rest behind them: how blanks are cut depends on what
    /// follows. `begins` says whether the text begins a document. Where no token ends there, the bytes are taken alone.
    pub fn encode_until(&self, text: &str, end: usize, begins: bool) -> Result<Vec<u32>, ModelError> {
        let encode = |text: &str| if begins { self.encode(text) } else { self.encode_inside(text) };
        if end >= text.len() || end == 0 {
            return encode(&text[..end.min(text.len())]);
        }
        let mut ids = encode(text)?;
        let added = usize::from(begins && self.adds_space_to(text));
        if !self.spell(&ids, added, text) {
            return encode(&text[..end]);
        }
        let last = self.ends_after(added, &ids).take_while(|at| *at <= end).enumerate().last();
        match last {
            Some((index, at)) if at == end => {
                ids.truncate(index + 1);
                Ok(ids)
            }
            _ => encode(&text[..end]),
        }
    }

    /// Where in a text each of the tokens ends that [`Tokenizer::encode`] made of it, in bytes: the blank that some
    /// tokenizers put in front of it is none of its bytes.
    pub fn ends(&self, text: &str, ids: &[u32]) -> Vec<usize> {
        let added = usize::from(self.adds_space_to(text));
        if self.spell(ids, added, text) {
            return self.ends_after(added, ids).collect();
        }
        // A tokenizer that changes a text first (Unicode's normal forms, accents, blanks) has other bytes than it, and tells
        // where they came from.
        let Ok(encoding) = self.inner.encode(text, false) else { return vec![text.len(); ids.len()] };
        let offsets = encoding.get_offsets().iter().map(|(_, end)| *end);
        let ends = offsets.chain(std::iter::repeat(text.len())).take(ids.len()).scan(0, |last, end| {
            let end = (0..=end.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            *last = end.max(*last);
            Some(*last)
        });
        ends.collect()
    }

    fn adds_space_to(&self, text: &str) -> bool {
        self.adds_space && !text.starts_with(' ')
    }

    /// Where tokens end in a text of which so many bytes were put in front.
    fn ends_after(&self, added: usize, ids: &[u32]) -> impl Iterator<Item = usize> {
        ids.iter().scan(0, move |at, id| {
            *at += self.bytes(*id).len();
            Some(at.saturating_sub(added))
        })
    }

    /// Whether tokens spell a text with so many bytes in front: not where the tokenizer changes texts first.
    pub(crate) fn spell(&self, ids: &[u32], added: usize, text: &str) -> bool {
        ids.iter().flat_map(|id| self.bytes(*id)).skip(added).eq(text.as_bytes())
    }

    fn joined(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().flat_map(|id| self.bytes(*id)).copied().collect()
    }

    /// The bytes that a token stands for; none for special tokens and unknown ids.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.pieces.get(id as usize).map_or(&[], Vec::as_slice)
    }

    /// The id of a token by its name.
    pub(crate) fn id_of(&self, name: &str) -> Option<u32> {
        self.inner.token_to_id(name)
    }

    /// One more than the largest id.
    pub fn size(&self) -> usize {
        self.pieces.len()
    }

    /// The ids of special tokens, sorted.
    pub fn special(&self) -> &[u32] {
        &self.special
    }

    /// Ids that stand for no text: special tokens and gaps in the numbering.
    pub(crate) fn textless(&self) -> impl Iterator<Item = u32> + '_ {
        self.pieces.iter().enumerate().filter(|(_, bytes)| bytes.is_empty()).map(|(id, _)| id as u32)
    }

    /// The mask token, where the vocabulary names one.
    pub(crate) fn mask(&self) -> Option<u32> {
        MASK_NAMES.iter().find_map(|name| self.inner.token_to_id(name))
    }
}

/// Takes out of a GGUF file's metadata the lists of tokens that a whole `tokenizer.json` beside them says again: tens of
/// megabytes in a large vocabulary.
pub(crate) fn forget_lists(content: &mut Content) {
    if content.metadata.contains_key(WHOLE) {
        content.metadata.retain(|key, _| !LISTS.contains(&key.as_str()));
    }
}

/// Whether a GGUF file carries a tokenizer.
pub(crate) fn is_in(content: &Content) -> bool {
    let kind = content.metadata.get("tokenizer.ggml.model").and_then(|kind| kind.to_string().ok());
    // Of those that are in lists, candle reads the byte-level ones.
    let in_lists = content.metadata.contains_key("tokenizer.ggml.tokens");
    content.metadata.contains_key(WHOLE) || in_lists && kind.is_some_and(|kind| kind == "gpt2")
}

/// The tokenizer's file in a model's folder, if there is one: `tokenizer.json`, or `vocab.json` with `merges.txt` beside it.
pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
    let is_there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
    is_there("tokenizer.json").or_else(|| is_there("merges.txt").and_then(|_| is_there("vocab.json")))
}

/// A tokenizer as the text of a `tokenizer.json`; the path is the one that [`find`] gives, or a folder.
pub(crate) fn text(path: &Path) -> Result<String, ModelError> {
    let path = if path.is_dir() { find(path).unwrap_or_else(|| path.join("tokenizer.json")) } else { path.to_owned() };
    if path.file_name().is_some_and(|name| name == "vocab.json") {
        return lists::read(path.parent().unwrap_or(Path::new(".")));
    }
    // Read it ourselves: the crate's error does not tell a missing file from a damaged one.
    let bytes = std::fs::read(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
    String::from_utf8(bytes).map_err(|_| ModelError::Damaged { path, why: "it is no UTF-8".into() })
}

fn one_line(why: &str) -> String {
    why.lines().next().unwrap_or_default().to_owned()
}

fn spelling_of(inner: &tokenizers::Tokenizer) -> Spelling {
    let byte_level = match inner.get_decoder() {
        Some(DecoderWrapper::ByteLevel(_)) => true,
        Some(DecoderWrapper::Sequence(sequence)) => {
            sequence.get_decoders().iter().any(|decoder| matches!(decoder, DecoderWrapper::ByteLevel(_)))
        }
        _ => false,
    };
    match inner.get_model() {
        ModelWrapper::WordPiece(_) => Spelling::WordPiece,
        _ if byte_level => Spelling::ByteLevel,
        _ => Spelling::Metaspace,
    }
}

/// GPT-2's `bytes_to_unicode`, inverted: printable Latin-1 characters stand for themselves, the others are shifted
/// to U+0100 and on.
fn byte_stand_ins() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut shifted = 0x100;
    let mut map = HashMap::with_capacity(256);
    for byte in 0..=u8::MAX {
        if printable(byte) {
            map.insert(char::from(byte), byte);
        } else {
            map.extend(char::from_u32(shifted).map(|character| (character, byte)));
            shifted += 1;
        }
    }
    map
}

fn piece_bytes(token: &str, spelling: Spelling, stand_ins: &HashMap<char, u8>) -> Vec<u8> {
    match spelling {
        Spelling::ByteLevel => {
            let mut bytes = Vec::with_capacity(token.len());
            for character in token.chars() {
                match stand_ins.get(&character) {
                    Some(byte) => bytes.push(*byte),
                    None => bytes.extend(character.to_string().as_bytes()),
                }
            }
            bytes
        }
        Spelling::Metaspace => {
            let hex = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => vec![byte],
                None => token.replace('▁', " ").into_bytes(),
            }
        }
        Spelling::WordPiece => match token.strip_prefix("##") {
            Some(rest) if !rest.is_empty() => rest.as_bytes().to_vec(),
            _ if follows_a_blank(token) => format!(" {token}").into_bytes(),
            _ => token.as_bytes().to_vec(),
        },
    }
}

/// Whether a blank is usual before a token that begins a word or is a mark; East Asian writing has none.
fn follows_a_blank(token: &str) -> bool {
    token.starts_with(|c: char| c < '\u{2E80}' && (c.is_alphanumeric() || "([{$&+=".contains(c)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_byte_has_one_stand_in() {
        let map = byte_stand_ins();
        let mut bytes: Vec<u8> = map.values().copied().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!(map[&'Ġ'], b' ');
        assert_eq!(map[&'Ċ'], b'\n');
    }

    #[test]
    fn pieces_of_all_spellings_become_bytes() {
        let map = byte_stand_ins();
        assert_eq!(piece_bytes("ĠParis", Spelling::ByteLevel, &map), b" Paris");
        assert_eq!(piece_bytes("Ã©", Spelling::ByteLevel, &map), "é".as_bytes());
        assert_eq!(piece_bytes("▁Paris", Spelling::Metaspace, &map), b" Paris");
        assert_eq!(piece_bytes("<0x0A>", Spelling::Metaspace, &map), b"\n");
        let word_piece = |token: &str| String::from_utf8(piece_bytes(token, Spelling::WordPiece, &map)).unwrap();
        assert_eq!(
            ["paris", "##ning", ",", "(", "##", "京"].map(word_piece),
            [" paris", "ning", ",", " (", "##", "京"]
        );
    }

    /// BERT's way to spell, with a few words.
    fn word_pieces() -> Tokenizer {
        let words = ["[UNK]", "the", "cafe", "is", "run", "##ning", ",", "a"];
        let vocab: serde_json::Map<_, _> =
            words.iter().zip(0..).map(|(word, id)| (word.to_string(), json!(id))).collect();
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null,
            "normalizer": {
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                "lowercase": true,
            },
            "pre_tokenizer": { "type": "BertPreTokenizer" },
            "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
            "model": {
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": vocab,
            },
        });
        Tokenizer::from_json(Path::new("x"), json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn tokens_of_a_tokenizer_that_changes_texts_end_where_they_came_from() {
        let tokenizer = word_pieces();
        let text = "The café,\n\nis  running";
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(ids, [1, 2, 6, 3, 4, 5]);
        let mut start = 0;
        let pieces = tokenizer.ends(text, &ids).into_iter().map(|end| &text[std::mem::replace(&mut start, end)..end]);
        assert_eq!(pieces.collect::<Vec<_>>(), ["The", " café", ",", "\n\nis", "  run", "ning"]);
        assert_eq!(tokenizer.encode_until(text, 9, true).unwrap(), [1, 2]);
        assert_eq!(tokenizer.encode_until(text, 14, true).unwrap(), [1, 2, 6, 3]);
    }
}
