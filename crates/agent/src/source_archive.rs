//! The stage Archive: the application's source code as one `.tar.gz` in the bucket.
//!
//! It streams: no temporary file, and memory for three parts of the upload whatever the size of the
//! folder. It must never leave a half archive behind, leave something out in silence, nor follow a link
//! out of the folder. The same tree gives the same bytes.

mod pack;
mod parts;
mod shelf;
#[cfg(test)]
mod tests;
mod tree;
mod upload;

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
};

use anyhow::anyhow;
use aws_sdk_s3::types::CompletedPart;
use nightkeep_domain::cause::Cause;

pub(crate) use self::shelf::{expire, keep_only};
use self::{
    parts::{Part, Parts},
    tree::Tree,
    upload::Upload,
};
use crate::{
    progress::Tally,
    s3::Bucket,
    sources::{self, Empty},
};

/// What the folder is called in progress and failures.
const SOURCE: &str = "source code";

/// How many parts are uploaded at the same time. One more is being filled.
const IN_FLIGHT: usize = 2;

/// An archive that is in the bucket.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) key: String,
    pub(crate) size_bytes: u64,
}

/// Archives `folder` as the object `key`. What its `.gitignore` files say is left out, and so is `.git`
/// unless `with_git`. Other archives stay where they are: see [`keep_only`].
pub(crate) fn make(
    bucket: &Bucket,
    folder: &Path,
    key: &str,
    tally: &Tally,
    with_git: bool,
) -> anyhow::Result<Made> {
    let tree = Tree::new(sources::check(SOURCE, folder, Empty::Refused)?, with_git);
    tally.begin(SOURCE);
    let upload = Upload::begin(bucket, key)?;
    let (parts, size_bytes) = send(&upload, &tree, tally)?;
    upload.complete(parts, size_bytes)?;
    tracing::info!(key, size_bytes, "source archived");
    Ok(Made { key: key.to_owned(), size_bytes })
}

/// Packs in this thread and uploads in others. Returns the parts in order, and their size together.
fn send(upload: &Upload<'_>, tree: &Tree, tally: &Tally) -> anyhow::Result<(Vec<CompletedPart>, u64)> {
    // Without room in the channel: a part is either being filled or on its way.
    let (sender, receiver) = mpsc::sync_channel::<Part>(0);
    let receiver = Arc::new(Mutex::new(receiver));
    let failure = &OnceLock::new();
    thread::scope(|scope| {
        let start = |_| {
            let receiver = Arc::clone(&receiver);
            scope.spawn(move || deliver(upload, &receiver, failure))
        };
        let couriers: Vec<_> = (0..IN_FLIGHT).map(start).collect();
        // Theirs are the only ones: once both have given up, the packer has nobody to hand parts to.
        drop(receiver);
        scope.spawn(|| {
            if let Some((bytes, files)) = tree.count() {
                tally.count(bytes, files);
            }
        });
        let parts = Parts::new(move |part| sender.send(part).is_ok());
        let packed = pack::pack(tree, tally, parts).and_then(|parts| Ok(parts.finish()?));
        let mut delivered = Vec::new();
        for courier in couriers {
            delivered.extend(courier.join().map_err(|_| anyhow!("uploading the source archive panicked"))?);
        }
        // The storage's failure comes first: the packer only sees that nobody takes its parts.
        if let Some(cause) = failure.get() {
            return Err(cause.clone().into());
        }
        let size = packed?;
        delivered.sort_by_key(CompletedPart::part_number);
        Ok((delivered, size))
    })
}

/// Uploads parts for as long as there are some and nothing has failed.
fn deliver(
    upload: &Upload<'_>,
    parts: &Mutex<mpsc::Receiver<Part>>,
    failure: &OnceLock<Cause>,
) -> Vec<CompletedPart> {
    let mut delivered = Vec::new();
    let next = || parts.lock().ok()?.recv().ok();
    while failure.get().is_none()
        && let Some(part) = next()
    {
        match upload.put(part) {
            Ok(part) => delivered.push(part),
            // The first one tells why; another one failed with it.
            Err(cause) => drop(failure.set(cause)),
        }
    }
    delivered
}
