//! The DynamoDB endpoint: dynoxide over one SQLite file, behind the signature check that dynoxide
//! itself does not make. A write is acknowledged once it is on disk.
//!
//! It also stands in for the table's stream and the filter on it: every write that touches the item
//! `operation` wakes the worker. Dynoxide's own stream is left off, because it keeps each of its records
//! for ever and searches all of them at every write.
//!
//! It must never let a call reach the database that was not signed, and never miss a write that the
//! worker has to hear of; one wake-up too many is harmless.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use axum::http::StatusCode;
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::endpoint::{Protocol, Refusal, Service};

/// The database and whom its writes wake.
pub struct Table {
    database: Database,
    wake: Arc<Notify>,
}

impl Table {
    /// Opens the database at `path`, or makes it.
    ///
    /// # Errors
    /// If the file cannot be opened or is not such a database.
    pub fn open(path: &Path, wake: Arc<Notify>) -> anyhow::Result<Self> {
        let text = path.to_str().with_context(|| format!("{} is not valid Unicode", path.display()))?;
        let database = Database::new(text).map_err(|error| anyhow!("opening {text}: {error}"))?;
        Ok(Self { database, wake })
    }

    /// Makes the console's table unless it is there: keys `pk` and `sk`, time to live in `expires_at`.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn create(&self, name: &str) -> anyhow::Result<()> {
        let tables: Value = self.ask("ListTables", &json!({}))?;
        let there =
            tables["TableNames"].as_array().is_some_and(|names| names.iter().any(|there| there == name));
        if !there {
            self.ask(
                "CreateTable",
                &json!({
                    "TableName": name,
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [
                        { "AttributeName": "pk", "KeyType": "HASH" },
                        { "AttributeName": "sk", "KeyType": "RANGE" },
                    ],
                    "AttributeDefinitions": [
                        { "AttributeName": "pk", "AttributeType": "S" },
                        { "AttributeName": "sk", "AttributeType": "S" },
                    ],
                }),
            )?;
        }
        let described = self.ask("DescribeTimeToLive", &json!({ "TableName": name }))?;
        if described["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED" {
            let specification = json!({ "Enabled": true, "AttributeName": "expires_at" });
            self.ask(
                "UpdateTimeToLive",
                &json!({ "TableName": name, "TimeToLiveSpecification": specification }),
            )?;
        }
        Ok(())
    }

    /// Deletes the items whose time to live has passed.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn sweep(&self) -> anyhow::Result<usize> {
        self.database.sweep_ttl().map_err(|error| anyhow!("deleting expired items: {error}"))
    }

    fn ask(&self, operation: &str, request: &Value) -> anyhow::Result<Value> {
        let answer = self.dispatch(operation, request.to_string().as_bytes());
        let answer =
            answer.map_err(|refusal| anyhow!("{operation} in the local database: {}", refusal.body))?;
        serde_json::from_str(&answer).with_context(|| format!("reading the answer to {operation}"))
    }

    fn dispatch(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let database = &self.database;
        match operation {
            "BatchExecuteStatement" => run(body, |request| database.batch_execute_statement(request)),
            "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
            "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
            "CreateTable" => run(body, |request| database.create_table(request)),
            "DeleteItem" => run(body, |request| database.delete_item(request)),
            "DeleteTable" => run(body, |request| database.delete_table(request)),
            "DescribeTable" => run(body, |request| database.describe_table(request)),
            "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
            "ExecuteStatement" => run(body, |request| database.execute_statement(request)),
            "ExecuteTransaction" => run(body, |request| database.execute_transaction(request)),
            "GetItem" => run(body, |request| database.get_item(request)),
            "ListTables" => run(body, |request| database.list_tables(request)),
            "PutItem" => run(body, |request| database.put_item(request)),
            "Query" => run(body, |request| database.query(request)),
            "Scan" => run(body, |request| database.scan(request)),
            "TransactGetItems" => run(body, |request| database.transact_get_items(request)),
            "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
            "UpdateItem" => run(body, |request| database.update_item(request)),
            "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
            other => Err(Refusal::unknown(other)),
        }
    }
}

impl Service for Table {
    const PROTOCOL: Protocol = Protocol {
        service: "dynamodb",
        target: "DynamoDB_20120810",
        media_type: "application/x-amz-json-1.0",
    };

    fn call(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let answer = self.dispatch(operation, body)?;
        if touches_operation(operation, body) {
            self.wake.notify_one();
        }
        Ok(answer)
    }
}

/// Reads the request, makes the call, writes the answer.
fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    call: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> Result<String, Refusal> {
    let request = serde_json::from_slice(body).map_err(|error| malformed(&error.to_string()))?;
    let answer = call(request).map_err(|error| refused(&error))?;
    serde_json::to_string(&answer).map_err(|error| malformed(&error.to_string()))
}

/// Dynoxide marks what its own reading of a request found invalid by a word before the message.
fn malformed(message: &str) -> Refusal {
    for mark in ["VALIDATION:", "VALIDATION_REQUEST:", "VALIDATION_AS_READ:"] {
        if let Some(message) = message.strip_prefix(mark) {
            return Refusal::new("com.amazon.coral.validate#ValidationException", message);
        }
    }
    Refusal::new("com.amazon.coral.service#SerializationException", message)
}

fn refused(error: &DynoxideError) -> Refusal {
    let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::error!("the local database: {error}");
    }
    Refusal { status, body: error.to_json() }
}

/// Whether a write that succeeded may have changed the item `operation`.
fn touches_operation(operation: &str, body: &[u8]) -> bool {
    let key = |holder: &Value| holder["sk"]["S"] == "operation";
    let body = || serde_json::from_slice::<Value>(body).unwrap_or_default();
    match operation {
        "PutItem" => key(&body()["Item"]),
        "UpdateItem" | "DeleteItem" => key(&body()["Key"]),
        "TransactWriteItems" => body()["TransactItems"].as_array().is_some_and(|items| {
            let writes = |item: &Value| {
                key(&item["Put"]["Item"]) || key(&item["Update"]["Key"]) || key(&item["Delete"]["Key"])
            };
            items.iter().any(writes)
        }),
        // Nobody here makes these; a person who does may well have changed it.
        "BatchWriteItem" | "BatchExecuteStatement" | "ExecuteStatement" | "ExecuteTransaction" => true,
        _ => false,
    }
}
