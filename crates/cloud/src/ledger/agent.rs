//! The agent's side of the table: its progress and its report, each on the condition that the
//! operation, the stage and the attempt are still its own.

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, TransactWriteItem};
use nightkeep_domain::{
    identifier::RecordId,
    operation::{Assignment, Operation, Progress, Report},
    record::Snapshot,
};

use super::{Ledger, ProgressItem, from_item, key, number, text, to_item, to_value};
use crate::{Error, Kind};

impl Ledger {
    /// Claims an assignment for the agent that was started for it, before it touches anything, and
    /// returns the operation. Claiming it again changes nothing.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment does not, or no longer, hold.
    pub async fn claim(&self, assignment: Assignment) -> Result<Operation, Error> {
        self.mark(assignment, "attempt.claimed").await
    }

    /// Sets a mark of the operation for good.
    async fn mark(&self, assignment: Assignment, what: &str) -> Result<Operation, Error> {
        let doing = format!("setting {what} of operation {}", assignment.operation);
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "operation")))
            .update_expression(format!("SET {what} = :true, #version = #version + :one"))
            .condition_expression(holds(assignment))
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":id", text(assignment.operation.to_string()))
            .expression_attribute_values(":number", number(assignment.attempt.into()))
            .expression_attribute_values(":in_progress", text("in_progress"))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| Error::of(doing.clone(), error))?;
        let item =
            answer.attributes.ok_or_else(|| Error::corrupt(doing, "the table gave no operation back"))?;
        from_item(item, "the operation")
    }

    /// Notes that the application's data is about to be written to, before the first byte of it is.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment no longer holds: then nothing may be written.
    pub async fn touch(&self, assignment: Assignment) -> Result<(), Error> {
        self.mark(assignment, "touched").await.map(|_| ())
    }

    /// Writes how far the agent is.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment no longer holds: the agent then stops at once.
    pub async fn report_progress(&self, assignment: Assignment, progress: &Progress) -> Result<(), Error> {
        let doing = format!("writing the progress of operation {}", assignment.operation);
        let check = self.assigned(assignment, &doing)?;
        let item = ProgressItem {
            operation: assignment.operation,
            stage: assignment.stage,
            progress: progress.clone(),
        };
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item("console", "progress", &item)?))
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing.clone(), error))?;
        let items = vec![
            TransactWriteItem::builder().condition_check(check).build(),
            TransactWriteItem::builder().put(put).build(),
        ];
        match self.transact(items, &doing).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::new(Kind::Conflict, doing, "the operation is no longer this task’s")),
        }
    }

    /// Writes the agent's report, once.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if the assignment no longer holds or there is a report already.
    pub async fn report(&self, assignment: Assignment, report: &Report) -> Result<(), Error> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "operation")))
            .update_expression("SET report = :report, #version = #version + :one")
            .condition_expression(format!("{} AND attribute_not_exists(report)", holds(assignment)))
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":report", to_value(report)?)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":id", text(assignment.operation.to_string()))
            .expression_attribute_values(":number", number(assignment.attempt.into()))
            .expression_attribute_values(":in_progress", text("in_progress"))
            .send()
            .await
            .map_err(|error| {
                Error::of(format!("reporting the end of operation {}", assignment.operation), error)
            })?;
        Ok(())
    }

    /// The snapshots of the newest successful backup: what the next one builds upon.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn newest_snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        let mut before: Option<RecordId> = None;
        loop {
            let page = self.records(before, 50).await?;
            if let Some(record) = page.records.iter().find(|record| record.restorable()) {
                return Ok(record.snapshots.clone());
            }
            match page.next {
                Some(next) => before = Some(next),
                None => return Ok(Vec::new()),
            }
        }
    }
}

/// The condition that an assignment holds, as [`Assignment::holds`] has it.
pub(super) fn holds(assignment: Assignment) -> String {
    let stage = assignment.stage;
    format!("id = :id AND attempt.#number = :number AND stages[{stage}].#state = :in_progress")
}
