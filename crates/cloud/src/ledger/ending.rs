//! How operations and their records end, each in one transaction.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, builders::UpdateBuilder};
use jiff::Timestamp;
use nightkeep_domain::{
    failure::Failure,
    next::{Ending, Settlement},
    operation::{Kind as OperationKind, Operation, Stage, StageName},
    record::{Size, Snapshot, Status},
    schedule::{NightOutcome, Schedule},
    state::{ApplicationFacts, Maintenance, State},
};

use super::{Ledger, built, key, nights::unchanged, number, text, to_value};
use crate::{Error, Kind};

impl Ledger {
    /// Stores the operation as [`Ledger::save`] does and, in the same transaction, the ending of a record
    /// that ends before it.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if somebody else wrote meanwhile, or it has ended.
    pub async fn close(&self, operation: &Operation, ending: &Ending, now: Timestamp) -> Result<(), Error> {
        let doing = format!("closing record {}", ending.record);
        let put = self.next_version(operation)?;
        let (failure, snapshots) = match &ending.outcome {
            Ok(snapshots) => (None, snapshots.as_slice()),
            Err(failure) => (Some(failure), [].as_slice()),
        };
        let record =
            self.record_ending(&ending.record.to_string(), failure, snapshots, &ending.stages, now)?;
        let mut items = vec![TransactWriteItem::builder().put(put).build(), built(record, &doing)?];
        // A safety backup of nothing saves nothing.
        if Size::of(snapshots).files > 0 {
            items.push(built(self.last_success(now), &doing)?);
        }
        self.transact(items, &doing).await?.map_err(|_| changed(doing))
    }

