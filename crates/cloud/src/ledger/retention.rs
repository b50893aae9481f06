//! What has expired: one range of the records, because their ids sort by time.

use jiff::Timestamp;
use nightkeep_domain::{
    identifier::RecordId,
    record::Record,
    retention::{Retention, counts},
};

use super::{Ledger, text, understood};
use crate::Error;

impl Ledger {
    /// The records that have expired, oldest first, `limit` at most. It reads no more of the table than
    /// these, and where the newest backups are kept in any case, those.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn expired(
        &self,
        retention: Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Record>, Error> {
        let kept = usize::try_from(retention.keep_newest).unwrap_or(usize::MAX);
        let mut old = self.oldest(retention.first_kept(now), limit.saturating_add(kept)).await?;
        if kept > 0 && old.iter().any(counts) {
            let newest = self.newest_backups(kept).await?;
            old.retain(|record| !newest.contains(&record.id));
        }
        old.truncate(limit);
        Ok(old)
    }

    /// The records older than `before`, oldest first, `limit` at most.
    async fn oldest(&self, before: RecordId, limit: usize) -> Result<Vec<Record>, Error> {
        let doing = "looking for expired records";
        let mut found = Vec::new();
        let mut start = None;
        while found.len() < limit {
            let wanted = i32::try_from((limit - found.len()).min(1000)).unwrap_or(1000);
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk < :before")
                .expression_attribute_values(":pk", text("record"))
                .expression_attribute_values(":before", text(before.to_string()))
                .consistent_read(true)
                .limit(wanted)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| Error::of(doing, error))?;
            found.extend(understood(answer.items.unwrap_or_default(), "record"));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// The ids of the newest successful backups, `count` at most.
    async fn newest_backups(&self, count: usize) -> Result<Vec<RecordId>, Error> {
        let mut found = Vec::new();
        let mut before = None;
        while found.len() < count {
            let page = self.records(before, 50).await?;
            found.extend(page.records.iter().filter(|record| counts(record)).map(|record| record.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        found.truncate(count);
        Ok(found)
    }
}
