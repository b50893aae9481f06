//! The source code, as a download.

use std::{fs, process::Command};

use nightkeep_tests::console::Console;
use reqwest::StatusCode;
use serde_json::json;

use crate::dump;

#[tokio::test(flavor = "multi_thread")]
async fn r12_s22_the_source_is_packed_and_each_look_mints_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    fs::create_dir_all(code.join("src")).unwrap();
    fs::create_dir_all(code.join(".git")).unwrap();
    fs::write(code.join(".git/HEAD"), "ref").unwrap();
    fs::write(code.join(".gitignore"), "target\n").unwrap();
    fs::create_dir_all(code.join("target")).unwrap();
    fs::write(code.join("target/big"), "left out").unwrap();
    fs::write(code.join("src/main.rs"), "fn main() {}").unwrap();
    let head = format!("source_code = {:?}\n", code.to_str().unwrap());
    let console = Console::start(&(head + &dump("data", "echo data"))).await;

    let mut archives = Vec::new();
    for _ in 0..2 {
        let answer = console.post("/api/source-archives", &json!({})).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let path = answer.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(
            console.get("/api/state").await["maintenance"]["on"],
            false,
            "the application stays available"
        );
        let made = console.activity_ended(&path).await;
        assert_eq!(made["status"], "SUCCESS", "{made:#}");
        archives.push((path, made));
    }
    let (path, made) = archives.pop().unwrap();
    assert!(made["file_name"].as_str().unwrap().starts_with("Guest book "), "{made:#}");
    let download = console.client().get(made["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(download.status(), StatusCode::OK);
    let disposition = download.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment") && disposition.contains(".tar.gz"), "{disposition}");
    let bytes = download.bytes().await.unwrap();
    assert_eq!(made["size_bytes"].as_u64().unwrap(), bytes.len() as u64);
    fs::write(folder.path().join("archive"), &bytes).unwrap();
    let list = nightkeep_tests::run(Command::new("tar").arg("-tzf").arg(folder.path().join("archive")));
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(
        list.contains("src/main.rs") && !list.contains("target/big") && !list.contains(".git/HEAD"),
        "{list}"
    );

    let (old, _) = &archives[0];
    assert!(console.get(old).await["url"].is_null(), "only the newest is kept");
    assert!(console.get(&path).await["url"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_a_source_folder_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let head = format!("source_code = {:?}\n", missing.to_str().unwrap());
    let console = Console::start(&(head + &dump("data", "echo data"))).await;
    let answer = console.post("/api/source-archives", &json!({})).await;
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    let made = console.activity_ended(&path).await;
    assert_eq!(made["status"], "FAILED");
    let happened = made["failure"]["happened"].as_str().unwrap();
    assert!(happened.contains(missing.to_str().unwrap()), "{happened}");
}
