//! Keys as paths: how an object's key becomes a file below its bucket's folder, and back.
//!
//! Each segment of a key is a file name whose last character says what it is:
//!
//! ```text
//! config              config=
//! data/3f/3fa1...     data+/3f+/3fa1...=
//! a and a/b           a= and a+/b=
//! ../x                ..+/x=
//! /A                  +/%41=
//! ```
//!
//! `=` ends an object's name and `+` a folder's, so `a` and `a/b` live side by side and no name is
//! ever empty, `.` or `..`. Bytes other than `a-z 0-9 - _ .` are percent-encoded, capitals too, so
//! that a file system that ignores case or normalises Unicode cannot merge two keys. A segment of
//! [`CHUNK`] bytes or more is cut: each full chunk is a folder ending in `~` and what is left, even
//! nothing, follows inside it. One byte of a key takes at most three bytes of path, so that 1,024
//! bytes fit into what Linux takes as a path.
//!
//! A name must never leave its folder, and two keys must never share a file. Reading a folder's
//! entries in the order of [`Entry::part`], depth first, yields keys in S3's order: byte by byte.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// How many bytes of a segment go into one file name: three times as many, and a mark, stay below
/// the 255 bytes file systems allow.
const CHUNK: usize = 80;

/// What a file name stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The end of an object's key.
    Object,
    /// A segment before a slash.
    Folder,
    /// The beginning of a long segment.
    Chunk,
}

impl Kind {
    fn mark(self) -> u8 {
        match self {
            Kind::Object => b'=',
            Kind::Folder => b'+',
            Kind::Chunk => b'~',
        }
    }

    fn of_mark(mark: u8) -> Option<Self> {
        [Kind::Object, Kind::Folder, Kind::Chunk].into_iter().find(|kind| kind.mark() == mark)
    }
}

/// One entry of a folder of objects.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// What the entry is.
    pub(super) kind: Kind,
    /// What it adds to the keys below it; a folder's slash included.
    pub(super) part: Vec<u8>,
    /// The file or folder itself.
    pub(super) path: PathBuf,
}

/// Where the object `key` lives below `objects`.
pub(super) fn path_of(objects: &Path, key: &str) -> PathBuf {
    let mut path = objects.to_path_buf();
    let mut segments = key.as_bytes().split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = if segments.peek().is_some() { Kind::Folder } else { Kind::Object };
        let chunks = segment.chunks_exact(CHUNK);
        let rest = chunks.remainder();
        for chunk in chunks {
            path.push(file_name(chunk, Kind::Chunk));
        }
        path.push(file_name(rest, last));
    }
    path
}

/// The entries of a folder in the order of the keys below them. A folder that is not there has
/// none, and what is no name of ours (a file the desktop left) is passed over.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut entries = Vec::new();
    for found in listing {
        let found = found?;
        if let Some((kind, part)) = parse(&found.file_name()) {
            entries.push(Entry { kind, part, path: found.path() });
        }
    }
    entries.sort_unstable_by(|one, other| one.part.cmp(&other.part));
    Ok(entries)
}

fn file_name(bytes: &[u8], kind: Kind) -> String {
    let mut name = String::with_capacity(bytes.len() + 1);
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(char::from(*byte)),
            _ => {
                name.push('%');
                name.push_str(&hex::encode([*byte]));
            }
        }
    }
    name.push(char::from(kind.mark()));
    name
}

fn parse(name: &OsStr) -> Option<(Kind, Vec<u8>)> {
    let (mark, mut rest) = name.to_str()?.as_bytes().split_last()?;
    let kind = Kind::of_mark(*mark)?;
    let mut part = Vec::with_capacity(rest.len() + 1);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            part.extend(hex::decode(rest.get(..2)?).ok()?);
            rest = rest.get(2..)?;
        } else {
            part.push(*byte);
        }
    }
    if kind == Kind::Folder {
        part.push(b'/');
    }
    Some((kind, part))
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;

    /// Keys that would do harm, or collide, if they were used as they are; in S3's order.
    fn hostile_keys() -> Vec<String> {
        let mut keys: Vec<String> = [
            "",
            "/",
            "//",
            "/etc/passwd",
            "..",
            "../x",
            "../../x",
            ".",
            "./x",
            "a",
            "a/",
            "a/b",
            "a/../../b",
            "a-b",
            "a+",
            "a=",
            "a~",
            "%2e%2e",
            "%",
            "A",
            "ä",
            "a\u{308}",
            "a\\..\\b",
            "a\nb",
            "\0",
        ]
        .map(str::to_owned)
        .to_vec();
        for length in [79, 80, 81, 159, 160, 161, 255, 1024] {
            let long = "x".repeat(length);
            keys.extend([
                format!("{long}-"),
                format!("{long}/"),
                format!("{long}/y"),
                format!("{long}0"),
                long,
            ]);
        }
        keys.extend(["ü".repeat(512), "/".repeat(1024), "a/".repeat(512)]);
        keys.sort();
        keys
    }

    #[test]
    fn a_path_never_leaves_its_folder_and_fits_the_file_system() {
        let objects = Path::new("objects");
        for key in hostile_keys() {
            let path = path_of(objects, &key);
            let inside = path.strip_prefix(objects).unwrap();
            assert!(inside.components().all(|part| matches!(part, Component::Normal(_))), "{key:?}");
            assert!(inside.iter().all(|name| name.len() <= 255), "{key:?}");
            assert!(inside.as_os_str().len() <= 3200, "{key:?}");
        }
    }

    #[test]
    fn entries_read_depth_first_are_the_keys_in_byte_order() {
        fn read(folder: &Path, key: &[u8], keys: &mut Vec<String>) {
            for entry in entries(folder).unwrap() {
                let key = [key, &entry.part].concat();
                match entry.kind {
                    Kind::Object => keys.push(String::from_utf8(key).unwrap()),
                    Kind::Folder | Kind::Chunk => read(&entry.path, &key, keys),
                }
            }
        }
        let root = tempfile::tempdir().unwrap();
        for key in hostile_keys() {
            let path = path_of(root.path(), &key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::write(root.path().join(".DS_Store"), "").unwrap();
        let mut keys = Vec::new();
        read(root.path(), b"", &mut keys);
        assert_eq!(keys, hostile_keys());
    }
}
