//! What people write on a record: free text in any language, kept as it was written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The notes of a record: at most [`Notes::LONGEST`] characters, any Unicode, line breaks kept, no
/// other control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = String,
    max_length = 10_000,
    pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
)]
pub struct Notes(String);

/// Why a text cannot be the notes of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotesError {
    /// It has more characters than [`Notes::LONGEST`].
    #[error("the notes are too long by {by} characters; {} are the most", Notes::LONGEST)]
    TooLong {
        /// How many characters are too many.
        by: usize,
    },
    /// It has a control character that is neither a line break nor a tab.
    #[error(
        "the notes contain the control character U+{code:04X} at position {at}; only line breaks and tabs are allowed"
    )]
    ControlCharacter {
        /// Its code point.
        code: u32,
        /// Its position, in characters from 1.
        at: usize,
    },
}

impl Notes {
    /// The most characters that notes can have.
    pub const LONGEST: usize = 10_000;

    /// Takes over `text`. Line breaks become `\n` whatever the writer's system makes of them; nothing
    /// else changes.
    ///
    /// # Errors
    /// If it is too long, or holds a control character other than a line break or a tab.
    pub fn new(text: &str) -> Result<Self, NotesError> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let length = text.chars().count();
        if length > Self::LONGEST {
            return Err(NotesError::TooLong { by: length - Self::LONGEST });
        }
        let forbidden = |character: &char| character.is_control() && !matches!(character, '\n' | '\t');
        if let Some((position, character)) = text.chars().enumerate().find(|(_, c)| forbidden(c)) {
            return Err(NotesError::ControlCharacter { code: character.into(), at: position + 1 });
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r2_any_language_and_line_breaks_are_kept() {
        let text = "Vor dem Umbau\n日本語 \u{1f3f0}\tעברית";
        assert_eq!(Notes::new(text).unwrap().as_str(), text);
        assert_eq!(Notes::new("a\r\nb\rc").unwrap().as_str(), "a\nb\nc");
    }

    #[test]
    fn length_is_counted_in_characters_not_in_bytes() {
        let longest = "ß".repeat(Notes::LONGEST);
        assert!(Notes::new(&longest).is_ok());
        assert_eq!(Notes::new(&(longest + "ßß")), Err(NotesError::TooLong { by: 2 }));
    }

    #[test]
    fn control_characters_are_refused_by_name_and_position() {
        let error = Notes::new("ab\u{0}").unwrap_err();
        assert_eq!(error, NotesError::ControlCharacter { code: 0, at: 3 });
        assert!(error.to_string().contains("U+0000 at position 3"));
    }
}
