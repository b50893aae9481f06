//! What opens the repository: its password, and the master key that the password protects.
//!
//! The master key is kept as a secret beside the password, because deriving a key from a password takes
//! a quarter of a second and 138 MB at each start. It is used only for the password that it was found
//! with, so that a password that does not fit is noticed at once and not on the day when plain restic
//! is needed.

use std::sync::Mutex;

use anyhow::Context;
use nightkeep_cloud::SettingsStore;
use rustic_core::repofile::MasterKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

/// The names of the secrets.
const PASSWORD: &str = "repository-password";
const KEY: &str = "repository-key";

/// The secrets of the repository.
pub(crate) struct Keys {
    store: SettingsStore,
    runtime: Handle,
    password: String,
    kept: Mutex<Option<MasterKey>>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// The SHA-256 of the password that the key was found with.
    password: String,
    key: MasterKey,
}

impl Keys {
    /// Reads the secrets.
    pub(crate) fn load(store: SettingsStore, runtime: Handle) -> anyhow::Result<Self> {
        let password = runtime
            .block_on(store.secret(PASSWORD))?
            .with_context(|| format!("reading the repository’s password: there is no secret “{PASSWORD}”"))?;
        let kept: Option<Kept> =
            runtime.block_on(store.secret(KEY))?.and_then(|text| serde_json::from_str(&text).ok());
        let kept = kept.filter(|kept| kept.password == fingerprint(&password)).map(|kept| kept.key);
        Ok(Self { store, runtime, password, kept: Mutex::new(kept) })
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn kept(&self) -> Option<MasterKey> {
        self.kept.lock().ok().and_then(|kept| kept.clone())
    }

    /// Keeps the key that was found with the password.
    pub(super) fn keep(&self, key: &MasterKey) -> anyhow::Result<()> {
        let kept = Kept { password: fingerprint(&self.password), key: key.clone() };
        let text = serde_json::to_string(&kept).context("keeping the repository’s master key")?;
        self.runtime.block_on(self.store.keep_secret(KEY, &text))?;
        if let Ok(mut kept) = self.kept.lock() {
            *kept = Some(key.clone());
        }
        Ok(())
    }
}

fn fingerprint(password: &str) -> String {
    hex::encode(Sha256::digest(password))
}
