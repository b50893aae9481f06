//! The records and their notes.

use std::fs;

use nightkeep_tests::console::Console;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{dump, gated};

/// Edits notes, and returns what was answered.
async fn edit(console: &Console, id: &str, notes: &str, version: Option<u64>) -> (StatusCode, Value) {
    let mut request =
        console.client().patch(console.url(&format!("/api/records/{id}"))).json(&json!({ "notes": notes }));
    if let Some(version) = version {
        request = request.header("if-match", format!("\"{version}\""));
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_notes_are_edited_at_any_time_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let console = Console::start(&dump("slow", &gated(&gate))).await;
    let id = console.begin_backup("first").await;

    let (status, body) = edit(&console, &id, "during\nthe operation 🕯", Some(1)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["record"]["notes"], "during\nthe operation 🕯");
    assert_eq!(body["record"]["notes_version"], 2);

    let (status, body) = edit(&console, &id, "too late", Some(1)).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(body["record"]["notes"], "during\nthe operation 🕯", "the answer shows what is there");

    fs::write(&gate, "").unwrap();
    let record = console.settled(&id).await;
    assert_eq!(record["status"], "SUCCESS");
    assert_eq!(record["notes"], "during\nthe operation 🕯", "the settlement has not touched them");

    let (status, body) = edit(&console, &id, "", None).await;
    assert_eq!(status, StatusCode::OK);
    let mut expected = record.clone();
    expected["notes"] = json!("");
    expected["notes_version"] = json!(3);
    expected["notes_edited"] = body["record"]["notes_edited"].clone();
    // A single record tells its history too; this answer leaves it out.
    expected.as_object_mut().unwrap().remove("notes_history");
    assert_eq!(expected["notes_edited"]["by"], record["requested_by"], "but who wrote them, and when");
    assert_eq!(body["record"], expected, "nothing else has changed");

    fs::remove_file(&gate).unwrap();
    let failing = console.begin_backup("will fail").await;
    for agent in console.agents() {
        let _ = rustix::process::kill_process(agent, rustix::process::Signal::TERM);
    }
    fs::write(&gate, "").unwrap();
    console.settled(&failing).await;
    assert_eq!(edit(&console, &failing, "in any status", Some(1)).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_what_is_wrong_and_change_nothing() {
    let console = Console::start(&dump("quick", "echo data")).await;
    let record = console.good_backup().await;
    let id = record["id"].as_str().unwrap();

    let (status, body) = edit(&console, id, &"ß".repeat(10_003), Some(1)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["too_long_by"], 3, "{body}");
    let (status, body) = edit(&console, id, "bell \u{7}", Some(1)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body["detail"].as_str().unwrap().contains("U+0007 at position 6"), "{body}");
    assert_eq!(edit(&console, id, &"🏰".repeat(10_000), Some(1)).await.0, StatusCode::OK, "the longest");
    assert_eq!(
        edit(&console, "019ab1d2-6c40-7e1a-9b07-51c2e8d0f3a4", "", None).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(edit(&console, "operation", "", None).await.0, StatusCode::NOT_FOUND);

    let answer = console.post("/api/backups", &json!({ "notes": "x".repeat(70_000) })).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer = console.post("/api/backups", &json!({ "notes": 7 })).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer = console.post("/api/backups", &json!({ "note": "misspelt" })).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    for query in ["limit=0", "limit=201", "limit=many", "before=operation", "after=1"] {
        let answer =
            console.client().get(console.url(&format!("/api/records?{query}"))).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{query}");
    }
    let nowhere = console.client().get(console.url("/api/nowhere")).send().await.unwrap();
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    assert_eq!(console.get("/api/records").await["records"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_nothing_can_be_deleted_by_hand() {
    let console = Console::start(&dump("quick", "echo data")).await;
    let record = console.good_backup().await;
    let id = record["id"].as_str().unwrap();
    for path in [
        "/api/records",
        &format!("/api/records/{id}"),
        "/api/backups",
        "/api/state",
        "/maintenance",
        "/",
        "/api/nowhere",
    ] {
        let answer = console.client().request(Method::DELETE, console.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    assert_eq!(console.record(id).await, record);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_records_come_newest_first_a_page_at_a_time() {
    let console = Console::start(&dump("quick", "echo data")).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(console.good_backup().await["id"].clone());
    }
    made.reverse();
    let mut found = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = console.get(&format!("/api/records{query}")).await;
        found.extend(page["records"].as_array().unwrap().iter().map(|record| record["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&before={next}");
    }
    assert_eq!(found, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_state_is_not_sent_again() {
    let console = Console::start(&dump("quick", "echo data")).await;
    let first = console.client().get(console.url("/api/state")).send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    let second =
        console.client().get(console.url("/api/state")).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(second.bytes().await.unwrap().len(), 0);
}
