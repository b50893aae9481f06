//! The activities: one by its id, and a page of them newest first.

use nightkeep_domain::{activity::Activity, identifier::RecordId};

use super::{Ledger, from_item, key};
use crate::Error;

/// Activities, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityPage {
    /// The activities.
    pub activities: Vec<Activity>,
    /// Where the next page begins, if there are more.
    pub next: Option<RecordId>,
}

impl Ledger {
    /// An activity by its id.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn activity(&self, id: RecordId) -> Result<Option<Activity>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key("activity", &id.to_string())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of(format!("reading activity {id}"), error))?;
        answer.item.map(|item| from_item(item, &format!("activity {id}"))).transpose()
    }

    /// A page of activities, newest first: at most `limit`, and only those older than `before`.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn activities(&self, before: Option<RecordId>, limit: usize) -> Result<ActivityPage, Error> {
        let (activities, next) = self.page::<Activity>("activity", before, limit).await?;
        Ok(ActivityPage { activities, next })
    }
}
