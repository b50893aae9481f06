//! Parameter Store.

use std::{path::Path, sync::Arc};

use aws_sdk_ssm::{Client, types::ParameterType};
use nightkeep_local::ssm::{Ssm, Store};

use crate::support::{keys, sdk, serve};

async fn client(file: &Path) -> Client {
    let address = serve(Arc::new(Ssm::new(Store::open(file).unwrap(), "us-east-1"))).await;
    Client::new(&sdk(address, &keys()))
}

async fn put(client: &Client, name: &str, value: &str) -> i64 {
    let put = client.put_parameter().name(name).value(value).r#type(ParameterType::String).overwrite(true);
    put.send().await.unwrap().version()
}

#[tokio::test]
async fn a_path_gives_what_is_in_it_page_by_page_and_what_is_below_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder.path().join("ssm.json")).await;
    for number in 10..35 {
        put(&client, &format!("/nightkeep/setting-{number}"), "1").await;
    }
    put(&client, "/nightkeep/secrets/password", "2").await;
    put(&client, "/nightkeeper", "3").await;
    let names = async |recursive: bool| {
        let by_path = client.get_parameters_by_path().path("/nightkeep").recursive(recursive);
        let mut pages = by_path.into_paginator().send();
        let (mut names, mut count) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            names.extend(page.unwrap().parameters().iter().map(|found| found.name().unwrap().to_owned()));
            count += 1;
        }
        (names, count)
    };
    let (direct, pages) = names(false).await;
    assert_eq!((direct.len(), pages), (25, 3));
    assert!(direct.iter().all(|name| name.starts_with("/nightkeep/setting-")));
    let (all, _) = names(true).await;
    assert_eq!(all.len(), 26);
}

#[tokio::test]
async fn a_secret_is_shown_only_to_who_asks_for_decryption() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder.path().join("ssm.json")).await;
    let put = client.put_parameter().name("/s").value("the secret").r#type(ParameterType::SecureString);
    put.send().await.unwrap();
    let get = async |decrypt: bool| {
        let answer = client.get_parameter().name("/s").with_decryption(decrypt).send().await.unwrap();
        answer.parameter().unwrap().value().unwrap().to_owned()
    };
    assert!(!get(false).await.contains("the secret"));
    assert_eq!(get(true).await, "the secret");
}

#[tokio::test]
async fn a_parameter_is_overwritten_only_on_demand_and_is_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ssm.json");
    let first = client(&file).await;
    assert_eq!(put(&first, "/a", "one").await, 1);
    assert_eq!(put(&first, "/a", "two").await, 2);
    let again = first.put_parameter().name("/a").value("three").r#type(ParameterType::String).send().await;
    assert!(again.unwrap_err().into_service_error().is_parameter_already_exists());

    let second = client(&file).await;
    let found = second.get_parameters().names("/a").names("/b").send().await.unwrap();
    assert_eq!(found.parameters()[0].value(), Some("two"));
    assert_eq!(found.parameters()[0].version(), 2);
    assert_eq!(found.invalid_parameters(), ["/b"]);
    second.delete_parameter().name("/a").send().await.unwrap();
    let gone = second.get_parameter().name("/a").send().await;
    assert!(gone.unwrap_err().into_service_error().is_parameter_not_found());
}

#[tokio::test]
async fn a_parameter_remembers_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ssm.json");
    let first = client(&file).await;
    for value in ["02:00", "25:00"] {
        put(&first, "/nightkeep/backup-time", value).await;
    }
    let again = client(&file).await;
    put(&again, "/nightkeep/backup-time", "03:00").await;
    let history = again.get_parameter_history().name("/nightkeep/backup-time").send().await.unwrap();
    let versions: Vec<_> =
        history.parameters().iter().map(|old| (old.version(), old.value().unwrap())).collect();
    assert_eq!(versions, [(1, "02:00"), (2, "25:00"), (3, "03:00")]);
}
