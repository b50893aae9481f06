//! The records: one by its id, a page of them newest first, and their notes.

use nightkeep_domain::{identifier::RecordId, notes::Notes, record::Record};

use serde::de::DeserializeOwned;

use super::{Ledger, from_item, key, number, pause, text, to_value};
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
        let (records, more) = self.page::<Record>("record", before, limit).await?;
        let next = if more { records.last().map(|record| record.id) } else { None };
        Ok(Page { records, next })
    }

    /// At most `limit` of what is kept under `pk`, newest first, and whether there is more.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        pk: &str,
        before: Option<RecordId>,
        limit: usize,
    ) -> Result<(Vec<T>, bool), Error> {
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
        let found = items
            .into_iter()
            .map(|item| from_item(item, &format!("one of {pk}")))
            .collect::<Result<_, _>>()?;
        Ok((found, more))
    }

    /// Replaces a record's notes and touches nothing else, whatever the record's status. With
    /// `expected`, only if they are still at this version.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub async fn edit_notes(
        &self,
        id: RecordId,
        notes: &Notes,
        expected: Option<u64>,
    ) -> Result<Edit, Error> {
        let doing = format!("saving the notes of record {id}");
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("record", &id.to_string())))
            .update_expression("SET notes = :notes, notes_version = notes_version + :one")
            .expression_attribute_values(":notes", to_value(notes)?)
            .expression_attribute_values(":one", number(1))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew);
        let update = match expected {
            Some(version) => update
                .condition_expression("attribute_exists(pk) AND notes_version = :version")
                .expression_attribute_values(":version", number(version)),
            None => update.condition_expression("attribute_exists(pk)"),
        };
        // A transaction that ends the record's operation may be at it at this very moment.
        for attempt in 0_u32.. {
            let error = match update.clone().send().await {
                Ok(answer) => {
                    let none = || Error::corrupt(doing.clone(), "the table gave no record back");
                    let item = answer.attributes.ok_or_else(none)?;
                    return Ok(Edit::Saved(Box::new(from_item(item, &format!("record {id}"))?)));
                }
                Err(error) => Error::of(doing.clone(), error),
            };
            match error.kind {
                Kind::Conflict => break,
                Kind::Contended if attempt < 9 => tokio::time::sleep(pause(attempt)).await,
                _ => return Err(error),
            }
        }
        let record = self.record(id).await?;
        Ok(record.map_or(Edit::NotFound, |record| Edit::Changed(Box::new(record))))
    }
}
