//! The records: one by its id, a page of them newest first, and their notes.

use jiff::Timestamp;
use nightkeep_domain::{actor::Actor, identifier::RecordId, notes::Notes, record::Record};

use serde::de::DeserializeOwned;

use super::{Ledger, from_item, key, number, pause, text, to_value, understood};
use crate::{Error, Kind};

/// Records, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// Where the next page begins, if there are more: its records are older than this one.
    pub next: Option<RecordId>,
}

/// What came of editing notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// They were saved; the record as it is now.
    Saved(Box<Record>),
    /// Somebody else saved others meanwhile; the record as it is now.
    Changed(Box<Record>),
    /// There is no such record.
    NotFound,
}

impl Ledger {
    /// A record by its id.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn record(&self, id: RecordId) -> Result<Option<Record>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key("record", &id.to_string())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of(format!("reading record {id}"), error))?;
        answer.item.map(|item| from_item(item, &format!("record {id}"))).transpose()
    }

    /// A page of records, newest first: at most `limit`, and only those older than `before`.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn records(&self, before: Option<RecordId>, limit: usize) -> Result<Page, Error> {
        let (mut records, next) = self.page::<Record>("record", before, limit).await?;
        // Many records with long histories would make a long answer that nobody has asked for.
        records.iter_mut().for_each(|record| record.notes_history.clear());
        Ok(Page { records, next })
    }

    /// At most `limit` of what is kept under `pk`, newest first, and where the next page begins if there is
    /// one.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        pk: &str,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(Vec<T>, Option<RecordId>), Error> {
        let doing = format!("listing what is kept under {pk}");
        let mut items = Vec::new();
        let mut start = None;
        // One more than asked for tells whether there is a next page. A query's answer ends at 1 MB,
        // which a page of long notes can pass, hence the loop.
        loop {
            let wanted = i32::try_from(limit + 1 - items.len()).unwrap_or(i32::MAX);
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .expression_attribute_values(":pk", text(pk))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(wanted)
                .set_exclusive_start_key(start);
            let query = match before {
                Some(before) => query
                    .key_condition_expression("pk = :pk AND sk < :before")
                    .expression_attribute_values(":before", text(before.to_string())),
                None => query.key_condition_expression("pk = :pk"),
            };
            let answer = query.send().await.map_err(|error| Error::of(doing.clone(), error))?;
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() || items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().and_then(|item| item.get("sk")?.as_s().ok()?.parse().ok());
        Ok((understood(items, pk).collect(), last.filter(|_| more)))
    }

    /// Replaces a record's notes, keeps what they were, and touches nothing else, whatever the record's
    /// status. With `expected`, only if they are still at this version.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn edit_notes(
        &self,
        id: RecordId,
        notes: &Notes,
        expected: Option<u64>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Edit, Error> {
        for attempt in 0_u32.. {
            let Some(mut record) = self.record(id).await? else { return Ok(Edit::NotFound) };
            if expected.is_some_and(|version| version != record.notes_version) {
                return Ok(Edit::Changed(Box::new(record)));
            }
            let read = record.notes_version;
            if !record.edit(notes.clone(), by, now) {
                return Ok(Edit::Saved(Box::new(record)));
            }
            match self.save_notes(&record, read).await {
                Ok(saved) => return Ok(Edit::Saved(Box::new(saved))),
                // Somebody else was faster, or a transaction that ends the record's operation is at it at
                // this very moment: what is there now is looked at again.
                Err(error) if matches!(error.kind, Kind::Conflict | Kind::Contended) && attempt < 9 => {
                    tokio::time::sleep(pause(attempt)).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            Kind::Contended,
            format!("saving the notes of record {id}"),
            "it met other writers again and again",
        ))
    }

    /// Writes what concerns the notes on the condition that they are still at the version `read`, and
    /// returns the record as it is then.
    async fn save_notes(&self, record: &Record, read: u64) -> Result<Record, Error> {
        let doing = format!("saving the notes of record {}", record.id);
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("record", &record.id.to_string())))
            .update_expression(
                "SET notes = :notes, notes_version = :next, notes_edited = :edited, notes_history = :history",
            )
            .condition_expression("attribute_exists(pk) AND notes_version = :read")
            .expression_attribute_values(":notes", to_value(&record.notes)?)
            .expression_attribute_values(":next", number(record.notes_version))
            .expression_attribute_values(":edited", to_value(&record.notes_edited)?)
            .expression_attribute_values(":history", to_value(&record.notes_history)?)
            .expression_attribute_values(":read", number(read))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| Error::of(doing.clone(), error))?;
        let none = || Error::corrupt(doing, "the table gave no record back");
        from_item(answer.attributes.ok_or_else(none)?, &format!("record {}", record.id))
    }
}
