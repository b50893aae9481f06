//! The entries: a file for each, and a row for each if there is a database. What one of them lacks is
//! shown, so that data that does not fit together is seen.
//!
//! An entry's file must never be half a file.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::database::Database;
use crate::files;

/// An entry of the guest book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) signed_at: Timestamp,
}

/// An entry that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entry: Entry,
    pub(super) place: Place,
}

/// Where an entry was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Wherever entries are kept.
    Everywhere,
    /// There is a file, and a database without a row.
    FileOnly,
    /// There is a row, and no file.
    DatabaseOnly,
}

pub(super) struct Book {
    folder: Arc<PathBuf>,
    database: Option<Database>,
}

impl Book {
    /// The book in `folder`, made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn open(folder: PathBuf, database: Option<Database>) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
        Ok(Self { folder: Arc::new(folder), database })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// If it cannot be kept; then it is kept nowhere.
    pub(super) async fn sign(&self, name: &str, message: &str) -> anyhow::Result<()> {
        let signed_at = Timestamp::now();
        let (id, entry) =
            (Uuid::now_v7(), Entry { name: name.to_owned(), message: message.to_owned(), signed_at });
        let file = self.folder.join(format!("{id}.json"));
        let (path, text) = (file.clone(), serde_json::to_vec_pretty(&entry)?);
        spawn_blocking(move || files::replace(&path, &text)).await??;
        let Some(database) = &self.database else { return Ok(()) };
        if let Err(error) = database.add(id, &entry).await {
            fs::remove_file(&file)
                .with_context(|| format!("removing {} after: {error:#}", file.display()))?;
            return Err(error);
        }
        Ok(())
    }

    /// All entries, newest first.
    ///
    /// # Errors
    /// If the folder or the database cannot be read.
    pub(super) async fn entries(&self) -> anyhow::Result<Vec<Found>> {
        let folder = Arc::clone(&self.folder);
        let in_files = spawn_blocking(move || read(&folder)).await??;
        let Some(database) = &self.database else { return Ok(merged(in_files, None)) };
        Ok(merged(in_files, Some(database.entries().await?)))
    }
}

fn read(folder: &PathBuf) -> anyhow::Result<BTreeMap<Uuid, Entry>> {
    let reading = || format!("reading the folder {}", folder.display());
    let mut entries = BTreeMap::new();
    for file in fs::read_dir(folder).with_context(reading)? {
        let path = file.with_context(reading)?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        let (Some(id), false) = (id, files::is_aside(&path)) else { continue };
        let Some(text) = files::read(&path)? else { continue };
        match serde_json::from_str(&text) {
            Ok(entry) => {
                entries.insert(id, entry);
            }
            Err(error) => tracing::warn!("passing over {}, which is not an entry: {error}", path.display()),
        }
    }
    Ok(entries)
}

fn merged(in_files: BTreeMap<Uuid, Entry>, in_database: Option<BTreeMap<Uuid, Entry>>) -> Vec<Found> {
    let mut found = BTreeMap::new();
    for (id, entry) in in_files {
        let known = in_database.as_ref().is_none_or(|rows| rows.contains_key(&id));
        let place = if known { Place::Everywhere } else { Place::FileOnly };
        found.insert(id, Found { entry, place });
    }
    for (id, entry) in in_database.unwrap_or_default() {
        found.entry(id).or_insert(Found { entry, place: Place::DatabaseOnly });
    }
    let mut found: Vec<Found> = found.into_values().collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.entry.signed_at));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_one_place_only_is_shown_as_that() {
        let entry = |second| Entry {
            name: "Ada".to_owned(),
            message: "Hello".to_owned(),
            signed_at: Timestamp::from_second(second).unwrap(),
        };
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let in_files = || BTreeMap::from([(one, entry(1)), (two, entry(2))]);
        let rows = BTreeMap::from([(two, entry(2)), (three, entry(3))]);
        let places = |found: Vec<Found>| found.iter().map(|found| found.place).collect::<Vec<_>>();
        let both = places(merged(in_files(), Some(rows)));
        assert_eq!(both, [Place::DatabaseOnly, Place::Everywhere, Place::FileOnly]);
        assert_eq!(places(merged(in_files(), None)), [Place::Everywhere, Place::Everywhere]);
    }
}
