//! What the file system says, as S3 errors.
//!
//! Every message says what was being done, to what, and why it failed. It must never turn a failed
//! write into anything a client could read as success.

use std::io::{self, ErrorKind};

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, S3Result};

/// Turns results of the file system into S3 results.
pub(super) trait Explain<T> {
    /// Names what was being done, in the form "writing the object …".
    fn explain(self, doing: impl FnOnce() -> String) -> S3Result<T>;
}

impl<T> Explain<T> for io::Result<T> {
    fn explain(self, doing: impl FnOnce() -> String) -> S3Result<T> {
        self.map_err(|error| explained(&doing(), &error))
    }
}

fn explained(doing: &str, error: &io::Error) -> S3Error {
    match error.kind() {
        // S3 itself has no code for a full disk: its buckets have no end.
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            let mut full = S3Error::with_message(
                S3ErrorCode::Custom("InsufficientStorage".into()),
                format!("{doing}: no space left on device"),
            );
            full.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
            full
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            S3Error::with_message(S3ErrorCode::AccessDenied, format!("{doing}: {error}"))
        }
        ErrorKind::InvalidFilename => S3Error::with_message(
            S3ErrorCode::KeyTooLongError,
            format!("{doing}: the path is too long for this file system"),
        ),
        _ => S3Error::with_message(S3ErrorCode::InternalError, format!("{doing}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_so_and_is_not_worth_a_retry() {
        let error = explained("writing the object \"a\"", &io::Error::from(ErrorKind::StorageFull));
        assert_eq!(error.code().as_str(), "InsufficientStorage");
        assert_eq!(error.status_code(), Some(StatusCode::INSUFFICIENT_STORAGE));
        assert_eq!(error.message(), Some("writing the object \"a\": no space left on device"));
    }
}
