//! How the program starts, and when it refuses to.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use nightkeep_tests::console::{Console, program};
use reqwest::StatusCode;

use crate::{directory, dump};

/// Starts the program, which has to refuse, and returns what it says.
fn refused(state: &Path, description: &Path) -> String {
    let Output { status, stderr, .. } = Command::new(program())
        .args(["--port", "0", "--state"])
        .arg(state)
        .arg("--application")
        .arg(description)
        .output()
        .unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_served_with_strict_headers() {
    let console = Console::start(&dump("quick", "echo data")).await;
    let page = console.client().get(console.url("/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let state = console.get("/api/state").await;
    assert_eq!(state["application"]["name"], "Guest book");
    for name in ["operation", "maintenance", "nightly", "usual_seconds", "retention_days", "user"] {
        assert!(state.get(name).is_some(), "{name} is there, if only as null: {state:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_on_the_same_state_folder_is_refused() {
    let console = Console::start(&dump("quick", "echo data")).await;
    let said = refused(&console.state_folder(), &console.description());
    assert!(said.contains("another Nightkeep") && said.contains("--state"), "{said}");
    console.good_backup().await;
}

#[test]
fn a_description_that_cannot_be_used_is_refused_by_name_and_cause() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state"), folder.path().join("application.toml"));
    let cases = [
        ("name = ", "TOML parse error"),
        ("name = \"a\"\ncolour = 1\n", "colour"),
        ("name = \"a\"\n", "[[source]]"),
    ];
    for (text, cause) in cases {
        fs::write(&file, text).unwrap();
        let said = refused(&state, &file);
        assert!(said.contains("application.toml") && said.contains(cause), "{said}");
    }
    let said = refused(&state, &folder.path().join("missing.toml"));
    assert!(said.contains("missing.toml"), "{said}");
}

#[test]
fn s16_a_source_that_holds_the_console_s_own_state_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("srv/state"), folder.path().join("application.toml"));
    for source in [folder.path().join("srv"), state.clone(), state.join("inside")] {
        fs::write(&file, format!("name = \"a\"\n{}", directory("all", &source))).unwrap();
        let said = refused(&state, &file);
        assert!(said.contains("“all”") && said.contains("state"), "{said}");
    }
}
