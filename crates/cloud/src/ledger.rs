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
//! | `console` | `application` | what the worker last saw |
//! | `console` | `schedule` | the last success, the last nights |
//! | `record` | a UUID of version 7 | a record |
//! | `activity` | a UUID of version 7 | an activity |
//! | `confirmation` | a UUID | a confirmation that was given out; it expires by itself |

mod activities;
mod agent;
mod confirmations;
mod ending;
mod nights;
mod purge;
mod records;
mod retention;

use std::{collections::HashMap, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update, builders::UpdateBuilder},
};
use nightkeep_domain::{
    activity::Activity,
    identifier::OperationId,
    operation::{Operation, Progress},
    record::{Record, RecordKind, Status},
    schedule::Schedule,
    state::{Maintenance, Services, State},
};
use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    activities::ActivityPage,
    confirmations::Use,
    purge::Holding,
    records::{Edit, Page},
};
use crate::{Error, Kind};

/// How far an agent is, and at what.
#[derive(Debug, Serialize, serde::Deserialize)]
struct ProgressItem {
    operation: OperationId,
    stage: usize,
    #[serde(flatten)]
    progress: Progress,
}

impl ProgressItem {
    fn is_of(&self, operation: Option<&Operation>) -> bool {
        operation.is_some_and(|operation| {
            operation.id == self.operation
                && operation.current().is_some_and(|(position, _)| position == self.stage)
        })
    }
}

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// What is to begin.
#[derive(Debug, Clone)]
pub struct Beginning<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The records of it.
    pub records: &'a [Record],
    /// The activity that it is, if it is one.
    pub activity: Option<&'a Activity>,
    /// The confirmation that it uses up, if it needs one.
    pub confirmation: Option<&'a Use<'a>>,
    /// Of what is begun for a night: the schedule as it was read.
    pub schedule: Option<&'a Schedule>,
    /// What the application tells its users meanwhile.
    pub message: &'a str,
}

