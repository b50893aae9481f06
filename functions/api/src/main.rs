//! The api as an AWS Lambda function. Its environment is read here, once.

use std::env;

use anyhow::Context;
use jiff::Timestamp;
use nightkeep_api::{Api, Role, User};
use nightkeep_cloud::{Archives, Ledger, SettingsStore};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let shared = nightkeep_cloud::connect().await;
    let api = Api {
        ledger: Ledger::new(&shared, variable("NIGHTKEEP_TABLE")?),
        archives: Archives::new(&shared, variable("NIGHTKEEP_BUCKET")?),
        settings: SettingsStore::new(&shared, variable("NIGHTKEEP_PARAMETERS")?),
        user: User { name: variable("NIGHTKEEP_USER")?, role: Role::Operator },
        clock: Timestamp::now,
    };
    lambda_http::run(nightkeep_api::router(api)).await
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("reading the environment variable {name}"))
}
