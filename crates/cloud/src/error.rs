//! The one error of this crate: what was being done, what kind of failure it was, and the source.

use std::{error::Error as StdError, fmt};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};

/// A call to AWS that failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {why}")]
pub struct Error {
    /// What kind of failure it was.
    pub kind: Kind,
    doing: String,
    why: String,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The thing does not exist.
    NotFound,
    /// A condition did not hold: somebody else was faster.
    Conflict,
    /// Another transaction was at the same item at that moment; neither has won. It passes at once.
    Contended,
    /// Too many requests.
    Throttled,
    /// Not allowed, or not valid: asking again gives the same answer.
    Denied,
    /// Not reached, timed out, or failed on their side.
    Unavailable,
    /// What is stored cannot be understood.
    Corrupt,
}

impl Error {
    /// Whether asking again can succeed.
    pub fn retryable(&self) -> bool {
        match self.kind {
            Kind::Throttled | Kind::Unavailable | Kind::Conflict | Kind::Contended => true,
            Kind::NotFound | Kind::Denied | Kind::Corrupt => false,
        }
    }

    /// Why it failed, without what was being done.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Something that may work when it is tried again.
    pub fn unavailable(doing: &str, why: impl fmt::Display) -> Self {
        Self::new(Kind::Unavailable, doing, why)
    }

    pub(crate) fn new(kind: Kind, doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { kind, doing: doing.into(), why: why.to_string() }
    }

    pub(crate) fn corrupt(doing: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(Kind::Corrupt, doing, why)
    }

    /// Takes over what the SDK says of a call.
    pub(crate) fn of<E>(doing: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let code = error.code().map(str::to_owned);
        let kind = match (&error, code.as_deref()) {
            (_, Some("ConditionalCheckFailedException")) => Kind::Conflict,
            (_, Some("TransactionConflictException")) => Kind::Contended,
            (_, Some("ResourceNotFoundException" | "ParameterNotFound" | "NoSuchKey" | "NotFound")) => {
                Kind::NotFound
            }
            (
                _,
                Some(
                    "ProvisionedThroughputExceededException"
                    | "ThrottlingException"
                    | "RequestLimitExceeded"
                    | "TooManyRequestsException"
                    | "SlowDown",
                ),
            ) => Kind::Throttled,
            // The next call has new ones.
            (_, Some("ExpiredTokenException" | "ExpiredToken" | "RequestExpired")) => Kind::Unavailable,
            (SdkError::ServiceError(context), _) if context.raw().status().is_client_error() => Kind::Denied,
            (SdkError::ConstructionFailure(_), _) => Kind::Denied,
            _ => Kind::Unavailable,
        };
        let why = match (code, error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code,
            (None, _) => DisplayErrorContext(&error).to_string(),
        };
        Self::new(kind, doing, why)
    }
}
