//! The scheduler as an AWS Lambda function. Its environment is read here, once.

use std::{env, io};

use anyhow::Context;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use nightkeep_cloud::{Ledger, Metrics, SettingsStore};
use nightkeep_scheduler::Scheduler;

// One event at a time is answered here: threads would only cost start-up time and memory.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    nightkeep_cloud::log::start();
    let shared = nightkeep_cloud::connect().await;
    let table = variable("NIGHTKEEP_TABLE")?;
    let scheduler = &Scheduler {
        ledger: Ledger::new(&shared, &table),
        settings: SettingsStore::new(&shared, variable("NIGHTKEEP_PARAMETERS")?),
        metrics: Metrics::to(io::stdout(), table),
    };
    lambda_runtime::run(service_fn(|_event: LambdaEvent<serde_json::Value>| async move {
        scheduler.tick(Timestamp::now).await.map_err(lambda_runtime::Error::from)
    }))
    .await
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("reading the environment variable {name}"))
}
