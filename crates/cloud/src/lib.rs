//! Every call to AWS that the three functions make: the ledger (DynamoDB), the agent's tasks and the
//! application's services (ECS), the source archives (S3), the settings (SSM); and how they log.
//!
//! **Architecture Invariant:** no `aws_sdk_*` type leaves this crate, and there is no trait over AWS
//! with a second implementation. On one machine and in tests the same calls go to endpoints on
//! loopback.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};

mod archives;
mod error;
mod http;
mod ledger;
pub mod log;
mod metrics;
mod secrets;
mod services;
mod settings;
mod tasks;

pub use archives::{Archives, Link, attachment};
pub use error::{Error, Kind};
pub use ledger::{ActivityPage, Begin, Beginning, Edit, Holding, Ledger, Page, Use};
pub use metrics::Metrics;
pub use secrets::Secrets;
pub use services::Services;
pub use settings::{InForce, SettingsStore};
pub use tasks::{TaskConfig, Tasks};

/// How long connecting may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// What all clients share: region, credentials and endpoints, from the environment, and how long an
/// answer may take. The SDK itself would wait for ever.
pub async fn connect() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http::client(CONNECTED_WITHIN))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECTED_WITHIN)
                .operation_attempt_timeout(Duration::from_secs(15))
                .build(),
        )
        .load()
        .await
}
