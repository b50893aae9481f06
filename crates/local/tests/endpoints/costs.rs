//! What a page of the list and a look of the scheduler cost: as much with many records as with few.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use jiff::{SignedDuration, Timestamp};
use nightkeep_api::{Api, SignIn};
use nightkeep_cloud::{Archives, Ledger, Metrics, SettingsStore};
use nightkeep_domain::{
    actor::Actor,
    identifier::RecordId,
    notes::Notes,
    record::{Record, Size, Status, Trigger},
};
use nightkeep_local::{
    endpoint::{Protocol, Refusal, Service},
    ssm::{Ssm, Store},
    table::Table,
};
use nightkeep_scheduler::Scheduler;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{keys, sdk, serve};

/// The table, which counts what is asked of it.
struct Counted {
    table: Table,
    asked: Mutex<Cost>,
}

/// Requests by their names, and the capacity that they took together, in halves of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cost {
    requests: Vec<String>,
    half_units: u64,
}

impl Service for Counted {
    const PROTOCOL: Protocol = Table::PROTOCOL;

    fn call(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let mut request: Value = serde_json::from_slice(body).unwrap();
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        let answer = self.table.call(operation, request.to_string().as_bytes())?;
        let told: Value = serde_json::from_str(&answer).unwrap();
        let units = &told["ConsumedCapacity"];
        let units = units["CapacityUnits"].as_f64().or_else(|| units[0]["CapacityUnits"].as_f64());
        let mut asked = self.asked.lock().unwrap();
        asked.requests.push(operation.to_owned());
        asked.half_units += (units.unwrap() * 2.0) as u64;
        Ok(answer)
    }
}

/// The table with so many records, the newest of them `newest`, forty a day.
fn filled(folder: &std::path::Path, count: u64, newest: Timestamp) -> Counted {
    let table = Table::open(&folder.join("dynamodb.sqlite"), Arc::default()).unwrap();
    table.create("nightkeep").unwrap();
    let every = SignedDuration::from_mins(36);
    let records: Vec<Value> = (0..count)
        .map(|number| {
            let at = newest - every * i32::try_from(number).unwrap();
            let id = RecordId::new(at, [7; 10]);
            let mut record =
                Record::backup(id, Trigger::Scheduled, Notes::default(), Actor::named("Nightkeep"), at);
            record.status = Status::Success;
            record.finished_at = Some(at);
            record.size = Some(Size { total_bytes: 1, added_bytes: 1, files: 1 });
            let mut item = dynamodb(&serde_json::to_value(&record).unwrap())["M"].take();
            item["pk"] = json!({ "S": "record" });
            item["sk"] = json!({ "S": id.to_string() });
            json!({ "PutRequest": { "Item": item } })
        })
        .collect();
    for batch in records.chunks(25) {
        let request = json!({ "RequestItems": { "nightkeep": batch } });
        table.call("BatchWriteItem", request.to_string().as_bytes()).unwrap();
    }
    Counted { table, asked: Mutex::default() }
}

/// A value in DynamoDB's JSON.
fn dynamodb(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(bool) => json!({ "BOOL": bool }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(list) => json!({ "L": list.iter().map(dynamodb).collect::<Vec<_>>() }),
        Value::Object(map) => {
            let pairs = map.iter().map(|(name, value)| (name.clone(), dynamodb(value)));
            json!({ "M": pairs.collect::<serde_json::Map<_, _>>() })
        }
    }
}

/// What a page of the list costs, a look when nothing is due, and the one that looks for what has expired.
async fn costs(count: u64) -> [Cost; 3] {
    let folder = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let table = Arc::new(filled(folder.path(), count, now - SignedDuration::from_hours(1)));
    let ssm = Ssm::new(Store::open(&folder.path().join("ssm.json")).unwrap(), "us-east-1");
    ssm.set("/nightkeep/nightly", "off").unwrap();
    // Whatever is too old stays, so that this measures the looking and not a purge.
    ssm.set("/nightkeep/keep-newest", "10").unwrap();
    ssm.set("/nightkeep/retention-days", "3650").unwrap();
    let ssm = SettingsStore::new(&sdk(serve(Arc::new(ssm)).await, &keys()), "/nightkeep");
    let shared = sdk(serve(Arc::clone(&table)).await, &keys());
    let ledger = Ledger::new(&shared, "nightkeep");
    let metrics = Metrics::to(io::sink(), "nightkeep");
    let scheduler = Scheduler { ledger: ledger.clone(), settings: ssm.clone(), metrics };
    let api = Api {
        ledger,
        archives: Archives::new(&shared, "nightkeep"),
        settings: ssm,
        sign_in: SignIn::not_needed("Maya".to_owned(), Vec::new()),
        clock: Timestamp::now,
    };
    let router = nightkeep_api::router(api);

    let spent = || std::mem::take(&mut *table.asked.lock().unwrap());
    let request = Request::get("/api/records?limit=50").body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let page = spent();
    scheduler.tick(|| now).await.unwrap();
    let purge = spent();
    scheduler.tick(|| now).await.unwrap();
    [page, spent(), purge]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_records_cost_no_more_than_a_hundred() {
    let [page, look, purge] = costs(100).await;
    assert_eq!(page.requests, ["Query"]);
    assert_eq!(look.requests, ["Query"]);
    assert_eq!(purge.requests, ["Query", "Query", "UpdateItem"]);
    assert!(
        page.half_units < 40 && look.half_units <= 4 && purge.half_units <= 8,
        "{page:?} {look:?} {purge:?}"
    );
    assert_eq!(costs(100_000).await, [page, look, purge]);
}
