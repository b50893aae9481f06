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
    #[command(subcommand)]
    command: Option<Command>,
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
    let Arguments { port, state, application, provider, command } = Arguments::parse();
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
        Some(Command::Agent) | None => runtime.block_on(program::run(Options { port, state, application, provider })),
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
