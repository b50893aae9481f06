//! Identifiers. All are UUIDs of version 7: they sort by the time at which they were made, so that
//! newest first is a query backwards and what is too old is one range.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not an identifier: a UUID such as 019ab1d2-6c40-7e1a-9b07-51c2e8d0f3a4 is expected")]
pub struct NotAnIdentifier(String);

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier of a thing made at `now`; `random` comes from the operating system.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
                Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = NotAnIdentifier;

            /// Only the canonical form, lower case with hyphens: the table's keys are compared as text.
            fn from_str(text: &str) -> Result<Self, NotAnIdentifier> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if uuid.hyphenated().to_string() == text => Ok(Self(uuid)),
                    Ok(_) | Err(_) => Err(NotAnIdentifier(text.chars().take(100).collect())),
                }
            }
        }
    };
}

identifier! {
    /// Names a record, a row of the table, for ever.
    RecordId
}
identifier! {
    /// Names an operation, which exists only while it is in progress.
    OperationId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_the_time_they_were_made() {
        let earlier = RecordId::new(Timestamp::from_second(1_700_000_000).unwrap(), [255; 10]);
        let later = RecordId::new(Timestamp::from_second(1_700_000_001).unwrap(), [0; 10]);
        assert!(earlier < later);
        assert!(earlier.to_string() < later.to_string());
    }

    #[test]
    fn only_the_canonical_form_is_an_identifier() {
        let id = RecordId::new(Timestamp::from_second(1_700_000_000).unwrap(), [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "../operation",
            "operation",
            &id.to_string().to_uppercase(),
            &id.to_string().replace('-', ""),
        ] {
            assert!(wrong.parse::<RecordId>().is_err(), "{wrong}");
        }
    }
}
