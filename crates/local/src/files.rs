//! Files on this machine. A file that is replaced is written aside, synchronised, and put in place by one
//! rename: whoever reads it sees the old text or the new one, never a part of either.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;

/// What the name of a file ends in while it is written aside.
const ASIDE: &str = "new";

/// Replaces the file at `path`, which only its owner may read or write.
///
/// # Errors
/// If it cannot be written; the old text is then still there.
pub(crate) fn replace(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// The text of the file at `path`, if there is one.
///
/// # Errors
/// If it is there and cannot be read.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Whether `path` is of a file that was being written when the program ended: nothing counts on it.
pub(crate) fn is_aside(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ASIDE)
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let aside = path.with_added_extension(ASIDE);
    // What an earlier crash left would keep the mode that it had.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A file that lines are appended to. It begins anew when it is full: only its end is of interest.
#[derive(Debug)]
pub(crate) struct Bounded {
    file: File,
}

impl Bounded {
    /// The most bytes that it grows to.
    const FULL: u64 = 4 * 1024 * 1024;

    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        Ok(Self { file: opened.with_context(|| format!("opening {}", path.display()))? })
    }
}

impl Write for Bounded {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.file.metadata()?.len() > Self::FULL {
            self.file.set_len(0)?;
        }
        self.file.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
