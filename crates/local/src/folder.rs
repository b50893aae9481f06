//! The state folder: everything that this machine's Nightkeep keeps, and the secrets it made for itself.
//!
//! It must never be used by two programs at once, nor be readable by anybody but its owner: whoever has
//! it has the backups and the password to them.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};

use crate::{Refused, files, signature::Keys};

/// What is in a state folder. `lost+found` is in every fresh file system, and that one may be all of it.
const OURS: [&str; 12] = [
    "lock",
    "credentials",
    "repository-password",
    "env",
    "ssm.json",
    "s3",
    "ecs",
    "cache",
    "dynamodb.sqlite",
    "dynamodb.sqlite-wal",
    "metrics.jsonl",
    "lost+found",
];

/// The state folder, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder at `path`, or makes it, and locks it.
    ///
    /// # Errors
    /// [`Refused`] if another Nightkeep uses it or its path cannot be used.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let refuse = |what: &str, why: &dyn fmt::Display| {
            Refused(format!("the state folder {} {what}: {why}; choose another with --state", path.display()))
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| refuse("cannot be made", &error))?;
        let path = fs::canonicalize(path).map_err(|error| refuse("cannot be used", &error))?;
        if path.to_str().is_none_or(|text| text.contains(char::is_control)) {
            return Err(refuse("cannot be used", &"its path is not plain text").into());
        }
        if !path.join("lock").exists()
            && let Some(foreign) = foreign(&path).map_err(|error| refuse("cannot be read", &error))?
        {
            let why = format!("it is not Nightkeep’s, it holds {}", foreign.display());
            return Err(refuse("cannot be used", &why).into());
        }
        fs::set_permissions(&path, Permissions::from_mode(0o700))
            .map_err(|error| refuse("cannot be closed to others", &error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(|error| refuse("cannot be locked", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Refused(format!(
                "another Nightkeep is running on the state folder {}; stop that one first, or give this one a folder of its own with --state",
                path.display()
            ))
            .into()),
            Err(TryLockError::Error(error)) => Err(refuse("cannot be locked", &error).into()),
        }
    }

    /// Its absolute path, without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.path.join("s3")
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    pub(crate) fn parameters(&self) -> PathBuf {
        self.path.join("ssm.json")
    }

    pub(crate) fn cluster(&self) -> PathBuf {
        self.path.join("ecs")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    pub(crate) fn environment(&self) -> PathBuf {
        self.path.join("env")
    }

    pub(crate) fn repository_password(&self) -> PathBuf {
        self.path.join("repository-password")
    }

    /// The keys of the local endpoints, in the form of AWS's credentials file. Made at the first start.
    ///
    /// # Errors
    /// If they cannot be read, made or understood.
    pub(crate) fn keys(&self) -> anyhow::Result<Keys> {
        let path = self.path.join("credentials");
        let Some(text) = files::read(&path)? else {
            let keys =
                Keys { access_key: format!("NK{}", random(9)?.to_uppercase()), secret_key: random(20)? };
            let text = format!(
                "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                keys.access_key, keys.secret_key
            );
            files::replace(&path, text.as_bytes())?;
            return Ok(keys);
        };
        let value = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            let found = lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name);
            let found = found.map(|(_, value)| value.to_owned()).filter(|value| !value.is_empty());
            found.ok_or_else(|| anyhow!("reading {}: it has no {name}", path.display()))
        };
        Ok(Keys { access_key: value("aws_access_key_id")?, secret_key: value("aws_secret_access_key")? })
    }

    /// The repository's password. Made at the first start, unless `known` remembers the one that was there.
    ///
    /// # Errors
    /// If it cannot be read or made.
    pub(crate) fn password(&self, known: Option<String>) -> anyhow::Result<String> {
        let path = self.repository_password();
        if let Some(text) = files::read(&path)? {
            return match text.trim() {
                "" => Err(anyhow!("reading {}: it is empty", path.display())),
                password => Ok(password.to_owned()),
            };
        }
        let password = match known {
            Some(known) => known,
            None => random(32)?,
        };
        files::replace(&path, format!("{password}\n").as_bytes())?;
        Ok(password)
    }
}

/// Something in the folder that does not belong into a state folder.
fn foreign(path: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !OURS.iter().any(|ours| entry.file_name() == *ours) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// Random bytes from the operating system, in hexadecimal.
fn random(bytes: usize) -> anyhow::Result<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| anyhow!("{error}")).context("reading randomness")?;
    Ok(hex::encode(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_program_at_a_time_and_closed_to_others() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state");
        let first = Folder::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let second = Folder::open(&path).unwrap_err();
        assert!(second.is::<Refused>() && second.to_string().contains("another Nightkeep"), "{second}");
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_refused_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("thesis.odt"), "").unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        let error = Folder::open(home.path()).unwrap_err();
        assert!(error.is::<Refused>() && error.to_string().contains("thesis.odt"), "{error}");
        assert_eq!(fs::metadata(home.path()).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn keys_and_password_are_made_once_and_only_for_their_owner() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("state")).unwrap();
        let (keys, password) = (folder.keys().unwrap(), folder.password(None).unwrap());
        let again = folder.keys().unwrap();
        assert_eq!((again.access_key, again.secret_key), (keys.access_key, keys.secret_key));
        assert_eq!(folder.password(None).unwrap(), password);
        for name in ["credentials", "repository-password"] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        fs::remove_file(folder.repository_password()).unwrap();
        assert_eq!(folder.password(Some("remembered".to_owned())).unwrap(), "remembered");
    }
}
