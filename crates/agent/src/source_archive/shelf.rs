//! The archives that are in the bucket: only the newest is kept, and that for a week.
//!
//! It must never touch anything outside its prefix.

use std::time::Duration;

use jiff::Timestamp;
use nightkeep_domain::{
    cause::Cause,
    source_archive::{KEPT_SECONDS, PREFIX},
};

use crate::s3::{Bucket, Call};

/// Removes every archive but `key`, and what is left of uploads that were cut short. To be called while
/// the operation that made `key` is in progress: then no other upload is.
pub(crate) fn keep_only(bucket: &Bucket, key: &str) -> Result<(), Cause> {
    remove(bucket, |found, _| found != key)?;
    bucket.run(&format!("removing unfinished uploads from {PREFIX}"), abort(bucket))
}

/// Removes the archives that are more than a week old.
pub(crate) fn expire(bucket: &Bucket, now: Timestamp) -> Result<(), Cause> {
    let Ok(since) = now.checked_sub(Duration::from_secs(KEPT_SECONDS)) else { return Ok(()) };
    remove(bucket, |_, written| written.is_some_and(|written| written < since))
}

fn remove(bucket: &Bucket, unwanted: impl Fn(&str, Option<Timestamp>) -> bool) -> Result<(), Cause> {
    let found = bucket.run(&format!("listing {PREFIX}"), list(bucket))?;
    for (key, _) in found.iter().filter(|(key, written)| unwanted(key, *written)) {
        bucket.run(&format!("removing {key}"), async {
            bucket.client.delete_object().bucket(&bucket.name).key(key).send().await?;
            Ok(())
        })?;
        tracing::info!(key, "source archive removed");
    }
    Ok(())
}

/// The archives, and when they were written.
async fn list(bucket: &Bucket) -> Result<Vec<(String, Option<Timestamp>)>, Call> {
    let mut found = Vec::new();
    let request = bucket.client.list_objects_v2().bucket(&bucket.name).prefix(PREFIX);
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page?.contents() {
            let written = object.last_modified().and_then(|at| Timestamp::from_second(at.secs()).ok());
            found.extend(object.key().map(|key| (key.to_owned(), written)));
        }
    }
    Ok(found)
}

async fn abort(bucket: &Bucket) -> Result<(), Call> {
    let (client, name) = (&bucket.client, &bucket.name);
    let (mut key, mut id) = (None, None);
    loop {
        let page = client
            .list_multipart_uploads()
            .bucket(name)
            .prefix(PREFIX)
            .set_key_marker(key)
            .set_upload_id_marker(id)
            .send()
            .await?;
        for upload in page.uploads() {
            client
                .abort_multipart_upload()
                .bucket(name)
                .set_key(upload.key.clone())
                .set_upload_id(upload.upload_id.clone())
                .send()
                .await?;
            tracing::info!(key = upload.key, "unfinished upload of a source archive removed");
        }
        if page.is_truncated != Some(true) {
            return Ok(());
        }
        (key, id) = (page.next_key_marker, page.next_upload_id_marker);
    }
}
