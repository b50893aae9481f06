//! The parameters on disk: one JSON file, replaced as a whole at each change. What is in memory is
//! never ahead of the file.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files;

/// How many versions of a parameter are kept, as by Parameter Store.
const REMEMBERED: usize = 100;

/// All parameters by name.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Parameter {
    #[serde(flatten)]
    pub(super) now: Version,
    /// The versions before, oldest first.
    #[serde(default)]
    pub(super) earlier: Vec<Version>,
}

/// A value that a parameter has or had.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) value: String,
    pub(super) kind: Kind,
    pub(super) version: u64,
    pub(super) changed_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    String,
    StringList,
    SecureString,
}

impl Store {
    /// The parameters in the file at `path`; none if there is no such file.
    ///
    /// # Errors
    /// If the file is there and cannot be read or understood.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let parameters = match files::read(path)? {
            Some(text) => {
                serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?
            }
            None => BTreeMap::new(),
        };
        Ok(Self { path: path.to_owned(), parameters })
    }

    pub(super) fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.parameters.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// Sets a parameter and returns its version: one more than it had.
    pub(super) fn put(
        &mut self,
        name: &str,
        value: String,
        kind: Kind,
        now: Timestamp,
    ) -> anyhow::Result<u64> {
        let before = self.get(name).cloned();
        let version = before.as_ref().map_or(1, |there| there.now.version + 1);
        let mut earlier: Vec<Version> =
            before.into_iter().flat_map(|there| there.earlier.into_iter().chain([there.now])).collect();
        earlier.drain(..earlier.len().saturating_sub(REMEMBERED - 1));
        let now = Version { value, kind, version, changed_at: now };
        let mut parameters = self.parameters.clone();
        parameters.insert(name.to_owned(), Parameter { now, earlier });
        self.save(parameters)?;
        Ok(version)
    }

    /// Whether there was one to remove.
    pub(super) fn remove(&mut self, name: &str) -> anyhow::Result<bool> {
        let mut parameters = self.parameters.clone();
        if parameters.remove(name).is_none() {
            return Ok(false);
        }
        self.save(parameters)?;
        Ok(true)
    }

    fn save(&mut self, parameters: BTreeMap<String, Parameter>) -> anyhow::Result<()> {
        files::replace(&self.path, &serde_json::to_vec_pretty(&parameters)?)?;
        self.parameters = parameters;
        Ok(())
    }
}
