//! The agent: runs as a task beside the application's data, sees one stage of one operation through,
//! and reports.
//!
//! It must never touch data or write a word into the table once its assignment no longer holds.

mod backup;
mod engine_log;
mod progress;
mod purge;
mod report;
mod repository;
mod restore;
mod s3;
mod source_archive;
mod sources;
mod stage;
mod storage;

use std::{
    any::Any,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use nightkeep_cloud::Ledger;
use nightkeep_domain::{
    cause::Cause,
    operation::{Assignment, Report},
};
use tracing_subscriber::EnvFilter;

use crate::{
    progress::Tally,
    report::{Reporter, patiently},
    stage::Stage,
};

/// What an agent's process is started with beside its configuration. Its threads share what memory they
/// have freed: with an arena for each, as is the C library's default, it takes half as much again.
pub const ENVIRONMENT: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "2")];

/// What the environment says.
struct Config {
    table: String,
    bucket: String,
    parameters: String,
    cache: PathBuf,
    assignment: Assignment,
}

impl Config {
    fn from_environment() -> anyhow::Result<Self> {
        let variable =
            |name: &str| env::var(name).with_context(|| format!("reading the environment variable {name}"));
        let number = |name: &str| -> anyhow::Result<u32> {
            variable(name)?.parse().with_context(|| format!("reading the environment variable {name}"))
        };
        let operation = variable("NIGHTKEEP_OPERATION")?;
        Ok(Self {
            table: variable("NIGHTKEEP_TABLE")?,
            bucket: variable("NIGHTKEEP_BUCKET")?,
            parameters: variable("NIGHTKEEP_PARAMETERS")?,
            cache: variable("NIGHTKEEP_CACHE")?.into(),
            assignment: Assignment {
                operation: operation
                    .parse()
                    .context("reading the environment variable NIGHTKEEP_OPERATION")?,
                stage: usize::try_from(number("NIGHTKEEP_STAGE")?)?,
                attempt: number("NIGHTKEEP_ATTEMPT")?,
            },
        })
    }
}

/// Runs the assignment that the environment names, and reports how it ended. A task whose stage failed
/// has still done its work: it exits with success once its report is written.
pub fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter);
    subscriber.with_writer(std::io::stderr).init();
    engine_log::catch();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let config = Config::from_environment()?;
    // The engine blocks in threads of its own; these two only carry the calls to AWS.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let shared = runtime.block_on(nightkeep_cloud::connect());
    let ledger = Ledger::new(&shared, &config.table);
    let assignment = config.assignment;
    let operation = runtime.block_on(patiently(|| ledger.claim(assignment)))?;
    tracing::info!(
        operation = %operation.id, record = %operation.record_id, stage = assignment.stage,
        attempt = assignment.attempt, "the agent begins"
    );
    let tally = Arc::new(Tally::default());
    let reporter = Reporter::start(&runtime, ledger.clone(), assignment, Arc::clone(&tally));
    let stage = Stage { config: &config, shared: &shared, runtime: &runtime, ledger: &ledger, tally };
    let report = catch_unwind(AssertUnwindSafe(|| stage.run(&operation)))
        .unwrap_or_else(|panic| Err(Cause::Unexpected { what: panicked(&*panic) }.into()))
        .unwrap_or_else(|error| Report::Failed { cause: cause(error) });
    reporter.stop(&runtime);
    if let Report::Failed { cause } = &report {
        tracing::error!(operation = %operation.id, "{cause}");
    }
    runtime.block_on(patiently(|| ledger.report(assignment, &report)))?;
    tracing::info!(operation = %operation.id, "the agent has reported");
    Ok(())
}

/// The cause inside an error, or the whole of it where it has none.
fn cause(error: anyhow::Error) -> Cause {
    match error.downcast::<Cause>() {
        Ok(cause) => cause,
        Err(error) => Cause::Unexpected { what: format!("{error:#}") },
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("the agent panicked").to_owned()
}
