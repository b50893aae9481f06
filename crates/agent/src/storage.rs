//! The repository's storage: objects in S3 under one prefix, laid out as restic lays them out.
//!
//! It must never give bytes that are not those of the object, nor let anything point to an object that
//! S3 has not acknowledged: packs are written while the engine goes on, and whatever else is written,
//! listed or removed waits for them. The engine only logs many errors, so the first failure that will not
//! pass is kept here: everything after it fails at once with the same cause, and whoever ran the engine
//! asks for it at the end.

mod body;
mod locks;

use std::{
    future::Future,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    primitives::{ByteStream, SdkBody},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use nightkeep_domain::cause::Cause;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, sync::Semaphore};

use self::body::Pieces;
use crate::s3::{self, Call};

/// Where the repository is in the bucket.
const PREFIX: &str = "repository";

/// How often a download is begun again that broke off in its body, where the SDK does not retry.
const DOWNLOADS: u32 = 6;

/// How many packs are written at once. Each is held in memory until then, some 32 MB.
const UPLOADS: u32 = 2;

/// The objects of the repository.
#[derive(Debug)]
pub(crate) struct Storage {
    client: Client,
    bucket: String,
    runtime: Handle,
    failure: Arc<OnceLock<Cause>>,
    uploads: Arc<Semaphore>,
    /// The repository's config once it was read: the engine reads it whenever it opens the repository, and
    /// nobody ever changes it.
    config: Mutex<Option<Bytes>>,
}

impl Storage {
    /// The repository in `bucket`. Its methods block, and are called from threads outside `runtime`.
    pub(crate) fn new(shared: &SdkConfig, bucket: String, runtime: Handle) -> Self {
        let uploads = Arc::new(Semaphore::new(UPLOADS as usize));
        let client = s3::client(shared);
        Self { client, bucket, runtime, failure: Arc::default(), uploads, config: Mutex::default() }
    }

    /// The first failure that will not pass, if there was one.
    pub(crate) fn failure(&self) -> Option<&Cause> {
        self.failure.get()
    }

    fn key(&self, kind: FileType, id: &Id) -> String {
        let name = id.to_hex();
        match kind {
            FileType::Config => format!("{PREFIX}/config"),
            FileType::Pack => format!("{PREFIX}/data/{}/{}", &name[..2], name.as_str()),
            FileType::Index | FileType::Key | FileType::Snapshot => {
                format!("{PREFIX}/{}/{}", kind.dirname(), name.as_str())
            }
        }
    }

    /// Runs one call to S3 to its end, unless an earlier one has failed for good.
    fn run<T>(&self, doing: &str, call: impl Future<Output = Result<T, Call>>) -> RusticResult<T> {
        if let Some(cause) = self.failure.get() {
            return Err(carrier(cause));
        }
        self.runtime.block_on(call).map_err(|error| self.keep(error.cause(doing)))
    }

    /// The same for a call that may only be made when every pack is there that was written before.
    fn run_after_packs<T>(
        &self,
        doing: &str,
        call: impl Future<Output = Result<T, Call>>,
    ) -> RusticResult<T> {
        // It is never closed.
        let _ = self.runtime.block_on(self.uploads.acquire_many(UPLOADS));
        self.run(doing, call)
    }

    /// Has a pack written while the engine goes on.
    fn upload(
        &self,
        doing: String,
        call: impl Future<Output = Result<(), Call>> + Send + 'static,
    ) -> RusticResult<()> {
        let uploads = Arc::clone(&self.uploads);
        let permit = self.runtime.block_on(uploads.acquire_owned());
        if let Some(cause) = self.failure.get() {
            return Err(carrier(cause));
        }
        let failure = Arc::clone(&self.failure);
        self.runtime.spawn(async move {
            // A panic too means that the pack is not there.
            let written = tokio::spawn(call).await;
            if let Err(error) = written.unwrap_or_else(|panic| Err(Call::Broken(panic.to_string()))) {
                keep(&failure, error.cause(&doing));
            }
            drop(permit);
        });
        Ok(())
    }

    /// The config, if it was read before.
    fn config(&self) -> Option<Bytes> {
        self.config.lock().ok()?.clone()
    }

    fn keep(&self, cause: Cause) -> Box<RusticError> {
        carrier(keep(&self.failure, cause))
    }

