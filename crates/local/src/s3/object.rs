//! The form of an object's file: its body, then what is known about it.
//!
//! ```text
//! body | metadata as JSON | length of the metadata, 4 bytes big-endian | "NKOBJ001"
//! ```
//!
//! The metadata comes last because the digests are known only once the body has been written, and
//! in the same file so that one rename publishes both. A file is never changed once it has its
//! name: whoever has it open reads one consistent object, whatever is put or deleted meanwhile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures::stream;
use s3s::dto::{ETag, StreamingBlob, Timestamp};
use serde::{Deserialize, Serialize};

use super::digests::Checksums;

/// The last bytes of each object's file, with the version of its form.
const MAGIC: &[u8; 8] = b"NKOBJ001";

/// The length of the metadata and the magic.
const FOOTER: usize = 4 + MAGIC.len();

/// How much of the end is read at once: nearly always all of the metadata.
const TAIL: u64 = 2048;

/// How much of a body is read at once.
const PIECE: u64 = 256 * 1024;

/// What a client said about an object.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Attributes {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) expires: Option<Timestamp>,
    /// `x-amz-meta-*`.
    pub(super) user: BTreeMap<String, String>,
}

/// What is known about an object.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Metadata {
    /// The length of the body.
    pub(super) size: u64,
    /// The entity tag, without its quotes.
    pub(super) etag: String,
    /// When the object was written, in seconds since 1970: S3 knows no finer time.
    pub(super) modified: u64,
    /// The digests the client sent, all of them verified.
    pub(super) checksums: Checksums,
    /// What the client said about the object.
    pub(super) attributes: Attributes,
}

impl Metadata {
    pub(super) fn entity_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub(super) fn last_modified(&self) -> Timestamp {
        timestamp(self.modified)
    }

    /// What follows the body.
    pub(super) fn footer(&self) -> io::Result<Vec<u8>> {
        let mut footer = serde_json::to_vec(self)?;
        let length = u32::try_from(footer.len()).map_err(io::Error::other)?;
        footer.extend(length.to_be_bytes());
        footer.extend(MAGIC);
        Ok(footer)
    }
}

/// An object opened for reading.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

impl Stored {
    /// Opens the object at `path`. A file that is cut short or not in this form is an error of the
    /// kind `InvalidData`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = read_metadata(&file)?;
        Ok(Self { file, metadata })
    }

    /// The bytes of the body in `range`, read as they are asked for.
    pub(super) fn body(self, range: Range<u64>) -> StreamingBlob {
        let file = Arc::new(self.file);
        StreamingBlob::wrap(stream::try_unfold((file, range), |(file, range)| async move {
            if range.is_empty() {
                return Ok::<_, io::Error>(None);
            }
            let piece = range.start..range.end.min(range.start + PIECE);
            let reading = Arc::clone(&file);
            let start = piece.start;
            let length = usize::try_from(piece.end - piece.start).map_err(io::Error::other)?;
            let bytes = tokio::task::spawn_blocking(move || {
                let mut buffer = vec![0; length];
                reading.read_exact_at(&mut buffer, start).map(|()| Bytes::from(buffer))
            })
            .await
            .map_err(io::Error::other)??;
            Ok(Some((bytes, (file, piece.end..range.end))))
        }))
    }
}

/// Now, as objects know it.
pub(super) fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}

/// Seconds since 1970 as S3 shows them.
pub(super) fn timestamp(seconds: u64) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn read_metadata(file: &File) -> io::Result<Metadata> {
    let length = file.metadata()?.len();
    let mut tail = read_tail(file, length, TAIL)?;
    let json_length = json_length(&tail)?;
    let wanted = json_length + FOOTER;
    if wanted > tail.len() {
        tail = read_tail(file, length, wanted as u64)?;
    }
    let json = tail.len().checked_sub(wanted).and_then(|start| tail.get(start..start + json_length));
    let json = json.ok_or_else(|| damaged("its metadata is cut off"))?;
    let metadata: Metadata =
        serde_json::from_slice(json).map_err(|error| damaged(&format!("reading its metadata: {error}")))?;
    if metadata.size.checked_add(wanted as u64) != Some(length) {
        return Err(damaged(&format!("its body should have {} bytes", metadata.size)));
    }
    Ok(metadata)
}

/// The last `wanted` bytes, or all there are.
fn read_tail(file: &File, length: u64, wanted: u64) -> io::Result<Vec<u8>> {
    let wanted = wanted.min(length);
    let mut tail = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
    file.read_exact_at(&mut tail, length - wanted)?;
    Ok(tail)
}

fn json_length(tail: &[u8]) -> io::Result<usize> {
    let length = tail
        .strip_suffix(MAGIC)
        .and_then(|before| before.last_chunk())
        .ok_or_else(|| damaged("its end is missing"))?;
    usize::try_from(u32::from_be_bytes(*length)).map_err(io::Error::other)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("the stored object is damaged: {why}"))
}
