//! The nights: which were begun, which waits, which could not run. Each is seen to once, because every
//! change is on the condition that the nights are still those that were read.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, builders::UpdateBuilder};
use jiff::civil::Date;
use nightkeep_domain::{
    operation::Kind as OperationKind,
    record::Record,
    schedule::{NightOutcome, Schedule, Waiting},
};

use super::{Begin, Ledger, built, key, text, to_item, to_value};
use crate::{Error, Kind};

impl Ledger {
    /// The part of a beginning that writes down for which night it is.
    pub(super) fn night_begun(
        &self,
        kind: OperationKind,
        date: Date,
        was: &Schedule,
    ) -> Result<UpdateBuilder, Error> {
        let update = self.update("console", "schedule");
        if kind == OperationKind::Purge {
            return Ok(update
                .update_expression("SET purged = :date")
                .condition_expression("attribute_not_exists(purged) OR purged <> :date")
                .expression_attribute_values(":date", text(date.to_string())));
        }
        let nights = was.with(date, NightOutcome::InProgress);
        Ok(unchanged(update, was)?
            .update_expression("SET nights = :nights REMOVE waiting")
            .expression_attribute_values(":nights", to_value(&nights)?))
    }

    /// Notes that a night waits for the operation in progress.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn wait(&self, waiting: &Waiting) -> Result<(), Error> {
        self.write_schedule("SET waiting = :value", to_value(waiting)?, "noting that a night waits").await
    }

    /// Notes that nothing had expired after this night.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn nothing_expired(&self, date: Date) -> Result<(), Error> {
        let doing = "noting that nothing has expired";
        self.write_schedule("SET purged = :value", text(date.to_string()), doing).await
    }

    /// Gives a night up that could not begin, with a record that says so. Not due means that somebody
    /// else has seen to it meanwhile.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn miss(&self, date: Date, record: &Record, was: &Schedule) -> Result<Begin, Error> {
        let doing = format!("giving up the night of {date}");
        let update = unchanged(self.update("console", "schedule"), was)?
            .update_expression("SET nights = :nights REMOVE waiting")
            .expression_attribute_values(":nights", to_value(&was.with(date, NightOutcome::Failed))?);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item("record", &record.id.to_string(), record)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| Error::new(Kind::Denied, doing.clone(), error))?;
        let items = vec![built(update, &doing)?, TransactWriteItem::builder().put(put).build()];
        Ok(self.transact(items, &doing).await?.map_or(Begin::NotDue, |()| Begin::Begun))
    }

    async fn write_schedule(
        &self,
        change: &str,
        value: aws_sdk_dynamodb::types::AttributeValue,
        doing: &str,
    ) -> Result<(), Error> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("console", "schedule")))
            .update_expression(change)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .map_err(|error| Error::of(doing, error))?;
        Ok(())
    }
}

/// The condition that the nights are still those that were read.
pub(super) fn unchanged(update: UpdateBuilder, was: &Schedule) -> Result<UpdateBuilder, Error> {
    let none = if was.nights.is_empty() { "attribute_not_exists(nights) OR " } else { "" };
    Ok(update
        .condition_expression(format!("{none}nights = :before"))
        .expression_attribute_values(":before", to_value(&was.nights)?))
}
