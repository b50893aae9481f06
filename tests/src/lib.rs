//! What the stories stand on: the real program as a user starts it, real files to back up, a real
//! database, and plain restic as the judge.

#![expect(clippy::panic, clippy::expect_used, reason = "a story that cannot go on has failed")]

pub mod alone;
mod aws;
pub mod between;
pub mod chance;
pub mod clock;
pub mod console;
pub mod endpoints;
pub mod files;
pub mod issuer;
pub mod lambda;
pub mod machine;
pub mod many;
pub mod postgres;
pub mod restic;
mod secrets;
pub mod visitor;

use std::{
    future::Future,
    process::{Command, Output},
    time::Duration,
};

/// How long a condition may take to come true.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Looks until there is something, and fails the story when there is nothing within [`LIMIT`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(LIMIT, looking).await {
        Ok(found) => found,
        Err(_) => panic!("waited for {LIMIT:?}, but not: {what}"),
    }
}

/// Runs a command that has to succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
