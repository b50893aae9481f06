//! Why a call to S3 failed, as a cause for people.

use std::error::Error;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use nightkeep_domain::cause::Cause;

/// A call to S3 that failed after all its attempts.
#[derive(Debug)]
pub(crate) enum Call {
    /// S3 answered that it will not do it.
    Refused(String),
    /// There is no room left: an endpoint over a disk can say so.
    Full(String),
    /// The object is not there.
    Missing,
    /// No answer, or one that S3 itself calls passing.
    Broken(String),
}

impl Call {
    fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let SdkError::ServiceError(context) = error else {
            return Self::Broken(innermost(error));
        };
        let status = context.raw().status().as_u16();
        let why = match (error.code(), error.message()) {
            (Some(code), Some(message)) if !message.is_empty() => format!("{code}: {message}"),
            (Some(code), _) => code.to_owned(),
            (None, _) => DisplayErrorContext(error).to_string(),
        };
        match error.code() {
            Some("NoSuchKey") => Self::Missing,
            Some("InsufficientStorage" | "QuotaExceeded" | "XMinioStorageFull") => Self::Full(why),
            Some("SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable") => Self::Broken(why),
            Some(_) | None => match status {
                507 => Self::Full(why),
                408 | 429 | 500.. => Self::Broken(why),
                _ => Self::Refused(why),
            },
        }
    }

    /// The cause, given what was being done, such as “writing repository/config”.
    pub(crate) fn cause(self, doing: &str) -> Cause {
        let doing = doing.to_owned();
        let sentence = |why: String| why.trim_end_matches('.').to_owned();
        match self {
            Self::Refused(why) => Cause::StorageRefused { doing, why: sentence(why) },
            Self::Full(why) => Cause::StorageFull { doing, why: sentence(why) },
            Self::Broken(why) => Cause::StorageUnavailable { doing, why: sentence(why) },
            Self::Missing => {
                Cause::RepositoryDamaged { found: format!("{doing} failed, because the object is not there") }
            }
        }
    }
}

impl<E> From<SdkError<E>> for Call
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        Self::of(&error)
    }
}

/// The last error of a chain: the one that names what the system said.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
