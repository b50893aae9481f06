//! The command line.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use nightkeep_local::{
    Refused,
    program::{self, Options},
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
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a task runs to do one stage of an operation; the program starts it by itself, not by hand
    Agent,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Agent) = arguments.command {
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
    let Arguments { port, state, application, command: _ } = arguments;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(program::run(Options { port, state, application })) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The agent, which ends with the program that started it: without that one's endpoints it can do nothing
/// but hold on to the application's data.
fn agent() -> ExitCode {
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return fail(&anyhow::Error::new(error).context("tying the agent’s life to its program’s"));
    }
    nightkeep_agent::main()
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Nothing can be done if even this cannot be said.
    let _said = writeln!(io::stderr(), "nightkeep: {error:#}");
    if error.is::<Refused>() { ExitCode::from(REFUSED) } else { ExitCode::FAILURE }
}
