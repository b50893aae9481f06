//! The table: the operation, which is the lock, and the records.
//!
//! Beginning and settling an operation are one transaction each, so that there is never an operation
//! without its record, a record in progress without its operation, or maintenance that nobody ends.
//! Every other write is on the condition that the operation is still the one that was read.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | `console` | `operation` | the operation in progress |
//! | `console` | `progress` | how far its agent is |
//! | `console` | `maintenance` | the flag that the main application reads |
//! | `console` | `application`, `schedule` | what the worker last saw |
//! | `record` | a UUID of version 7 | a record |

mod agent;
mod records;

use std::{collections::HashMap, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use jiff::Timestamp;
use nightkeep_domain::{
    next::Settlement,
    operation::Operation,
    record::{Record, Size, Status},
    state::{Maintenance, State},
};
use serde::{Serialize, de::DeserializeOwned};

pub use self::records::{Edit, Page};
use crate::{Error, Kind};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// What came of asking to begin an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It has begun.
    Begun,
    /// Another one is in progress. None if that one ended while it was looked at.
    Busy(Option<Box<Operation>>),
}

impl Ledger {
    /// The table of this name.
    pub fn new(shared: &SdkConfig, table: impl Into<String>) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(shared), table: table.into() }
    }

    /// The console's whole state, by one consistent query.
    ///
    /// # Errors
    /// If the table cannot be read, or holds what this version does not understand.
    pub async fn state(&self) -> Result<State, Error> {
        let doing = "reading the console’s state";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text("console"))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of(doing, error))?;
        let mut state = State::default();
        for item in answer.items.unwrap_or_default() {
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                Some("operation") => state.operation = Some(from_item(item, "the operation")?),
                Some("progress") => state.progress = Some(from_item(item, "the progress")?),
                Some("maintenance") => state.maintenance = from_item(item, "the maintenance flag")?,
                Some("application") => state.application = from_item(item, "the application’s facts")?,
                Some("schedule") => state.schedule = from_item(item, "the schedule’s facts")?,
                // A newer version may keep more here.
                Some(_) | None => {}
            }
        }
        if state.operation.is_none() {
            state.progress = None;
        }
        Ok(state)
    }

    /// Begins an operation if none is in progress: stores it and its record, and turns maintenance on if
    /// it needs it, remembering how it was. All or nothing.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn begin(&self, operation: &Operation, record: &Record, message: &str) -> Result<Begin, Error> {
        let doing = format!("beginning a {}", operation.kind.word());
        let absent = |item: Item| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .build()
                .map_err(|error| Error::new(Kind::Denied, doing.clone(), error))
        };
        let mut items = vec![
            TransactWriteItem::builder().put(absent(to_item("console", "operation", operation)?)?).build(),
            TransactWriteItem::builder()
                .put(absent(to_item("record", &record.id.to_string(), record)?)?)
                .build(),
        ];
        if operation.kind.needs_maintenance() {
            // On the right-hand side stands what was stored before: the flag is remembered and set at once.
            let update = self
                .update("console", "maintenance")
                .update_expression(
                    "SET before_on = if_not_exists(#on, :off), before_message = if_not_exists(#message, :none), \
                     #on = :on, #message = :message, #since = if_not_exists(#since, :now)",
                )
                .expression_attribute_names("#on", "on")
                .expression_attribute_names("#message", "message")
                .expression_attribute_names("#since", "since")
                .expression_attribute_values(":on", AttributeValue::Bool(true))
                .expression_attribute_values(":off", AttributeValue::Bool(false))
                .expression_attribute_values(":none", AttributeValue::Null(true))
                .expression_attribute_values(":message", text(message))
                .expression_attribute_values(":now", text(operation.started_at.to_string()));
            items.push(built(update, &doing)?);
        }
        match self.transact(items, &doing).await? {
            Ok(()) => Ok(Begin::Begun),
            Err(failed) if failed.first() == Some(&true) => {
                Ok(Begin::Busy(self.state().await?.operation.map(Box::new)))
            }
            Err(_) => Err(Error::new(Kind::Conflict, doing, "a record of this id exists")),
        }
    }

    /// Stores the operation on the condition that it is still at the version that was read.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if somebody else wrote meanwhile, or it has ended.
    pub async fn save(&self, operation: &Operation) -> Result<(), Error> {
        let mut next = operation.clone();
        next.version += 1;
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item("console", "operation", &next)?))
            .condition_expression("id = :id AND #version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":id", text(operation.id.to_string()))
            .expression_attribute_values(":version", number(operation.version))
            .send()
            .await
            .map_err(|error| Error::of(format!("saving operation {}", operation.id), error))?;
        Ok(())
    }

    /// Ends the operation: it is gone, its record has its ending, and maintenance is as it was before.
    /// All or nothing, on the condition that it is still at the version that was read.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if somebody else wrote meanwhile, or it has ended already.
    pub async fn settle(&self, state: &State, settlement: &Settlement, now: Timestamp) -> Result<(), Error> {
        let Some(operation) = &state.operation else { return Ok(()) };
        let doing = format!("settling operation {}", operation.id);
        let gone = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key("console", "operation")))
            .condition_expression("id = :id AND #version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":id", text(operation.id.to_string()))
            .expression_attribute_values(":version", number(operation.version))
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing.clone(), error))?;
        let mut items = vec![
            TransactWriteItem::builder().delete(gone).build(),
            built(self.ending(operation, settlement, now)?, &doing)?,
        ];
        if operation.kind.needs_maintenance() {
            items.push(built(self.maintenance_as_before(&state.maintenance), &doing)?);
        }
        if matches!(settlement, Settlement::Success { .. }) {
            let mut facts = state.application.clone();
            facts.remember_backup(now.duration_since(operation.started_at).as_secs().unsigned_abs());
            let schedule = self
                .update("console", "schedule")
                .update_expression("SET last_success_at = :now")
                .expression_attribute_values(":now", text(now.to_string()));
            let application = self
                .update("console", "application")
                .update_expression("SET backup_seconds = :seconds")
                .expression_attribute_values(":seconds", to_value(&facts.backup_seconds)?);
            items.push(built(schedule, &doing)?);
            items.push(built(application, &doing)?);
        }
        match self.transact(items, &doing).await? {
            Ok(()) => {}
            Err(_) => return Err(Error::new(Kind::Conflict, doing, "it has changed meanwhile")),
        }
        // Without an operation nobody shows it any more; that it goes now is only tidiness.
        let tidied = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "progress")))
            .send()
            .await;
        if let Err(error) = tidied {
            tracing::warn!("{}", Error::of("removing the progress of a settled operation", error));
        }
        Ok(())
    }

    /// The ending of the operation's record.
    fn ending(
        &self,
        operation: &Operation,
        settlement: &Settlement,
        now: Timestamp,
    ) -> Result<aws_sdk_dynamodb::types::builders::UpdateBuilder, Error> {
        let (status, failure, snapshots) = match settlement {
            Settlement::Success { snapshots } => (Status::Success, None, snapshots.clone()),
            Settlement::Failed { cause } => {
                let failed = operation.stages.iter().find(|stage| stage.finished_at.is_some());
                let stage = failed.or(operation.stages.first()).map(|stage| stage.name);
                (Status::Failed, stage.map(|stage| cause.failure(operation.kind, stage)), Vec::new())
            }
        };
        let size = (status == Status::Success).then(|| Size::of(&snapshots));
        Ok(self
            .update("record", &operation.record_id.to_string())
            .update_expression(
                "SET #status = :status, finished_at = :now, failure = :failure, #size = :size, \
                 stages = :stages, snapshots = :snapshots",
            )
            .condition_expression("#status = :in_progress")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":in_progress", to_value(&Status::InProgress)?)
            .expression_attribute_values(":status", to_value(&status)?)
            .expression_attribute_values(":now", text(now.to_string()))
            .expression_attribute_values(":failure", to_value(&failure)?)
            .expression_attribute_values(":size", to_value(&size)?)
            .expression_attribute_values(":stages", to_value(&operation.stages)?)
            .expression_attribute_values(":snapshots", to_value(&snapshots)?))
    }

    fn maintenance_as_before(&self, was: &Maintenance) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let update = self
            .update("console", "maintenance")
            .expression_attribute_names("#on", "on")
            .expression_attribute_names("#message", "message");
        if was.before_on != Some(true) {
            return update
                .update_expression("SET #on = :off REMOVE #since, #message, before_on, before_message")
                .expression_attribute_names("#since", "since")
                .expression_attribute_values(":off", AttributeValue::Bool(false));
        }
        let message = was.before_message.clone().map_or(AttributeValue::Null(true), text);
        update
            .update_expression("SET #on = :on, #message = :message REMOVE before_on, before_message")
            .expression_attribute_values(":on", AttributeValue::Bool(true))
            .expression_attribute_values(":message", message)
    }

    fn update(&self, pk: &str, sk: &str) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder().table_name(&self.table).set_key(Some(key(pk, sk)))
    }

    /// Writes all items or none. The inner error tells which conditions did not hold. Two transactions
    /// that meet on one item cancel each other without either having won, so that is tried again.
    async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        doing: &str,
    ) -> Result<Result<(), Vec<bool>>, Error> {
        for attempt in 0_u32.. {
            let error =
                match self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await
                {
                    Ok(_) => return Ok(Ok(())),
                    Err(error) => error,
                };
            let SdkError::ServiceError(context) = &error else { return Err(Error::of(doing, error)) };
            let TransactWriteItemsError::TransactionCanceledException(canceled) = context.err() else {
                return Err(Error::of(doing, error));
            };
            let codes: Vec<&str> = canceled
                .cancellation_reasons()
                .iter()
                .map(|reason| reason.code().unwrap_or("None"))
                .collect();
            if codes.contains(&"ConditionalCheckFailed") {
                return Ok(Err(codes.iter().map(|&code| code == "ConditionalCheckFailed").collect()));
            }
            let passing = |code: &&str| {
                matches!(*code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
            };
            if !codes.iter().any(passing) || attempt >= 9 {
                return Err(Error::new(
                    if codes.iter().any(passing) { Kind::Throttled } else { Kind::Denied },
                    doing,
                    format!("the transaction was canceled: {}", canceled.message().unwrap_or_default()),
                ));
            }
            tokio::time::sleep(Duration::from_millis(20) * (1 << attempt.min(5))).await;
        }
        Err(Error::new(Kind::Throttled, doing, "it met other writers again and again"))
    }
}

fn built(
    update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
    doing: &str,
) -> Result<TransactWriteItem, Error> {
    let update = update.build().map_err(|error| Error::new(Kind::Denied, doing, error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

fn key(pk: &str, sk: &str) -> Item {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn to_value(value: &impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error| Error::corrupt("preparing a value for the table", error))
}

fn to_item(pk: &str, sk: &str, value: &impl Serialize) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::to_item(value)
        .map_err(|error| Error::corrupt(format!("preparing {pk}/{sk} for the table"), error))?;
    item.extend(key(pk, sk));
    Ok(item)
}

fn from_item<T: DeserializeOwned>(item: Item, what: &str) -> Result<T, Error> {
    serde_dynamo::from_item(item)
        .map_err(|error| Error::corrupt(format!("reading {what} from the table"), error))
}
