//! What the engine does not know of a snapshot when it makes it, and has no call to say later.
//!
//! **The size of a dump.** While a command is still writing nobody knows how long its dump will be, so the
//! engine leaves the size at 0, and plain restic restores a file of size 0 as an empty one. Once the dump
//! has been archived its size is known: its tree is written again with it, in restic's format, and the
//! snapshot points to that.
//!
//! **How much is in folders** that were handed over whole: the engine has not looked into them.

use aes256ctr_poly1305aes::{
    Aes256CtrPoly1305Aes, Key,
    aead::{AeadInPlace, Nonce},
};
use anyhow::{Context, anyhow, bail};
use rustic_core::{
    FileType, Id, Open, Repository, WriteBackend,
    repofile::{MasterKey, SnapshotFile, SnapshotId, SnapshotSummary},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Archive, size};

/// The type of an uncompressed tree in the header of a pack.
const TREE: u8 = 1;

impl Archive {
    /// Gives the one file of a dump's snapshot its size, and returns the snapshot that has it.
    pub(crate) fn correct_size(
        &self,
        repository: &Repository<impl Open>,
        snapshot: SnapshotFile,
    ) -> anyhow::Result<SnapshotFile> {
        let mut tree = {
            let indexed = self.engine(self.repository()?.to_indexed_ids())?;
            self.engine(indexed.get_tree(&snapshot.tree))?
        };
        let [node] = tree.nodes.as_mut_slice() else {
            bail!("the snapshot of a dump holds {} entries instead of one", tree.nodes.len());
        };
        node.meta.size = size(&snapshot).total_bytes;
        let (content, id) = tree.serialize().context("writing the tree of a dump")?;
        self.write_tree(&repository.key(), &content, id.to_hex().as_str())?;

        let corrected = SnapshotFile { tree: id, ..snapshot.clone() };
        self.replace(&repository.key(), &snapshot, corrected)
    }

    /// Corrects how much a snapshot says is in it, and returns the one that says so.
    pub(crate) fn correct_summary(
        &self,
        repository: &Repository<impl Open>,
        snapshot: &SnapshotFile,
        correct: impl FnOnce(&mut SnapshotSummary),
    ) -> anyhow::Result<SnapshotFile> {
        let mut corrected = snapshot.clone();
        correct(corrected.summary.get_or_insert_default());
        self.replace(&repository.key(), snapshot, corrected)
    }

    /// Writes a corrected snapshot, then removes the one that it is made from.
    fn replace(
        &self,
        key: &MasterKey,
        snapshot: &SnapshotFile,
        mut corrected: SnapshotFile,
    ) -> anyhow::Result<SnapshotFile> {
        corrected.id = SnapshotId::default();
        let content = serde_json::to_vec(&corrected).context("writing a corrected snapshot")?;
        corrected.id = self.write_object(FileType::Snapshot, encrypted(key, &content)?)?.into();
        self.engine(self.storage.remove(FileType::Snapshot, &snapshot.id, false))?;
        Ok(corrected)
    }

    /// Writes one tree as a pack of its own, and an index for it.
    fn write_tree(&self, key: &MasterKey, content: &[u8], id: &str) -> anyhow::Result<()> {
        let mut pack = encrypted(key, content)?;
        let length = u32::try_from(pack.len()).context("writing the tree of a dump")?;
        let mut header = vec![TREE];
        header.extend(length.to_le_bytes());
        header.extend(hex::decode(id).context("writing the tree of a dump")?);
        let header = encrypted(key, &header)?;
        pack.extend(&header);
        pack.extend(u32::try_from(header.len()).context("writing the tree of a dump")?.to_le_bytes());
        let pack_id = self.write_object(FileType::Pack, pack)?;

        let index = json!({
            "packs": [{
                "id": pack_id.to_hex().as_str(),
                "blobs": [{ "id": id, "type": "tree", "offset": 0, "length": length }],
            }],
        });
        self.write_object(FileType::Index, encrypted(key, index.to_string().as_bytes())?)?;
        Ok(())
    }

    /// Writes an object under its name, the SHA-256 of its content.
    fn write_object(&self, kind: FileType, content: Vec<u8>) -> anyhow::Result<Id> {
        let id: Id = self.engine(hex::encode(Sha256::digest(&content)).parse())?;
        self.engine(self.storage.write_bytes(kind, &id, false, content.into()))?;
        Ok(id)
    }
}

/// As restic encrypts: a random nonce, AES-256 in counter mode, Poly1305 over the ciphertext.
fn encrypted(key: &MasterKey, content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let parts = [key.encrypt.as_slice(), &key.mac.k, &key.mac.r].concat();
    let parts =
        <[u8; 64]>::try_from(parts).map_err(|_| anyhow!("the repository’s master key has a wrong length"))?;
    let mut nonce = Nonce::<Aes256CtrPoly1305Aes>::default();
    getrandom::fill(&mut nonce).context("reading randomness from the operating system")?;
    let mut sealed = nonce.to_vec();
    sealed.extend(content);
    let tag = Aes256CtrPoly1305Aes::new(Key::from_slice(&parts))
        .encrypt_in_place_detached(&nonce, &[], &mut sealed[nonce.len()..])
        .map_err(|_| anyhow!("encrypting an object of the repository failed"))?;
    sealed.extend(tag);
    Ok(sealed)
}
