//! The agent's calls to S3: one client for the repository and for the source archive, and one way to
//! say why a call failed.
//!
//! It must never wait for ever, nor give up on what passes by itself.

mod failure;

use std::{future::Future, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    config::{
        RequestChecksumCalculation, ResponseChecksumValidation, retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use nightkeep_domain::cause::Cause;
use tokio::runtime::Handle;

pub(crate) use self::failure::Call;

/// The client. What is written carries a checksum that the agent gives.
pub(crate) fn client(shared: &SdkConfig) -> Client {
    let config = aws_sdk_s3::config::Builder::from(shared)
        // The agent sends SHA-256 with what it writes; the SDK's own would only cost time.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::standard().with_max_attempts(6).with_max_backoff(Duration::from_secs(10)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .read_timeout(Duration::from_secs(60))
                .operation_attempt_timeout(Duration::from_secs(600))
                .build(),
        )
        .build();
    Client::from_conf(config)
}

/// The bucket, for those who block: they call it from threads outside `runtime`.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
    runtime: Handle,
}

impl Bucket {
    /// The bucket of this name.
    pub(crate) fn new(shared: &SdkConfig, name: String, runtime: Handle) -> Self {
        Self { client: client(shared), name, runtime }
    }

    /// Runs a call to its end. `doing` says what it does and to what, such as “removing a/b”.
    pub(crate) fn run<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, Call>>,
    ) -> Result<T, Cause> {
        self.runtime.block_on(call).map_err(|error| error.cause(doing))
    }
}
