//! The reading side of the repository: trees, and the parts of packs that blobs are in.
//!
//! The engine reads one blob a request, or packs whole. Here neighbouring blobs are read in one request
//! of a bounded size, so that many small files are few requests and no file, however large, needs much
//! memory.

use std::cell::Cell;

use aes256ctr_poly1305aes::{
    Aes256CtrPoly1305Aes, Key,
    aead::{AeadInPlace, Nonce, Tag},
};
use anyhow::{anyhow, bail};
use bytes::Bytes;
use nightkeep_domain::cause::Cause;
use rustic_core::{
    DataId, FileType, Id, IndexedFull, ReadBackend, Repository, RusticError, TreeId,
    repofile::{Node, PackId},
};
use sha2::{Digest, Sha256};

/// The most that is read at once, in bytes, unless one blob is larger.
const MOST: u32 = 4 << 20;

/// What lies between two blobs is read too if it is no more than this, in bytes.
const GAP: u32 = 128 << 10;

/// How long the nonce before, and the tag after an encrypted text is.
const NONCE: usize = 16;
const TAG: usize = 16;

/// A repository to read from.
pub(crate) struct Blobs<'a, S> {
    repository: &'a Repository<S>,
    packs: Packs<'a>,
}

/// The packs of a repository.
#[derive(Clone, Copy)]
pub(super) struct Packs<'a> {
    storage: &'a dyn ReadBackend,
    key: [u8; 64],
}

/// Where a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pack: PackId,
    pub(super) offset: u32,
    /// As it is stored.
    pub(super) length: u32,
    /// As it is when it is unpacked, if it is compressed.
    pub(super) plain: Option<u32>,
}

impl Place {
    /// The length of the content.
    pub(super) fn content_length(&self) -> u32 {
        self.plain.unwrap_or_else(|| self.length.saturating_sub((NONCE + TAG) as u32))
    }
}

impl<'a, S: IndexedFull> Blobs<'a, S> {
    /// The blobs of `repository`, which is in `storage`.
    ///
    /// # Errors
    /// If the repository's key cannot be used.
    pub(crate) fn new(repository: &'a Repository<S>, storage: &'a dyn ReadBackend) -> anyhow::Result<Self> {
        let master = repository.key();
        let parts = [master.encrypt.as_slice(), &master.mac.k, &master.mac.r].concat();
        let key = <[u8; 64]>::try_from(parts)
            .map_err(|_| anyhow!("the repository’s master key has a wrong length"))?;
        Ok(Self { repository, packs: Packs { storage, key } })
    }

    pub(super) fn packs(&self) -> Packs<'a> {
        self.packs
    }

    /// What a folder holds.
    pub(super) fn tree(&self, id: &TreeId) -> anyhow::Result<Vec<Node>> {
        Ok(self.repository.get_tree(id).map_err(|error| explain(&error))?.nodes)
    }

    /// Where a blob is.
    pub(super) fn place(&self, id: &DataId) -> anyhow::Result<Place> {
        let entry = self.repository.get_index_entry(id).map_err(|_| Cause::RepositoryDamaged {
            found: format!("the index does not know the blob {}", id.to_hex().as_str()),
        })?;
        Ok(Place {
            pack: entry.pack,
            offset: entry.location.offset,
            length: entry.location.length,
            plain: entry.location.uncompressed_length.map(std::num::NonZeroU32::get),
        })
    }
}

/// The engine's error in full. What the storage itself met is known to whoever opened it.
fn explain(error: &RusticError) -> anyhow::Error {
    anyhow!("{}", error.display_log())
}

/// Whether a blob that begins at `offset` and is `length` long is read together with the part of its
/// pack from `start` to `end`.
pub(super) fn together(start: u32, end: u32, offset: u32, length: u32) -> bool {
    let Some(last) = offset.checked_add(length) else { return false };
    offset <= end.saturating_add(GAP) && last.max(end) - start <= MOST
}

impl Packs<'_> {
    /// A part of a pack.
    pub(super) fn read(&self, pack: &PackId, start: u32, end: u32) -> anyhow::Result<Bytes> {
        let bytes = self
            .storage
            .read_partial(FileType::Pack, pack, false, start, end - start)
            .map_err(|error| explain(&error))?;
        if bytes.len() as u64 != u64::from(end - start) {
            bail!(
                "{} bytes came instead of {} of the pack {}",
                bytes.len(),
                end - start,
                pack.to_hex().as_str()
            );
        }
        Ok(bytes)
    }
}

/// Decrypts and unpacks blobs; one for each thread.
pub(super) struct Opener {
    key: Aes256CtrPoly1305Aes,
    decompressor: zstd::bulk::Decompressor<'static>,
    spare: Cell<Vec<u8>>,
}

impl Opener {
    pub(super) fn new(packs: &Packs<'_>) -> anyhow::Result<Self> {
        Ok(Self {
            key: Aes256CtrPoly1305Aes::new(Key::from_slice(&packs.key)),
            decompressor: zstd::bulk::Decompressor::new()?,
            spare: Cell::default(),
        })
    }

    /// The content of a blob, written into `content`.
    pub(super) fn open(&mut self, sealed: &[u8], place: &Place, content: &mut Vec<u8>) -> anyhow::Result<()> {
        let damaged = |what: &str| Cause::RepositoryDamaged {
            found: format!("{what} at {} of the pack {}", place.offset, place.pack.to_hex().as_str()),
        };
        let text = sealed.len().checked_sub(NONCE + TAG).ok_or_else(|| damaged("there is no blob"))?;
        let (nonce, rest) = sealed.split_at(NONCE);
        let (text, tag) = rest.split_at(text);
        let mut plain = self.spare.take();
        plain.clear();
        plain.extend_from_slice(text);
        let nonce = Nonce::<Aes256CtrPoly1305Aes>::from_slice(nonce);
        self.key
            .decrypt_in_place_detached(nonce, &[], &mut plain, Tag::<Aes256CtrPoly1305Aes>::from_slice(tag))
            .map_err(|_| damaged("the blob is not as it was written"))?;
        match place.plain {
            None => std::mem::swap(content, &mut plain),
            Some(length) => {
                content.clear();
                content.reserve(length as usize);
                self.decompressor
                    .decompress_to_buffer(&plain, content)
                    .map_err(|error| damaged(&format!("the blob cannot be unpacked ({error})")))?;
                if content.len() != length as usize {
                    return Err(damaged("the blob has a wrong length").into());
                }
            }
        }
        self.spare.set(plain);
        Ok(())
    }
}

/// Whether a blob's content is the one that it is named after.
pub(super) fn is_content(id: &DataId, content: &[u8]) -> bool {
    **id == Id::new(Sha256::digest(content).into())
}
