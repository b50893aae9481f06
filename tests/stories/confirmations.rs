//! Confirmations: R7 in the API.

use std::fs;

use nightkeep_tests::console::Console;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::directory;

/// A console with a backup, and the backup's id.
async fn with_a_backup(folder: &std::path::Path) -> (Console, String) {
    fs::write(folder.join("file"), "data").unwrap();
    let console = Console::start(&directory("files", folder)).await;
    let backup = console.good_backup().await;
    let id = backup["id"].as_str().unwrap().to_owned();
    (console, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_s24_a_code_is_needed_and_fits_only_what_it_was_given_for() {
    let folder = tempfile::tempdir().unwrap();
    let (console, backup) = with_a_backup(folder.path()).await;
    let other = console.good_backup().await["id"].as_str().unwrap().to_owned();
    let attempt = |record: String, confirmation: Value| {
        let console = &console;
        async move {
            let body = json!({ "record_id": record, "confirmation": confirmation });
            console.post("/api/restores", &body).await.status()
        }
    };
    let answer = console.post("/api/restores", &json!({ "record_id": backup })).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "without a confirmation");
    let restart = console.confirmation("restart", None).await;
    assert_eq!(attempt(backup.clone(), restart).await, StatusCode::UNPROCESSABLE_ENTITY, "another action");
    let right = console.confirmation("restore", Some(&backup)).await;
    assert_eq!(attempt(other, right.clone()).await, StatusCode::UNPROCESSABLE_ENTITY, "S24: another record");
    let typed = right["code"].as_str().unwrap().to_lowercase();
    let typed = json!({ "id": right["id"], "code": format!(" {typed} ") });
    assert_eq!(attempt(backup.clone(), typed.clone()).await, StatusCode::ACCEPTED, "in either case");
    let record = console.get("/api/records?limit=1").await["records"][0]["id"].as_str().unwrap().to_owned();
    console.settled(&record).await;
    assert_eq!(attempt(backup, typed).await, StatusCode::UNPROCESSABLE_ENTITY, "a second time");
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_wrong_guesses_never_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (console, backup) = with_a_backup(folder.path()).await;
    let right = console.confirmation("restore", Some(&backup)).await;
    let code = right["code"].as_str().unwrap().to_owned();
    let alphabet: Vec<char> = "ABCDEFGHJKMNPQRSTUVWXYZ23456789".chars().collect();
    assert!(code.chars().all(|c| alphabet.contains(&c)) && code.len() == 6, "{code}");
    let guess = |number: usize| -> String {
        (0..6).map(|place| alphabet[(number * 7919 + place * 31 + number / 31) % alphabet.len()]).collect()
    };
    let (console, id) = (&console, &right["id"]);
    for chunk in (0..1000).collect::<Vec<_>>().chunks(50) {
        let guesses = chunk.iter().map(|number| guess(*number)).filter(|guess| *guess != code);
        let requests: Vec<_> = guesses
            .map(|guess| {
                let body = json!({ "record_id": backup, "confirmation": { "id": id, "code": guess } });
                tokio::spawn(console.client().post(console.url("/api/restores")).json(&body).send())
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
    // All of these have left the right one usable.
    let body = json!({ "record_id": backup, "confirmation": right });
    assert_eq!(console.post("/api/restores", &body).await.status(), StatusCode::ACCEPTED);
    let record = console.get("/api/records?limit=1").await["records"][0]["id"].as_str().unwrap().to_owned();
    console.settled(&record).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_r7_of_twenty_uses_of_one_code_at_once_exactly_one_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (console, backup) = with_a_backup(folder.path()).await;
    let right = console.confirmation("restore", Some(&backup)).await;
    let body = json!({ "record_id": backup, "confirmation": right });
    let requests: Vec<_> = (0..20)
        .map(|_| tokio::spawn(console.client().post(console.url("/api/restores")).json(&body).send()))
        .collect();
    let mut begun = 0;
    for request in requests {
        match request.await.unwrap().unwrap().status() {
            StatusCode::ACCEPTED => begun += 1,
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(begun, 1);
    let records = console.get("/api/records").await;
    let restores = records["records"].as_array().unwrap().iter().filter(|record| record["kind"] == "restore");
    assert_eq!(restores.count(), 1);
    console.settled(records["records"][0]["id"].as_str().unwrap()).await;
}
