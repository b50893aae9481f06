//! Whether a file on the disk has the content that the snapshot names.

use std::io::{self, Read};

use rustic_core::DataId;

use super::blobs::{Place, is_content};

/// A blob of a file, in the file's order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) id: DataId,
    pub(super) length: u32,
    pub(super) place: Place,
}

/// Reads a file to its end and compares it chunk by chunk.
pub(super) fn holds(file: &mut impl Read, chunks: &[Chunk]) -> io::Result<bool> {
    let mut content = Vec::new();
    for chunk in chunks {
        content.clear();
        let read = file.by_ref().take(chunk.length.into()).read_to_end(&mut content)?;
        if read as u64 != u64::from(chunk.length) || !is_content(&chunk.id, &content) {
            return Ok(false);
        }
    }
    Ok(file.read(&mut [0])? == 0)
}
