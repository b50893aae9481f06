//! A confirmation: six characters that a person reads and types before something that cannot be taken
//! back lightly (R7). It is bound to one action, one record and one user, for five minutes, once.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::identifier::RecordId;

/// How long a confirmation can be used.
pub const VALID: SignedDuration = SignedDuration::from_mins(5);

/// What a confirmation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Restore a record.
    Restore,
    /// Restart the services.
    Restart,
    /// End a maintenance by hand.
    EndMaintenance,
}

/// The characters: capital letters and digits without those that look alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 6, max_length = 6)]
pub struct Code(String);

/// A confirmation that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its name.
    pub id: Uuid,
    /// What it is for.
    pub action: Action,
    /// The record that it is for, if the action is about one.
    pub record_id: Option<RecordId>,
    /// Who may use it.
    pub user: String,
    /// What has to be typed.
    pub code: Code,
    /// Until when it can be used.
    pub valid_until: Timestamp,
}

/// A confirmation as somebody uses it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    /// Which one.
    pub id: Uuid,
    /// What was typed.
    #[serde(deserialize_with = "typed")]
    pub code: Code,
}

/// A text that cannot be a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a code has {} characters", Code::LENGTH)]
pub struct NotACode;

impl Code {
    /// How many characters.
    pub const LENGTH: usize = 6;

    /// What they are taken from: no I, L, O, 0, 1.
    pub const ALPHABET: &'static [u8; 31] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

    /// The code of six draws, each the position of a character in the alphabet; what is beyond counts
    /// from its start again.
    pub fn drawn(draws: [usize; Self::LENGTH]) -> Self {
        let character = |draw: usize| char::from(Self::ALPHABET[draw % Self::ALPHABET.len()]);
        Self(draws.into_iter().map(character).collect())
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was typed, in either case, with spaces around it.
impl FromStr for Code {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let text = text.trim().to_ascii_uppercase();
        if text.chars().count() == Self::LENGTH { Ok(Self(text)) } else { Err(NotACode) }
    }
}

fn typed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_a_code_has_six_characters_that_cannot_be_mistaken() {
        assert_eq!(Code::drawn([0, 1, 2, 22, 23, 30]).as_str(), "ABCZ29");
        for look_alike in ["I", "L", "O", "0", "1"] {
            assert!(!Code::ALPHABET.contains(&look_alike.as_bytes()[0]));
        }
    }

    #[test]
    fn r7_what_is_typed_is_compared_without_regard_to_case() {
        assert_eq!(" abcz29 ".parse(), Ok(Code::drawn([0, 1, 2, 22, 23, 30])));
        for wrong in ["", "abcz2", "abcz299", "日本語日本語日"] {
            assert_eq!(wrong.parse::<Code>(), Err(NotACode), "{wrong}");
        }
    }
}
