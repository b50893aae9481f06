//! The locks that plain restic keeps beside the repository. They are only looked at: who begins an
//! operation here is locked out by the operation itself.

use jiff::Timestamp;
use rustic_core::RusticResult;

use super::{PREFIX, Storage};

impl Storage {
    /// When the newest lock was written, if there are any.
    pub(crate) fn newest_lock(&self) -> RusticResult<Option<Timestamp>> {
        let prefix = format!("{PREFIX}/locks/");
        self.run(&format!("listing {PREFIX}/locks"), async {
            let mut newest = None;
            let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix);
            let mut pages = request.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page?;
                let written = page.contents().iter().filter_map(|object| object.last_modified());
                newest = written.filter_map(|at| Timestamp::from_second(at.secs()).ok()).chain(newest).max();
            }
            Ok(newest)
        })
    }
}
