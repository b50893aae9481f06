//! Plain restic, as Debian ships it: what a user has when all else is gone.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::console::Console;

/// restic on a console's repository, by what its env file says and nothing else.
fn restic(console: &Console, arguments: &[&str]) -> Command {
    let mut command = Command::new("restic");
    command.args(["--no-cache", "--no-lock"]).args(arguments).env_clear().envs(console.environment());
    command.env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin");
    command
}

/// Checks the whole repository, all data included.
pub fn check(console: &Console) {
    let output = crate::run(&mut restic(console, &["check", "--read-data"]));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("no errors were found"), "{text}");
}

/// The ids of all snapshots.
pub fn snapshots(console: &Console) -> Vec<String> {
    let output = crate::run(&mut restic(console, &["snapshots", "--json"]));
    let found: Value = serde_json::from_slice(&output.stdout).expect("restic's JSON");
    let ids = found.as_array().into_iter().flatten().filter_map(|snapshot| snapshot["id"].as_str());
    ids.map(str::to_owned).collect()
}

/// Restores a snapshot below `target`.
pub fn restore(console: &Console, snapshot: &str, target: &Path) {
    let target = target.to_str().expect("a path in UTF-8");
    crate::run(&mut restic(console, &["restore", snapshot, "--target", target]));
}

/// The snapshot of a source in a record.
pub fn snapshot_of<'a>(record: &'a Value, source: &str) -> &'a str {
    let snapshots = record["snapshots"].as_array().into_iter().flatten();
    let found = snapshots
        .filter(|snapshot| snapshot["source"] == source)
        .find_map(|snapshot| snapshot["id"].as_str());
    found.unwrap_or_else(|| panic!("no snapshot of {source} in {record:#}"))
}
