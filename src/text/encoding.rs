//! How a text is written as bytes: read from them without losing one, and written back as it was.
//!
//! A byte order mark is no part of the text but of how it is written, so nothing can come to stand before it. Bytes that are
//! not UTF-8 and have no mark of UTF-16 are taken as Windows-1252, of which Latin-1's letters are a part and which has a
//! character for each byte: reading and writing such a file changes no byte.

use encoding_rs::WINDOWS_1252;

use crate::text::buffer::Buffer;

/// How characters are written as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-8 behind a byte order mark.
    MarkedUtf8,
    /// UTF-16 behind a byte order mark, the lower byte first.
    Utf16Le,
    /// UTF-16 behind a byte order mark, the higher byte first.
    Utf16Be,
    /// Windows-1252, which most of Western Europe's old files are in.
    Windows1252,
}

/// A character that an encoding does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unencodable {
    /// The character.
    pub character: char,
    /// The line it is on, from 0.
    pub line: usize,
}

impl Encoding {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::MarkedUtf8 => "UTF-8 with a mark",
            Self::Utf16Le => "UTF-16 LE",
            Self::Utf16Be => "UTF-16 BE",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// The byte order mark.
pub(crate) const MARK: char = '\u{feff}';

/// The text of a file and how it is written. The error says what is wrong with it and goes after the file's name.
pub fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), String> {
    let wide = match bytes.get(..2) {
        Some([0xff, 0xfe]) => Some((Encoding::Utf16Le, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        Some([0xfe, 0xff]) => Some((Encoding::Utf16Be, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    let (text, encoding) = match (wide, String::from_utf8(bytes)) {
        (Some((encoding, read)), Err(error)) => (from_utf16(error.as_bytes(), read)?, encoding),
        (_, Ok(text)) => (text, Encoding::Utf8),
        (None, Err(error)) if error.as_bytes().contains(&0) => {
            let at = error.as_bytes().iter().position(|byte| *byte == 0).unwrap_or_default();
            return Err(format!("is not a text: there is a zero byte at offset {at}; only text can be edited"));
        }
        (None, Err(error)) => {
            let text = WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned();
            (text, Encoding::Windows1252)
        }
    };
    let (text, encoding) = match (text.strip_prefix(MARK), encoding) {
        (Some(rest), Encoding::Utf8) => (rest.to_owned(), Encoding::MarkedUtf8),
        (Some(rest), Encoding::Utf16Le | Encoding::Utf16Be) => (rest.to_owned(), encoding),
        _ => (text, encoding),
    };
    match text.find('\0') {
        Some(at) => Err(format!("is not a text: there is a zero byte at offset {at}; only text can be edited")),
        None => Ok((text, encoding)),
    }
}

fn from_utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Result<String, String> {
    let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if bytes.len().is_multiple_of(2) => Ok(text),
        _ => Err("begins like UTF-16 but is broken: a character is cut in half; only text can be edited".to_owned()),
    }
}

/// The bytes of a text; `None` stands for the text's own, which are UTF-8.
pub fn encode(buffer: &Buffer, encoding: Encoding) -> Result<Option<Vec<u8>>, Unencodable> {
    let chunks = buffer.rope().chunks();
    let mut mark = [0; 4];
    let chunks = std::iter::once(&*MARK.encode_utf8(&mut mark)).chain(chunks);
    let write: fn(u16) -> [u8; 2] = match encoding {
        Encoding::Utf8 => return Ok(None),
        Encoding::MarkedUtf8 => return Ok(Some(chunks.flat_map(str::bytes).collect())),
        Encoding::Windows1252 => return windows_1252(buffer).map(Some),
        Encoding::Utf16Le => u16::to_le_bytes,
        Encoding::Utf16Be => u16::to_be_bytes,
    };
    Ok(Some(chunks.flat_map(str::encode_utf16).flat_map(write).collect()))
}

fn windows_1252(buffer: &Buffer) -> Result<Vec<u8>, Unencodable> {
    let mut bytes = Vec::with_capacity(buffer.len());
    let mut pos = 0;
    for chunk in buffer.rope().chunks() {
        let (encoded, _, lossy) = WINDOWS_1252.encode(chunk);
        if lossy {
            let alone = |c: &char| WINDOWS_1252.encode(c.encode_utf8(&mut [0; 4])).2;
            let (at, character) = chunk.chars().enumerate().find(|(_, c)| alone(c)).unwrap_or((0, '?'));
            return Err(Unencodable { character, line: buffer.line_of(pos + at) });
        }
        bytes.extend_from_slice(&encoded);
        pos += chunk.chars().count();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(text: &str, encoding: Encoding) -> Vec<u8> {
        encode(&Buffer::from_text(text), encoding).unwrap().unwrap_or_else(|| text.as_bytes().to_vec())
    }

    #[test]
    fn encodings_are_told_apart() {
        let of = |bytes: &[u8]| decode(bytes.to_vec());
        assert_eq!(of("é\r\n".as_bytes()), Ok(("é\r\n".into(), Encoding::Utf8)));
        assert_eq!(of(b"\xef\xbb\xbfa"), Ok(("a".into(), Encoding::MarkedUtf8)));
        assert_eq!(of(b"\xff\xfea\0\x3d\xd8\x00\xde"), Ok(("a😀".into(), Encoding::Utf16Le)));
        assert_eq!(of(b"\xfe\xff\0a"), Ok(("a".into(), Encoding::Utf16Be)));
        assert_eq!(of(b"caf\xe9 \x80\x9d"), Ok(("café €\u{9d}".into(), Encoding::Windows1252)));
        assert!(of(b"\xff\xfea").unwrap_err().contains("UTF-16"));
        assert!(of(b"\xff\xfe\0\xd8").unwrap_err().contains("UTF-16"));
        assert!(of(b"\x7fELF\0\xff").unwrap_err().contains("zero byte at offset 4"));
        assert!(of(b"a\0").unwrap_err().contains("zero byte at offset 1"));
    }

    #[test]
    fn what_an_encoding_does_not_have_is_told_with_its_line() {
        let buffer = Buffer::from_text("a\né\n字");
        assert_eq!(encode(&buffer, Encoding::Windows1252), Err(Unencodable { character: '字', line: 2 }));
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(bytes in prop_oneof![Just(vec![]), Just(b"\xef\xbb\xbf".to_vec()), Just(b"\xff\xfe".to_vec())], rest in proptest::collection::vec(1..=255_u8, 0..80)) {
            let bytes = [bytes, rest].concat();
            if let Ok((text, encoding)) = decode(bytes.clone()) {
                prop_assert_eq!(bytes_of(&text, encoding), bytes);
            }
        }

        #[test]
        fn texts_come_back_from_every_encoding(text in "[ -~é€😀字\n]{0,40}") {
            for encoding in [Encoding::MarkedUtf8, Encoding::Utf16Le, Encoding::Utf16Be] {
                prop_assert_eq!(decode(bytes_of(&text, encoding)), Ok((text.clone(), encoding)));
            }
        }
    }
}
