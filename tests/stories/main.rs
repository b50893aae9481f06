//! Whole-system stories: the real program, real data, plain restic as the judge. Each is named after
//! the requirement (r, p) or the scenario (s) that it proves.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

mod backups;
mod confirmations;
mod contracts;
mod crashes;
mod document;
mod failures;
mod function;
mod nights;
mod purges;
mod records;
mod restarts;
mod restores;
mod retention;
mod roles;
mod sign_in;
mod source_archives;
mod starting;
mod tokens;
mod unchanged;

use std::path::Path;

/// What EventBridge Scheduler sends every minute.
const EVERY_MINUTE: &str = include_str!("../events/scheduler.json");

/// A source that is a folder, as TOML.
fn directory(name: &str, path: &Path) -> String {
    format!("[[source]]\nname = \"{name}\"\ndirectory = {:?}\n", path.to_str().unwrap())
}

/// A source that a shell command dumps, as TOML.
fn dump(name: &str, script: &str) -> String {
    format!("[[source]]\nname = \"{name}\"\ndump = [\"sh\", \"-c\", {script:?}]\n")
}

/// A script that dumps once the file `gate` is there, so that a story decides how long a backup takes.
fn gated(gate: &Path) -> String {
    format!("echo first; while [ ! -e '{}' ]; do sleep 0.05; done; echo last", gate.display())
}
