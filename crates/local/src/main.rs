//! The command line.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use nightkeep_local::{
    Refused, guestbook,
    program::{self, Options},
    sign_in::Provider,
};
use rustix::process::Signal;
use tracing_subscriber::EnvFilter;

/// What is logged unless RUST_LOG says otherwise: our own doings, and only warnings of others.
const LOGGED: &str = "warn,nightkeep=info,s3s=error";

/// The exit code of a program that was not started as it should be.
const REFUSED: u8 = 2;

/// Nightkeep on one machine: backups of an application, with a page to look after them.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// The port of the page on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The folder that keeps everything: records, repository, password, logs
    #[arg(long, value_name = "FOLDER", default_value = ".nightkeep")]
    state: PathBuf,
    /// The description of the application to look after; without it, a small sample
    #[arg(long, value_name = "FILE.toml")]
    application: Option<PathBuf>,
    #[command(flatten)]
    provider: Provider,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What can be set at the start as well as with the AWS command line. A flag is the setting's new value;
/// without it the setting stays as it was.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Settings (each stays as it was last set)")]
struct Settings {
    /// When the nightly backup begins, hours and minutes [default: 02:00]
    #[arg(long, value_name = "HH:MM")]
    backup_time: Option<String>,
    /// Where that is the local time [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Whether there is a nightly backup, on or off [default: on]
    #[arg(long, value_name = "ON|OFF")]
    nightly: Option<String>,
    /// How long after its time a nightly backup may still begin [default: 4]
    #[arg(long, value_name = "HOURS")]
    catch_up_hours: Option<String>,
    /// How long records and backups are kept [default: 60]
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<String>,
    /// How many of the newest backups are kept whatever their age [default: 0]
    #[arg(long, value_name = "N")]
    keep_newest: Option<String>,
    /// What the application tells its users while it is under maintenance
    #[arg(long, value_name = "TEXT")]
    maintenance_message: Option<String>,
    /// How long the agent waits after maintenance went on before it reads data [default: 5]
    #[arg(long, value_name = "SECONDS")]
    settle_seconds: Option<String>,
    /// How long a stage may take before it is stopped [default: 6]
    #[arg(long, value_name = "HOURS")]
    longest_stage_hours: Option<String>,
    /// Which services a restart replaces, names with commas [default: all]
    #[arg(long, value_name = "NAMES")]
    services: Option<String>,
    /// How long a session lasts from its sign-in on [default: 8]
    #[arg(long, value_name = "HOURS")]
    session_hours: Option<String>,
    /// How long a session lasts without a request [default: 60]
    #[arg(long, value_name = "MINUTES")]
    session_idle_minutes: Option<String>,
}

impl Settings {
    /// Those that were given, by the settings' names.
    fn given(self) -> Vec<(&'static str, String)> {
        let all = [
            ("backup-time", self.backup_time),
            ("time-zone", self.time_zone),
            ("nightly", self.nightly),
            ("catch-up-hours", self.catch_up_hours),
            ("retention-days", self.retention_days),
            ("keep-newest", self.keep_newest),
            ("maintenance-message", self.maintenance_message),
            ("settle-seconds", self.settle_seconds),
            ("longest-stage-hours", self.longest_stage_hours),
            ("services", self.services),
            ("session-hours", self.session_hours),
            ("session-idle-minutes", self.session_idle_minutes),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a task runs to do one stage of an operation; the program starts it by itself, not by hand
    Agent,
    /// The sample application: a guest book with a page of its own
    Guestbook(Guestbook),
}

#[derive(Debug, clap::Args)]
struct Guestbook {
    /// The port of its page on 127.0.0.1
    #[arg(long, default_value_t = 8090)]
    port: u16,
    /// The folder of its entries
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The URL of a PostgreSQL database that keeps the entries too; none if it is empty
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true, default_value = "")]
    database: String,
    /// Where to ask whether the guest book is under maintenance; without it, it never is
    #[arg(long, value_name = "URL", env = "NIGHTKEEP_MAINTENANCE_URL", default_value = "")]
    maintenance: String,
}

fn main() -> ExitCode {
    let Arguments { port, state, application, provider, settings, command } = Arguments::parse();
    if let Some(Command::Agent) = command {
        return agent();
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let ended = match command {
        Some(Command::Guestbook(arguments)) => runtime.block_on(open_guest_book(arguments)),
        Some(Command::Agent) | None => {
            let settings = settings.given();
            runtime.block_on(program::run(Options { port, state, application, provider, settings }))
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The agent, which ends with the program that started it: without that one's endpoints it can do nothing
/// but hold on to the application's data.
fn agent() -> ExitCode {
    match end_with_parent() {
        Ok(()) => nightkeep_agent::main(),
        Err(error) => fail(&error),
    }
}

/// The guest book. As a service it too ends with the program that started it: its port is free then at
/// the next start, and nobody signs a book whose maintenance flag is gone.
async fn open_guest_book(arguments: Guestbook) -> anyhow::Result<()> {
    if std::env::var_os("NIGHTKEEP_TASK").is_some() {
        end_with_parent()?;
    }
    let Guestbook { port, folder, database, maintenance } = arguments;
    let given = |url: String| Some(url).filter(|url| !url.is_empty());
    let (database, maintenance) = (given(database), given(maintenance));
    guestbook::run(port, guestbook::Options { folder, database, maintenance }).await
}

fn end_with_parent() -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("tying this process’s life to its program’s")
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Nothing can be done if even this cannot be said.
    let _said = writeln!(io::stderr(), "nightkeep: {error:#}");
    if error.is::<Refused>() { ExitCode::from(REFUSED) } else { ExitCode::FAILURE }
}
