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

/// The bytes that a new repository takes which holds copies of all snapshots and nothing else.
pub fn copied_bytes(console: &Console, folder: &Path) -> u64 {
    let environment = console.environment();
    let target = folder.to_str().expect("a path in UTF-8");
    for command in [&["init", "--copy-chunker-params"][..], &["copy"]] {
        let mut command = restic(console, command);
        command.args(["--from-repo", &environment["RESTIC_REPOSITORY"]]);
        command.args(["--from-password-file", &environment["RESTIC_PASSWORD_FILE"], "--repo", target]);
        crate::run(&mut command);
    }
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let sizes = files.filter_map(|entry| entry.metadata().ok().filter(std::fs::Metadata::is_file));
    sizes.map(|found| found.len()).sum()
}

/// The bytes that a console's repository takes: the bodies of its objects.
pub fn bytes(console: &Console) -> u64 {
    let objects = console.state_folder().join("s3").join(&console.environment()["NIGHTKEEP_BUCKET"]);
    let files = walkdir::WalkDir::new(objects).into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| body(&std::fs::read(entry.path()).expect("an object"))).sum()
}

/// How long the body of an object is: after it come what is known about it, the length of that in four
/// bytes, and eight more.
fn body(object: &[u8]) -> u64 {
    let Some((rest, _)) = object.split_last_chunk::<8>() else { return 0 };
    let Some((rest, known)) = rest.split_last_chunk::<4>() else { return 0 };
    rest.len() as u64 - u64::from(u32::from_be_bytes(*known))
}
