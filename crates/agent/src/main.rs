//! The agent as a program of its own: what the container of its ECS task runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    nightkeep_agent::main()
}
