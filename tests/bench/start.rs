//! From a clone to the page: `cargo run` where nothing has been built.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::json;

use crate::{peers::root, results::Results};

pub(crate) fn measure(results: &mut Results) {
    let target = root().join("target/bench/start");
    // There may be none yet.
    let _ = fs::remove_dir_all(&target);
    let place = tempfile::tempdir().unwrap();
    // What has to be downloaded is another matter.
    nightkeep_tests::run(Command::new("cargo").args(["fetch", "--locked"]).current_dir(root()));
    let began = Instant::now();
    let mut running = Command::new("cargo")
        .args(["run", "--locked", "--quiet", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(["--", "--port", "0"])
        .current_dir(place.path())
        .env("CARGO_TARGET_DIR", &target)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let up = lines.any(|line| line.unwrap().contains("http://"));
    let took = began.elapsed().as_secs_f64();
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(up, "it has ended without an address");
    results.add(&["clean"], json!({ "wall": took }));
    fs::remove_dir_all(&target).unwrap();
}