    /// Ends the operation: it is gone, its record or activity has its ending, and maintenance is as it
    /// was before. All or nothing, on the condition that it is still at the version that was read.
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
        let success = matches!(settlement, Settlement::Success { .. });
        let mut items = vec![
            TransactWriteItem::builder().delete(gone).build(),
            built(self.ending(operation, settlement, &state.maintenance, now)?, &doing)?,
        ];
        if operation.kind.needs_maintenance() {
            items.push(built(self.maintenance_after(operation, &state.maintenance), &doing)?);
        }
        if success {
            items.push(built(self.duration(operation, &state.application, now)?, &doing)?);
        }
        if let Some(update) = self.schedule_after(operation, success, &state.schedule, now)? {
            items.push(built(update, &doing)?);
        }
        self.transact(items, &doing).await?.map_err(|_| changed(doing))?;
        // Without an operation nobody shows it any more; that it goes now is only tidiness.
        let progress = Some(key("console", "progress"));
        let tidied = self.client.delete_item().table_name(&self.table).set_key(progress).send().await;
        if let Err(error) = tidied {
            tracing::warn!("{}", Error::of("removing the progress of a settled operation", error));
        }
        Ok(())
    }

    /// The ending of what the operation settles.
    fn ending(
        &self,
        operation: &Operation,
        settlement: &Settlement,
        was: &Maintenance,
        now: Timestamp,
    ) -> Result<UpdateBuilder, Error> {
        let id = operation.record_id.to_string();
        let failure = match settlement {
            Settlement::Success { .. } => None,
            Settlement::Failed { .. } => {
                operation.failure(was.before_on == Some(true) && !makes_good(operation, was))
            }
        };
        match (operation.kind, settlement) {
            (OperationKind::Backup, Settlement::Success { snapshots }) => {
                self.record_ending(&id, None, snapshots, &operation.stages, now)
            }
            (OperationKind::Backup, Settlement::Failed { .. }) => {
                self.record_ending(&id, failure.as_ref(), &[], &operation.stages, now)
            }
            (OperationKind::Restore, _) => {
                let update =
                    self.status(self.update("record", &id), failure.as_ref(), &operation.stages, now)?;
                Ok(update
                    .update_expression(format!("{STATUS}, put_back = :put_back"))
                    .expression_attribute_values(":put_back", to_value(&operation.put_back())?))
            }
            (OperationKind::Restart | OperationKind::SourceArchive | OperationKind::Purge, _) => {
                let update =
                    self.status(self.update("activity", &id), failure.as_ref(), &operation.stages, now)?;
                Ok(update
                    .update_expression(format!(
                        "{STATUS}, source_archive = :source_archive, purged = :purged"
                    ))
                    .expression_attribute_values(":source_archive", to_value(&operation.source_archive)?)
                    .expression_attribute_values(":purged", to_value(&operation.purged)?))
            }
        }
    }

    /// The ending of a backup's record.
    fn record_ending(
        &self,
        id: &str,
        failure: Option<&Failure>,
        snapshots: &[Snapshot],
        stages: &[Stage],
        now: Timestamp,
    ) -> Result<UpdateBuilder, Error> {
        let size = failure.is_none().then(|| Size::of(snapshots));
        let update = self.status(self.update("record", id), failure, stages, now)?;
        Ok(update
            .update_expression(format!("{STATUS}, #size = :size, snapshots = :snapshots"))
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":size", to_value(&size)?)
            .expression_attribute_values(":snapshots", to_value(&snapshots)?))
    }

    /// What every ending has: it ends what is in progress, and nothing twice.
    fn status(
        &self,
        update: UpdateBuilder,
        failure: Option<&Failure>,
        stages: &[Stage],
        now: Timestamp,
    ) -> Result<UpdateBuilder, Error> {
        let status = if failure.is_none() { Status::Success } else { Status::Failed };
        Ok(update
            .condition_expression("#status = :in_progress")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":in_progress", to_value(&Status::InProgress)?)
            .expression_attribute_values(":status", to_value(&status)?)
            .expression_attribute_values(":now", text(now.to_string()))
            .expression_attribute_values(":failure", to_value(&failure)?)
            .expression_attribute_values(":stages", to_value(&stages)?))
    }

    fn last_success(&self, now: Timestamp) -> UpdateBuilder {
        self.update("console", "schedule")
            .update_expression("SET last_success_at = :now")
            .expression_attribute_values(":now", text(now.to_string()))
    }

    /// What the end of the operation means to the schedule, if it means anything.
    fn schedule_after(
        &self,
        operation: &Operation,
        success: bool,
        was: &Schedule,
        now: Timestamp,
    ) -> Result<Option<UpdateBuilder>, Error> {
        let mut update = self.update("console", "schedule");
        let mut changes = Vec::new();
        let backed_up = operation.kind == OperationKind::Backup;
        if backed_up && success {
            changes.push("last_success_at = :now");
            update = update.expression_attribute_values(":now", text(now.to_string()));
        }
        if let Some(date) = operation.night.filter(|_| backed_up) {
            let outcome = if success { NightOutcome::Success } else { NightOutcome::Failed };
            changes.push("nights = :nights");
            update = unchanged(update, was)?
                .expression_attribute_values(":nights", to_value(&was.with(date, outcome))?);
        }
        // What an agent that was cut short has left, only the repository knows.
        let sweep = match operation.kind {
            // One that was cut short may have removed snapshots and left what they alone needed.
            OperationKind::Purge => Some(!success),
            OperationKind::Backup | OperationKind::Restore if !operation.has_done(StageName::Backup) => {
                Some(true)
            }
            OperationKind::Backup
            | OperationKind::Restore
            | OperationKind::Restart
            | OperationKind::SourceArchive => None,
        };
        if let Some(sweep) = sweep {
            changes.push("sweep = :sweep");
            update = update.expression_attribute_values(":sweep", AttributeValue::Bool(sweep));
        }
        Ok((!changes.is_empty()).then(|| update.update_expression(format!("SET {}", changes.join(", ")))))
    }

    /// How long the operation took is remembered.
    fn duration(
        &self,
        operation: &Operation,
        known: &ApplicationFacts,
        now: Timestamp,
    ) -> Result<UpdateBuilder, Error> {
        let mut facts = known.clone();
        facts.remember(operation.kind, now.duration_since(operation.started_at).as_secs().unsigned_abs());
        Ok(self
            .update("console", "application")
            .update_expression("SET seconds = :seconds")
            .expression_attribute_values(":seconds", to_value(&facts.seconds)?))
    }

    /// Maintenance as it was before, with two exceptions: it stays on when the data is in doubt, and a
    /// restore that succeeds ends what an earlier one had left on for that.
    fn maintenance_after(&self, operation: &Operation, was: &Maintenance) -> UpdateBuilder {
        let update = self
            .update("console", "maintenance")
            .expression_attribute_names("#on", "on")
            .expression_attribute_names("#message", "message");
        if operation.leaves_maintenance_on() {
            return update
                .update_expression(
                    "SET #on = :on, #message = :message, stuck = :on REMOVE before_on, before_message",
                )
                .expression_attribute_values(":on", AttributeValue::Bool(true))
                .expression_attribute_values(
                    ":message",
                    was.message.clone().map_or(AttributeValue::Null(true), text),
                );
        }
        if was.before_on != Some(true) || makes_good(operation, was) {
            return update
                .update_expression("SET #on = :off REMOVE #since, #message, before_on, before_message, stuck")
                .expression_attribute_names("#since", "since")
                .expression_attribute_values(":off", AttributeValue::Bool(false));
        }
        let message = was.before_message.clone().map_or(AttributeValue::Null(true), text);
        update
            .update_expression("SET #on = :on, #message = :message REMOVE before_on, before_message")
            .expression_attribute_values(":on", AttributeValue::Bool(true))
            .expression_attribute_values(":message", message)
    }
}

/// Whether the operation has made good what an earlier one had left in doubt.
fn makes_good(operation: &Operation, was: &Maintenance) -> bool {
    was.stuck && operation.has_done(StageName::Restore)
}

/// What every ending sets.
const STATUS: &str = "SET #status = :status, finished_at = :now, failure = :failure, stages = :stages";

fn changed(doing: String) -> Error {
    Error::new(Kind::Conflict, doing, "it has changed meanwhile")
}