/// What came of asking to begin an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It has begun.
    Begun,
    /// Another one is in progress. None if that one ended while it was looked at.
    Busy(Option<Box<Operation>>),
    /// The confirmation does not fit, has been used, or has expired. Nothing has begun.
    Unconfirmed,
    /// The backup that was to be restored cannot be restored, or not any more. Nothing has begun.
    NotRestorable,
    /// The schedule is not the one that was read: somebody else has seen to the night meanwhile. Nothing
    /// has begun.
    NotDue,
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
        let mut progress = None;
        for item in answer.items.unwrap_or_default() {
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                Some("operation") => state.operation = Some(from_item(item, "the operation")?),
                Some("progress") => progress = Some(from_item::<ProgressItem>(item, "the progress")?),
                Some("maintenance") => state.maintenance = from_item(item, "the maintenance flag")?,
                Some("application") => state.application = from_item(item, "the application’s facts")?,
                Some("schedule") => state.schedule = from_item(item, "the schedule’s facts")?,
                // A newer version may keep more here.
                Some(_) | None => {}
            }
        }
        // What an earlier stage, or an earlier operation, has left says nothing about this one.
        state.progress =
            progress.filter(|found| found.is_of(state.operation.as_ref())).map(|found| found.progress);
        Ok(state)
    }

    /// The maintenance flag alone: what the main application asks for, often.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn maintenance(&self) -> Result<Maintenance, Error> {
        let doing = "reading the maintenance flag";
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "maintenance")))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of(doing, error))?;
        answer.item.map_or_else(|| Ok(Maintenance::default()), |item| from_item(item, "the maintenance flag"))
    }

    /// Begins an operation if none is in progress: stores it and its records, uses up its confirmation,
    /// and turns maintenance on if it needs it, remembering how it was. All or nothing.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn begin(&self, beginning: &Beginning<'_>) -> Result<Begin, Error> {
        let operation = beginning.operation;
        let doing = format!("beginning a {}", operation.kind.word());
        let absent = |item: Item| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .build()
                .map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(|error| Error::new(Kind::Denied, doing.clone(), error))
        };
        let mut items = vec![absent(to_item("console", "operation", operation)?)?];
        let mut refusals = vec![Begin::Busy(None)];
        if let Some(confirmation) = beginning.confirmation {
            items.push(self.use_up(confirmation, &doing)?);
            refusals.push(Begin::Unconfirmed);
        }
        if let Some(restored) = &operation.restored {
            let check = ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(key("record", &restored.record.to_string())))
                .condition_expression(
                    "kind = :backup AND #status = :success AND (attribute_not_exists(expired) OR expired = :no)",
                )
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":backup", to_value(&RecordKind::Backup)?)
                .expression_attribute_values(":success", to_value(&Status::Success)?)
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .build()
                .map_err(|error| Error::new(Kind::Denied, doing.clone(), error))?;
            items.push(TransactWriteItem::builder().condition_check(check).build());
            refusals.push(Begin::NotRestorable);
        }
        if let Some((schedule, date)) = beginning.schedule.zip(operation.night) {
            items.push(built(self.night_begun(operation.kind, date, schedule)?, &doing)?);
            refusals.push(Begin::NotDue);
        }
        for record in beginning.records {
            items.push(absent(to_item("record", &record.id.to_string(), record)?)?);
        }
        if let Some(activity) = beginning.activity {
            items.push(absent(to_item("activity", &activity.id.to_string(), activity)?)?);
        }
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
                .expression_attribute_values(":message", text(beginning.message))
                .expression_attribute_values(":now", text(operation.started_at.to_string()));
            items.push(built(update, &doing)?);
        }
        let Err(failed) = self.transact(items, &doing).await? else { return Ok(Begin::Begun) };
        let refusal = failed.iter().position(|failed| *failed).and_then(|at| refusals.into_iter().nth(at));
        match refusal {
            Some(Begin::Busy(_)) => Ok(Begin::Busy(self.state().await?.operation.map(Box::new))),
            Some(refusal) => Ok(refusal),
            None => Err(Error::new(Kind::Conflict, doing, "a record of this id exists")),
        }
    }

    /// Stores the operation on the condition that it is still at the version that was read.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if somebody else wrote meanwhile, or it has ended.
    pub async fn save(&self, operation: &Operation) -> Result<(), Error> {
        let doing = format!("saving operation {}", operation.id);
        let put = self.next_version(operation)?;
        self.client
            .put_item()
            .set_table_name(Some(put.table_name))
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_names(put.expression_attribute_names)
            .set_expression_attribute_values(put.expression_attribute_values)
            .send()
            .await
            .map_err(|error| Error::of(doing, error))?;
        Ok(())
    }

    /// The operation's next version, on the condition that it is still at the one that was read.
    fn next_version(&self, operation: &Operation) -> Result<Put, Error> {
        let mut next = operation.clone();
        next.version += 1;
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item("console", "operation", &next)?))
            .condition_expression("id = :id AND #version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":id", text(operation.id.to_string()))
            .expression_attribute_values(":version", number(operation.version))
            .build()
            .map_err(|error| Error::new(Kind::Denied, format!("saving operation {}", operation.id), error))
    }

    /// Writes what was seen of the application's services.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn write_services(&self, services: Services) -> Result<(), Error> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "application")))
            .update_expression("SET services = :services")
            .expression_attribute_values(":services", to_value(&services)?)
            .send()
            .await
            .map_err(|error| Error::of("writing what was seen of the services", error))?;
        Ok(())
    }

    fn update(&self, pk: &str, sk: &str) -> UpdateBuilder {
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
            tokio::time::sleep(pause(attempt)).await;
        }
        Err(Error::new(Kind::Throttled, doing, "it met other writers again and again"))
    }
}

/// How long to wait before a write that met another one is tried again.
fn pause(attempt: u32) -> Duration {
    Duration::from_millis(20) * (1 << attempt.min(5))
}

fn built(update: UpdateBuilder, doing: &str) -> Result<TransactWriteItem, Error> {
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

/// What of several items is understood. One that is not, because another version wrote it or somebody by
/// hand, must not hide the others: it is logged and left out.
fn understood<T: DeserializeOwned>(items: Vec<Item>, what: &str) -> impl Iterator<Item = T> {
    items.into_iter().filter_map(move |item| {
        let name = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
        let read = from_item(item, &format!("{what} {name}"));
        read.inspect_err(|error| tracing::error!("{error}; it is left out")).ok()
    })
}

fn from_item<T: DeserializeOwned>(item: Item, what: &str) -> Result<T, Error> {
    serde_dynamo::from_item(item)
        .map_err(|error| Error::corrupt(format!("reading {what} from the table"), error))
}
