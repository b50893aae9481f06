//! Writing an object's file before it has a name.
//!
//! The file lives in its bucket's `temporary` folder until it is published. It must never be
//! published before its digests were verified and its bytes are on disk, and it vanishes when it is
//! dropped: a body that fails half-way, or a client that leaves, keeps no space.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::StatusCode;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, s3_error};
use uuid::Uuid;

use super::digests::{Digests, Expected, Verified};
use super::errors::Explain;
use super::object::{self, Attributes, Metadata, Stored};
use super::store::blocking;

/// How much of a body is gathered before it goes to the disk in one piece.
const BATCH: usize = 1024 * 1024;

/// A file without a name of its own yet, removed when dropped.
pub(super) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Once renamed it is gone; if it cannot be removed, the next start sweeps it.
        let _ = fs::remove_file(&self.path);
    }
}

/// An object's file while its body arrives.
pub(super) struct Writing {
    temporary: Temporary,
    file: File,
    digests: Digests,
}

/// An object's file, complete and on disk, that only lacks its name.
pub(super) struct Written {
    pub(super) temporary: Temporary,
    pub(super) metadata: Metadata,
}

impl Writing {
    /// Begins a file in the folder `temporary`.
    pub(super) fn new(temporary: &Path, expected: Expected) -> S3Result<Self> {
        let path = temporary.join(Uuid::now_v7().simple().to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.explain(|| "creating a temporary file".to_owned())?;
        Ok(Self { temporary: Temporary { path }, file, digests: Digests::new(expected) })
    }

    /// Adds bytes to the body.
    pub(super) fn append(&mut self, bytes: &[u8]) -> S3Result<()> {
        self.digests.update(bytes);
        self.file.write_all(bytes).explain(|| "writing a body".to_owned())
    }

    /// Adds another object's whole body.
    pub(super) fn append_body_of(&mut self, source: &Stored) -> S3Result<()> {
        let mut body = (&source.file).take(source.metadata.size);
        let mut buffer = vec![0; BATCH];
        let mut copied = 0;
        loop {
            let length = match body.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.explain(|| "reading a stored body".to_owned())?,
            };
            if length == 0 {
                break;
            }
            copied += length as u64;
            self.append(&buffer[..length])?;
        }
        if copied != source.metadata.size {
            return Err(s3_error!(InternalError, "reading a stored body: it became shorter meanwhile"));
        }
        Ok(())
    }

    /// Verifies the body, adds the metadata and brings all of it to the disk. Without an `etag` the
    /// body's MD5 digest is the entity tag.
    pub(super) fn finish(mut self, attributes: Attributes, etag: Option<String>) -> S3Result<Written> {
        let Verified { size, md5, checksums } = self.digests.verify()?;
        let modified = object::now();
        let metadata = Metadata { size, etag: etag.unwrap_or(md5), modified, checksums, attributes };
        let written = metadata.footer().and_then(|footer| {
            self.file.write_all(&footer)?;
            self.file.sync_all()
        });
        written.explain(|| "writing a body's metadata".to_owned())?;
        Ok(Written { temporary: self.temporary, metadata })
    }
}

/// Receives a body into the file that `begin` creates.
pub(super) async fn receive(
    begin: impl FnOnce() -> S3Result<Writing> + Send + 'static,
    body: Option<StreamingBlob>,
    attributes: Attributes,
) -> S3Result<Written> {
    let mut body = body.map_or_else(|| stream::empty().boxed(), StreamExt::boxed);
    match fill(begin, &mut body).await {
        Ok(writing) => blocking(move || writing.finish(attributes, None)).await,
        Err(error) => {
            // Many clients read the answer only once they have sent everything: one that finds its
            // connection closed would try again instead of hearing that the disk is full.
            while let Some(Ok(_)) = body.next().await {}
            Err(error)
        }
    }
}

async fn fill(
    begin: impl FnOnce() -> S3Result<Writing> + Send + 'static,
    body: &mut (impl Stream<Item = Result<Bytes, StdError>> + Unpin),
) -> S3Result<Writing> {
    let mut writing = blocking(begin).await?;
    let mut batch: Vec<Bytes> = Vec::new();
    let mut gathered = 0;
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| cut_short(&error))?;
        gathered += bytes.len();
        batch.push(bytes);
        if gathered >= BATCH {
            gathered = 0;
            let full = std::mem::take(&mut batch);
            writing = blocking(move || append_all(writing, &full)).await?;
        }
    }
    blocking(move || append_all(writing, &batch)).await
}

fn append_all(mut writing: Writing, batch: &[Bytes]) -> S3Result<Writing> {
    for bytes in batch {
        writing.append(bytes)?;
    }
    Ok(writing)
}

/// A body that ended early, or whose signed digest was wrong.
fn cut_short(error: &StdError) -> S3Error {
    // The types of these errors are private to s3s: only their text tells them apart.
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        // s3s does not know S3's own code for this.
        let mut mismatch = S3Error::with_message(
            S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
            "verifying the body: its SHA-256 digest is not the one signed",
        );
        mismatch.set_status_code(StatusCode::BAD_REQUEST);
        mismatch
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch, "verifying the body: the signature of a chunk is wrong")
    } else {
        s3_error!(IncompleteBody, "reading the body: {text}")
    }
}
