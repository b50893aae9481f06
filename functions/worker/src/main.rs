//! The worker as an AWS Lambda function. Its environment is read here, once.

use std::{env, io};

use anyhow::Context;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use nightkeep_cloud::{Ledger, Metrics, Services, SettingsStore, TaskConfig, Tasks};
use nightkeep_worker::Worker;

// One event at a time is answered here: threads would only cost start-up time and memory.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    nightkeep_cloud::log::start();
    let shared = nightkeep_cloud::connect().await;
    let table = variable("NIGHTKEEP_TABLE")?;
    let worker = &Worker {
        ledger: Ledger::new(&shared, &table),
        tasks: Tasks::new(&shared, tasks()?),
        services: Services::new(&shared, variable("NIGHTKEEP_SERVICES_CLUSTER")?),
        settings: SettingsStore::new(&shared, variable("NIGHTKEEP_PARAMETERS")?),
        metrics: Metrics::to(io::stdout(), table),
    };
    lambda_runtime::run(service_fn(|_event: LambdaEvent<serde_json::Value>| async move {
        worker.wake(Timestamp::now).await.map(|_| ()).map_err(lambda_runtime::Error::from)
    }))
    .await
}

fn tasks() -> anyhow::Result<TaskConfig> {
    let list = |name: &str| -> Vec<String> {
        let value = env::var(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    Ok(TaskConfig {
        cluster: variable("NIGHTKEEP_CLUSTER")?,
        definition: variable("NIGHTKEEP_TASK_DEFINITION")?,
        container: variable("NIGHTKEEP_CONTAINER")?,
        subnets: list("NIGHTKEEP_SUBNETS"),
        security_groups: list("NIGHTKEEP_SECURITY_GROUPS"),
        fargate: env::var("NIGHTKEEP_LAUNCH_TYPE").is_ok_and(|value| value == "FARGATE"),
        public_address: env::var("NIGHTKEEP_PUBLIC_ADDRESS").is_ok_and(|value| value == "true"),
    })
}

fn variable(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("reading the environment variable {name}"))
}
