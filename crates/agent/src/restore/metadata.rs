//! What an entry has beside its content: owner, mode, time, extended attributes. Compared, and put right.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{self, AtFlags, FileType, Gid, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags},
    io::Errno,
    process::geteuid,
};

use super::{
    entry::Metadata,
    target::{Folder, Handle, Seen},
};

/// Attributes that the system itself gives to what is new, and that follow from other things. They only
/// count where the snapshot names them.
const GIVEN: [&[u8]; 2] = [b"security.selinux", b"system.nfs4_acl"];

/// The attributes of an entry, by name.
type Attributes = BTreeMap<Vec<u8>, Vec<u8>>;

/// What could not be put right, and why.
pub(super) type Fault = (&'static str, Errno);

/// In what an entry differs from its metadata in the snapshot, in words.
pub(super) fn difference(
    wanted: &Metadata,
    seen: &Seen,
    folder: &Folder,
    name: &std::ffi::OsStr,
) -> Result<Option<String>, Errno> {
    if let Some(difference) = plain_difference(wanted, seen) {
        return Ok(Some(difference));
    }
    Ok(attribute_difference(wanted, &attributes(&folder.path_to(name), Follow::No)?))
}

/// The same for an open folder.
pub(super) fn difference_of(wanted: &Metadata, handle: &Handle) -> Result<Option<String>, Errno> {
    if let Some(difference) = plain_difference(wanted, &handle.seen()?) {
        return Ok(Some(difference));
    }
    Ok(attribute_difference(wanted, &attributes(&handle.path(), Follow::ToTheHandle)?))
}

fn plain_difference(wanted: &Metadata, seen: &Seen) -> Option<String> {
    if let Some(mode) = wanted.mode.filter(|mode| has_mode(seen) && *mode != seen.mode) {
        return Some(format!("its mode is {:o} instead of {mode:o}", seen.mode));
    }
    if let Some(owner) = wanted.owner.filter(|owner| *owner != seen.owner) {
        return Some(format!("its owner is {} instead of {owner}", seen.owner));
    }
    if let Some(group) = wanted.group.filter(|group| *group != seen.group) {
        return Some(format!("its group is {} instead of {group}", seen.group));
    }
    let modified = wanted.modified.filter(|modified| *modified != seen.modified)?;
    let time = |(seconds, part): (i64, u32)| format!("{seconds}.{part:09}");
    Some(format!("its time is {} instead of {}", time(seen.modified), time(modified)))
}

fn attribute_difference(wanted: &Metadata, found: &Attributes) -> Option<String> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    for (name, value) in &wanted.attributes {
        match found.get(name) {
            None => return Some(format!("its extended attribute {} is missing", text(name))),
            Some(other) if other != value => {
                return Some(format!("its extended attribute {} has another value", text(name)));
            }
            Some(_) => {}
        }
    }
    let surplus = found.keys().find(|name| is_surplus(wanted, name))?;
    Some(format!("it has an extended attribute {} too many", text(surplus)))
}

fn is_surplus(wanted: &Metadata, name: &[u8]) -> bool {
    !GIVEN.contains(&name) && !wanted.attributes.iter().any(|(other, _)| other == name)
}

/// A symbolic link has a mode that nobody can set and that means nothing.
fn has_mode(seen: &Seen) -> bool {
    seen.kind != FileType::Symlink
}

/// Puts everything right that is not. The order matters: a new owner clears bits of the mode and some
/// attributes, an access list changes the mode, and all of them the time.
pub(super) fn apply(wanted: &Metadata, handle: &Handle) -> Result<(), Fault> {
    let look = || handle.seen().map_err(|error| ("looking at it", error));
    let mut seen = look()?;
    let owner = wanted.owner.filter(|owner| *owner != seen.owner).map(Uid::from_raw);
    let group = wanted.group.filter(|group| *group != seen.group).map(Gid::from_raw);
    if owner.is_some() || group.is_some() {
        fs::chownat(handle.fd(), "", owner, group, AtFlags::EMPTY_PATH)
            .map_err(|error| ("changing its owner", error))?;
        seen = look()?;
    }
    let path = handle.path();
    let found =
        attributes(&path, Follow::ToTheHandle).map_err(|error| ("reading its extended attributes", error))?;
    if attribute_difference(wanted, &found).is_some() {
        if has_mode(&seen) && !geteuid().is_root() && seen.mode & 0o600 != 0o600 {
            // Only who may write a file may change its attributes.
            handle.set_mode(seen.mode | 0o600).map_err(|error| ("changing its mode", error))?;
        }
        set_attributes(wanted, &found, &path)?;
        seen = look()?;
    }
    if let Some(mode) = wanted.mode.filter(|mode| has_mode(&seen) && *mode != seen.mode) {
        handle.set_mode(mode).map_err(|error| ("changing its mode", error))?;
    }
    if let Some((seconds, part)) = wanted.modified.filter(|modified| *modified != seen.modified) {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: part.into() },
        };
        fs::utimensat(fs::CWD, &path, &times, AtFlags::empty())
            .map_err(|error| ("changing its time", error))?;
    }
    Ok(())
}

fn set_attributes(wanted: &Metadata, found: &Attributes, path: &PathBuf) -> Result<(), Fault> {
    for name in found.keys().filter(|name| is_surplus(wanted, name)) {
        fs::removexattr(path, name.as_slice()).map_err(|error| ("removing an extended attribute", error))?;
    }
    for (name, value) in &wanted.attributes {
        if found.get(name) != Some(value) {
            fs::setxattr(path, name.as_slice(), value, XattrFlags::empty())
                .map_err(|error| ("setting an extended attribute", error))?;
        }
    }
    Ok(())
}

/// Whether the last step of a path is followed: of the path to a handle it must be, of others never.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    No,
    ToTheHandle,
}

fn attributes(path: &Path, follow: Follow) -> Result<Attributes, Errno> {
    let list = |buffer: &mut [u8]| match follow {
        Follow::No => fs::llistxattr(path, buffer),
        Follow::ToTheHandle => fs::listxattr(path, buffer),
    };
    let names = match whole(list) {
        Ok(names) => names,
        // A file system that has none.
        Err(Errno::NOTSUP) => return Ok(Attributes::new()),
        Err(error) => return Err(error),
    };
    let mut found = Attributes::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let get = |buffer: &mut [u8]| match follow {
            Follow::No => fs::lgetxattr(path, name, buffer),
            Follow::ToTheHandle => fs::getxattr(path, name, buffer),
        };
        match whole(get) {
            Ok(value) => {
                found.insert(name.to_vec(), value);
            }
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Reads with a buffer that grows until everything fits.
fn whole(mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 512];
    loop {
        match read(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // The system's own limit for both is 64 KiB.
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 4, 0),
            Err(error) => return Err(error),
        }
    }
}