    /// The keys under `prefix` that `read` takes, in S3's order.
    async fn list_keys<T>(
        &self,
        prefix: &str,
        read: impl Fn(&str, i64) -> Option<T>,
    ) -> Result<Vec<T>, Call> {
        let mut found = Vec::new();
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            for object in page?.contents() {
                found.extend(object.key().and_then(|key| read(key, object.size().unwrap_or_default())));
            }
        }
        Ok(found)
    }

    /// An object, or a part of it.
    async fn get(&self, key: &str, range: Option<(u32, u32)>) -> Result<Bytes, Call> {
        let header = range.map(|(offset, length)| {
            let (offset, length) = (u64::from(offset), u64::from(length));
            format!("bytes={offset}-{}", offset + length - 1)
        });
        let mut last = String::new();
        for attempt in 0..DOWNLOADS {
            if attempt > 0 {
                tracing::warn!(key, attempt, "downloading again: {last}");
                tokio::time::sleep(Duration::from_millis(200) * (1 << attempt)).await;
            }
            let answer = self
                .client
                .get_object()
                .bucket(&self.bucket)
                .key(key)
                .set_range(header.clone())
                .send()
                .await?;
            let expected = match range {
                Some((_, length)) => Some(u64::from(length)),
                None => answer.content_length().and_then(|length| u64::try_from(length).ok()),
            };
            match answer.body.collect().await {
                Ok(body) => {
                    let bytes = body.into_bytes();
                    match expected {
                        Some(expected) if expected != bytes.len() as u64 => {
                            last = format!("{} bytes came instead of {expected}", bytes.len());
                        }
                        Some(_) | None => return Ok(bytes),
                    }
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(Call::Broken(last))
    }
}

impl ReadBackend for Storage {
    fn location(&self) -> String {
        format!("s3:{}/{PREFIX}", self.bucket)
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config
            && let Some(config) = self.config()
        {
            return Ok(vec![(Id::default(), u32::try_from(config.len()).unwrap_or(u32::MAX))]);
        }
        let doing = format!("listing {PREFIX}/{}", kind.dirname());
        let prefix = match kind {
            FileType::Config => format!("{PREFIX}/config"),
            FileType::Index | FileType::Key | FileType::Pack | FileType::Snapshot => {
                format!("{PREFIX}/{}/", kind.dirname())
            }
        };
        let read = |key: &str, size: i64| {
            let size = u32::try_from(size).ok()?;
            if kind == FileType::Config {
                return (key == prefix).then(|| (Id::default(), size));
            }
            let id = key.rsplit('/').next().and_then(|name| name.parse().ok())?;
            // What a person put beside the repository is not part of it.
            (key == self.key(kind, &id)).then_some((id, size))
        };
        self.run_after_packs(&doing, self.list_keys(&prefix, read))
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        if kind == FileType::Config
            && let Some(config) = self.config()
        {
            return Ok(config);
        }
        let key = self.key(kind, id);
        let bytes = self.run(&format!("reading {key}"), self.get(&key, None))?;
        if kind == FileType::Config {
            // It alone is not named after its content.
            if let Ok(mut config) = self.config.lock() {
                *config = Some(bytes.clone());
            }
        } else if hex::encode(Sha256::digest(&bytes)) != id.to_hex().as_str() {
            return Err(self.keep(Cause::RepositoryDamaged {
                found: format!("the content of {key} is not the one that it is named after"),
            }));
        }
        Ok(bytes)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let key = self.key(kind, id);
        self.run(
            &format!("reading {length} bytes at {offset} of {key}"),
            self.get(&key, Some((offset, length))),
        )
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.key(kind, id)
    }
}

impl WriteBackend for Storage {
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        let key = self.key(kind, id);
        let digest = match kind {
            FileType::Config => {
                let mut hasher = Sha256::new();
                content.slice().iter().for_each(|bytes| hasher.update(bytes));
                hasher.finalize().to_vec()
            }
            FileType::Index | FileType::Key | FileType::Pack | FileType::Snapshot => {
                hex::decode(id.to_hex().as_str()).unwrap_or_default()
            }
        };
        let length = i64::try_from(content.size()).unwrap_or(i64::MAX);
        let pieces = Arc::new(content.into_vec());
        // Made anew for each attempt, and nothing is copied.
        let body = SdkBody::retryable(move || SdkBody::from_body_1_x(Pieces::new(Arc::clone(&pieces))));
        let doing = format!("writing {key}");
        let call = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_length(length)
            .checksum_sha256(STANDARD.encode(digest))
            .body(ByteStream::new(body))
            .customize()
            .disable_payload_signing();
        let call = async { Ok(call.send().await.map(drop)?) };
        if kind == FileType::Pack { self.upload(doing, call) } else { self.run_after_packs(&doing, call) }
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        let key = self.key(kind, id);
        self.run_after_packs(&format!("removing {key}"), async {
            self.client.delete_object().bucket(&self.bucket).key(&key).send().await?;
            Ok(())
        })
    }
}

/// Keeps a cause for whoever asks at the end; only the first is kept.
fn keep(failure: &OnceLock<Cause>, cause: Cause) -> &Cause {
    failure.get_or_init(|| {
        tracing::error!("{cause}");
        cause
    })
}

/// The engine's error that carries a cause through it.
fn carrier(cause: &Cause) -> Box<RusticError> {
    RusticError::new(ErrorKind::Backend, cause.to_string())
}
