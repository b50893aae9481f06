//! The purge's side of the table: what each record holds in the repository, records marked as expired,
//! and expired records and activities removed.
//!
//! It must never remove what is in progress, nor write a word once its assignment no longer holds: every
//! write has that as a condition.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem};
use nightkeep_domain::{
    identifier::RecordId,
    operation::{Assignment, Operation},
    record::{Snapshot, Status},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Item, Ledger, agent::holds, built, from_item, key, number, text, to_value};
use crate::{Error, Kind};

/// DynamoDB takes 100 items in one transaction; one of them is the assignment's.
const ITEMS: usize = 99;

/// What a record holds in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Holding {
    /// The record.
    #[serde(rename = "id")]
    pub record: RecordId,
    /// How it stands.
    pub status: Status,
    /// Whether a purge has begun to remove its data.
    #[serde(default)]
    pub expired: bool,
    /// The snapshots that it names.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
}

/// An activity, as far as a purge needs to know.
#[derive(Debug, Deserialize)]
struct Trace {
    id: RecordId,
    status: Status,
}

impl Ledger {
    /// What each record holds in the repository, oldest first. It reads every record: nobody else can say
    /// that a snapshot is named by none.
    ///
    /// # Errors
    /// If the table cannot be read, or holds what this version does not understand.
    pub async fn holdings(&self) -> Result<Vec<Holding>, Error> {
        self.projected("record", None, "id, #status, expired, snapshots").await
    }

    /// Looks whether an assignment still holds.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if it does not.
    pub async fn still_holds(&self, assignment: Assignment) -> Result<(), Error> {
        let doing = format!("looking for operation {}", assignment.operation);
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "operation")))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of(doing.clone(), error))?;
        let operation: Option<Operation> =
            answer.item.map(|item| from_item(item, "the operation")).transpose()?;
        if operation.is_some_and(|operation| assignment.holds(&operation)) {
            return Ok(());
        }
        Err(lost(&doing))
    }

    /// Marks records as expired: from then on they cannot be restored. Marking one again changes nothing.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment no longer holds, or a record is in progress or gone.
    pub async fn mark_expired(&self, assignment: Assignment, records: &[RecordId]) -> Result<(), Error> {
        let doing = "marking records as expired";
        let mark = |id: &RecordId| {
            let update = self
                .update("record", &id.to_string())
                .update_expression("SET expired = :true")
                // Without the first part a record that is gone would come back as a shadow.
                .condition_expression("attribute_exists(pk) AND #status <> :in_progress")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":true", AttributeValue::Bool(true))
                .expression_attribute_values(":in_progress", to_value(&Status::InProgress)?);
            built(update, doing)
        };
        self.write_all(assignment, records, doing, mark).await
    }

    /// Removes records that were marked as expired. Their data has to be gone.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment no longer holds, or a record is not marked as expired.
    pub async fn remove_records(&self, assignment: Assignment, records: &[RecordId]) -> Result<(), Error> {
        let doing = "removing expired records";
        let marked = AttributeValue::Bool(true);
        let condition = "expired = :true AND #status <> :in_progress";
        let remove = |id: &RecordId| self.removal("record", *id, condition, Some(marked.clone()), doing);
        self.write_all(assignment, records, doing, remove).await
    }

    /// Removes the activities older than `before`, but for those in progress, and says how many they were.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment no longer holds.
    pub async fn remove_activities(&self, assignment: Assignment, before: RecordId) -> Result<u64, Error> {
        let doing = "removing expired activities";
        let found: Vec<Trace> = self.projected("activity", Some(before), "id, #status").await?;
        let ended: Vec<RecordId> =
            found.iter().filter(|trace| trace.status != Status::InProgress).map(|trace| trace.id).collect();
        let remove = |id: &RecordId| self.removal("activity", *id, "#status <> :in_progress", None, doing);
        self.write_all(assignment, &ended, doing, remove).await?;
        Ok(ended.len() as u64)
    }

    fn removal(
        &self,
        pk: &str,
        id: RecordId,
        condition: &str,
        marked: Option<AttributeValue>,
        doing: &str,
    ) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(pk, &id.to_string())))
            // Gone is as good: the answer to a removal may have been lost, and it is asked for again.
            .condition_expression(format!("attribute_not_exists(pk) OR ({condition})"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":in_progress", to_value(&Status::InProgress)?);
        let delete = match marked {
            Some(marked) => delete.expression_attribute_values(":true", marked),
            None => delete,
        };
        let delete = delete.build().map_err(|error| Error::new(Kind::Denied, doing, error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Writes to each of these, as many at once as a transaction takes, on the condition that the
    /// assignment still holds.
    async fn write_all(
        &self,
        assignment: Assignment,
        records: &[RecordId],
        doing: &str,
        write: impl Fn(&RecordId) -> Result<TransactWriteItem, Error>,
    ) -> Result<(), Error> {
        for some in records.chunks(ITEMS) {
            let check = self.assigned(assignment, doing)?;
            let mut items = vec![TransactWriteItem::builder().condition_check(check).build()];
            for record in some {
                items.push(write(record)?);
            }
            let Err(failed) = self.transact(items, doing).await? else { continue };
            return Err(match failed.iter().skip(1).position(|failed| *failed) {
                Some(at) if failed.first() != Some(&true) => {
                    Error::new(Kind::Conflict, doing, format!("{} has changed meanwhile", some[at]))
                }
                Some(_) | None => lost(doing),
            });
        }
        Ok(())
    }

    /// The condition that an assignment holds, as a part of a transaction.
    pub(super) fn assigned(&self, assignment: Assignment, doing: &str) -> Result<ConditionCheck, Error> {
        ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key("console", "operation")))
            .condition_expression(holds(assignment))
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":id", text(assignment.operation.to_string()))
            .expression_attribute_values(":number", number(assignment.attempt.into()))
            .expression_attribute_values(":in_progress", text("in_progress"))
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing, error))
    }

    /// Some attributes, `#status` among them, of all that is kept under `pk`, oldest first.
    async fn projected<T: DeserializeOwned>(
        &self,
        pk: &str,
        before: Option<RecordId>,
        attributes: &str,
    ) -> Result<Vec<T>, Error> {
        let doing = format!("reading all that is kept under {pk}");
        let mut found = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .projection_expression(attributes)
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":pk", text(pk))
                .consistent_read(true)
                .set_exclusive_start_key(start);
            let query = match before {
                Some(before) => query
                    .key_condition_expression("pk = :pk AND sk < :before")
                    .expression_attribute_values(":before", text(before.to_string())),
                None => query.key_condition_expression("pk = :pk"),
            };
            let answer = query.send().await.map_err(|error| Error::of(doing.clone(), error))?;
            for item in answer.items.unwrap_or_default() {
                found.push(from_item(item, &format!("one of {pk}"))?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

fn lost(doing: &str) -> Error {
    Error::new(Kind::Conflict, doing, "the operation is no longer this task’s")
}
