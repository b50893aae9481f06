//! What others have written: rows of the table by another version or by hand, and events that nobody would
//! send. The console says what it cannot read, goes on with all the rest, and loses nothing.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use nightkeep_domain::operation::Kind;
use nightkeep_tests::{console::Console, lambda::Lambda, machine::Machine};
use reqwest::StatusCode;
use serde_json::{Value, json};

type Item = HashMap<String, AttributeValue>;

/// A source that is there at once.
const SOURCE: &str = "[[source]]\nname = \"quick\"\ndump = [\"echo\", \"data\"]\n";

/// An item as others may have written it: without an attribute, with another type of value in it, with one
/// that is not known here.
fn variants(item: &Item) -> Vec<(String, Item)> {
    let mut variants = Vec::new();
    let others = [
        AttributeValue::S("another version's".to_owned()),
        AttributeValue::N("-1".to_owned()),
        AttributeValue::Bool(true),
        AttributeValue::Null(true),
        AttributeValue::L(vec![AttributeValue::Null(true)]),
        AttributeValue::M(HashMap::new()),
    ];
    for name in item.keys().filter(|name| !["pk", "sk"].contains(&name.as_str())) {
        let mut without = item.clone();
        without.remove(name);
        variants.push((format!("without {name}"), without));
        for other in &others {
            let mut wrong = item.clone();
            wrong.insert(name.clone(), other.clone());
            variants.push((format!("{name} = {other:?}"), wrong));
        }
    }
    let mut newer = item.clone();
    newer.insert("invented_later".to_owned(), AttributeValue::M(HashMap::new()));
    variants.push(("with an attribute of a newer version".to_owned(), newer));
    variants
}

/// The newest item under a key of the table.
async fn newest(table: &aws_sdk_dynamodb::Client, pk: &str) -> Item {
    let query = table.query().table_name("nightkeep").key_condition_expression("pk = :pk");
    let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
    query.scan_index_forward(false).limit(1).send().await.unwrap().items.unwrap().remove(0)
}

async fn put(table: &aws_sdk_dynamodb::Client, item: &Item) {
    table.put_item().table_name("nightkeep").set_item(Some(item.clone())).send().await.unwrap();
}

/// An answer that says what was wrong, as a problem.
async fn assert_says(answer: reqwest::Response, told: &str) {
    if answer.status().is_success() {
        return;
    }
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{told}");
    let problem: Value = answer.json().await.unwrap();
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{told}: {problem:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_version_hides_no_other_and_stops_nothing() {
    let console = Console::start(SOURCE).await;
    console.good_backup().await;
    console.good_backup().await;
    let listed = console.get("/api/records").await;
    let (odd, good) = (listed["records"][0].clone(), listed["records"][1].clone());
    let table = console.table();
    let item = newest(&table, "record").await;
    let all = variants(&item);
    println!("figure: {} variants of a record", all.len());
    for (told, variant) in &all {
        put(&table, variant).await;
        let shown = console.get("/api/records?limit=1").await;
        let next = shown["next"].as_str().unwrap();
        let shown = console.get(&format!("/api/records?before={next}")).await;
        assert_eq!(shown["records"], json!([good]), "{told}");
        let whole = console.get("/api/records").await;
        assert_eq!(whole["records"].as_array().unwrap().last(), Some(&good), "{told}");
        let url = console.url(&format!("/api/records/{}", odd["id"].as_str().unwrap()));
        assert_says(console.client().get(url).send().await.unwrap(), told).await;
    }
    let mut broken = item.clone();
    broken.insert("status".to_owned(), AttributeValue::S("ARCHIVED".to_owned()));
    put(&table, &broken).await;
    console.good_backup().await;
    assert!(console.log().contains("it is left out"), "the log says which");
    put(&table, &item).await;
    let records = console.get("/api/records").await;
    assert_eq!(records["records"][1], odd, "nothing of it was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_another_version_is_left_alone_until_it_is_understood() {
    let prepared = Machine::start().await;
    prepared.write_book("an entry\n");
    let mut machine = prepared.copy().await;
    machine.begin(Kind::Backup).await.unwrap();
    let table = machine.table();
    let key = |item: &mut Item| {
        item.insert("pk".to_owned(), AttributeValue::S("console".to_owned()));
        item.insert("sk".to_owned(), AttributeValue::S("operation".to_owned()));
    };
    let get = || async {
        let mut asked = Item::new();
        key(&mut asked);
        let got = table.get_item().table_name("nightkeep").set_key(Some(asked)).send().await.unwrap();
        got.item.unwrap()
    };
    let item = get().await;
    for name in ["id", "version", "kind", "record_id", "stages", "started_at"] {
        let mut broken = item.clone();
        broken.insert(name.to_owned(), AttributeValue::L(vec![AttributeValue::Null(true)]));
        put(&table, &broken).await;
        assert_eq!(machine.begin(Kind::Backup).await, Some(StatusCode::INTERNAL_SERVER_ERROR), "{name}");
        let outcome = machine.wake_once().await;
        assert!(outcome.is_err_and(|error| error.contains("reading the operation")), "{name}");
        assert_eq!(get().await, broken, "{name}: nobody has touched it");
    }
    let mut newer = item.clone();
    newer.insert("invented_later".to_owned(), AttributeValue::Bool(true));
    put(&table, &newer).await;
    machine.settled().await;
    assert_eq!(machine.ending().await.records.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_nobody_would_send_change_nothing() {
    let console = Console::start(SOURCE).await;
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let long = json!({ "detail": "x".repeat(1_000_000) }).to_string();
    let events = [
        "null",
        "[]",
        "{}",
        "0",
        "\"text\"",
        "{\"Records\":[]}",
        "{\"Records\":[{\"dynamodb\":{}}]}",
        "{\"detail-type\":\"ECS Task State Change\",\"detail\":{\"taskArn\":7}}",
        "{\"time\":\"never\"}",
        "{\"\\u0000\":\"\\ud83d\\ude00\"}",
        &deep,
        &long,
    ];
    let before = console.get("/api/records").await;
    for name in ["nightkeep-worker", "nightkeep-scheduler"] {
        let function = Lambda::start(name, &console).await;
        for event in &events {
            // What an event says is not even read.
            let outcome = function.invoke(event).await;
            assert!(outcome.is_ok(), "{name}: {event:.80}: {outcome:?}");
        }
    }
    assert_eq!(console.get("/api/records").await, before);
    console.good_backup().await;
}
