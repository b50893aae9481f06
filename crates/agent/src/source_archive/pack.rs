//! The tree as a `.tar.gz`.
//!
//! The bytes depend on the tree alone: names, contents, modes and times to the second are those of the
//! tree; owners are not, because they differ from machine to machine, and the gzip header has no time.
//! Names are written as they are, bytes that are no text included; those that are too long for their
//! field come first in an entry of their own, as GNU tar does. A file with several names becomes several
//! files.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::Path,
};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use nightkeep_domain::cause::Cause;
use rustix::fs::{Mode, OFlags};
use tar::{Builder, EntryType, Header};

use super::{
    SOURCE,
    tree::{Entry, Tree, unreadable},
};
use crate::progress::Tally;

/// gzip's level: 4 % larger than at the default, in two thirds of the time.
const COMPRESSION: u32 = 4;

/// gzip's word for Unix, written whatever the machine.
const UNIX: u8 = 3;

/// The name of an entry that holds the name of the next one.
const LONG_NAME: &[u8] = b"././@LongLink";

/// Writes the archive and gives the writer back.
pub(super) fn pack<W: Write>(tree: &Tree, tally: &Tally, to: W) -> anyhow::Result<W> {
    let gzip = GzBuilder::new().operating_system(UNIX).write(to, Compression::new(COMPRESSION));
    let mut packer = Packer { archive: Builder::new(gzip), tally, entries: 0 };
    tree.walk(|entry| packer.add(&entry))?;
    if packer.entries == 0 {
        let path = tree.root().display().to_string();
        return Err(Cause::SourceEmpty { source: SOURCE.to_owned(), path }.into());
    }
    Ok(packer.archive.into_inner()?.finish()?)
}

struct Packer<'a, W: Write> {
    archive: Builder<GzEncoder<W>>,
    tally: &'a Tally,
    entries: u64,
}

impl<W: Write> Packer<'_, W> {
    fn add(&mut self, entry: &Entry) -> anyhow::Result<()> {
        let kind = entry.metadata.file_type();
        let name = entry.name.as_os_str().as_bytes();
        if kind.is_dir() {
            let name = [name, b"/"].concat();
            self.write(&name, header(EntryType::Directory, &entry.metadata), io::empty())?;
        } else if kind.is_symlink() {
            let target = entry.path.read_link().map_err(|error| unreadable(&entry.path, error))?;
            let target = target.as_os_str().as_bytes();
            let mut header = header(EntryType::Symlink, &entry.metadata);
            self.lengthen(EntryType::GNULongLink, target)?;
            fill(&mut header.as_old_mut().linkname, target);
            self.write(name, header, io::empty())?;
        } else if kind.is_file() {
            self.add_file(&entry.path, name)?;
        } else {
            let what = if kind.is_socket() { "a socket" } else { "a pipe or device" };
            tracing::warn!(path = %entry.path.display(), "{what} is left out of the source archive");
            return Ok(());
        }
        self.entries += 1;
        Ok(())
    }

    fn add_file(&mut self, path: &Path, name: &[u8]) -> anyhow::Result<()> {
        self.tally.add_file();
        let (file, metadata) = open(path).map_err(|error| unreadable(path, error))?;
        let size = metadata.len();
        let mut header = header(EntryType::Regular, &metadata);
        header.set_size(size);
        let mut content = Content { file, left: size, tally: self.tally, fault: None };
        let written = self.write(name, header, &mut content);
        match content.fault {
            Some(why) => Err(unreadable(path, why).into()),
            None => Ok(written?),
        }
    }

    fn write(&mut self, name: &[u8], mut header: Header, content: impl Read) -> io::Result<()> {
        self.lengthen(EntryType::GNULongName, name)?;
        fill(&mut header.as_old_mut().name, name);
        header.set_cksum();
        self.archive.append(&header, content)
    }

    /// Writes a name that is too long for its field.
    fn lengthen(&mut self, kind: EntryType, name: &[u8]) -> io::Result<()> {
        if name.len() <= Header::new_gnu().as_old().name.len() {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(name.len() as u64 + 1);
        fill(&mut header.as_old_mut().name, LONG_NAME);
        header.set_cksum();
        self.archive.append(&header, name.chain(&b"\0"[..]))
    }
}

/// The header of an entry without content and without a name.
fn header(kind: EntryType, metadata: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_size(0);
    header
}

/// Writes as much of a name as its field holds.
fn fill(field: &mut [u8], name: &[u8]) {
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
}

/// Opens a file, unless it has become something else since it was listed: a link is not followed, and a
/// pipe not waited for.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::Error::other("it is not a file any more")) }
}

/// A file's content, as long as its header says. What is written behind that meanwhile is left out.
struct Content<'a> {
    file: File,
    left: u64,
    tally: &'a Tally,
    fault: Option<String>,
}

impl Content<'_> {
    fn fault(&mut self, why: String) -> io::Error {
        io::Error::other(self.fault.insert(why).clone())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.file.read(&mut buffer[..most]) {
            Ok(0) => Err(self.fault(format!("it became {} bytes shorter while it was read", self.left))),
            Ok(read) => {
                self.left -= read as u64;
                self.tally.add_bytes(read as u64);
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fault(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn content(path: &Path, length: u64) -> (io::Result<Vec<u8>>, Option<String>) {
        let tally = Tally::default();
        let mut content =
            Content { file: File::open(path).unwrap(), left: length, tally: &tally, fault: None };
        let mut read = Vec::new();
        let result = content.read_to_end(&mut read);
        (result.map(|_| read), content.fault)
    }

    #[test]
    fn a_file_is_as_long_as_its_header_says_and_one_that_shrinks_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(content(&path, 4).0.unwrap(), b"0123");
        let (read, fault) = content(&path, 12);
        assert!(read.is_err());
        assert_eq!(fault.unwrap(), "it became 2 bytes shorter while it was read");
    }

    #[test]
    fn a_file_that_became_a_link_or_a_pipe_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [link, pipe, folder.path().to_path_buf()] {
            assert!(open(&path).is_err(), "{}", path.display());
        }
    }
}
