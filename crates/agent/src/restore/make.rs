//! What is made or put right without any content: folders, links, pipes, devices, names, and metadata
//! alone.

use std::path::Path;

use nightkeep_domain::cause::Cause;
use rustix::{fs::FileType, io::Errno};

use super::{
    entry::Kind,
    metadata,
    plan::{Names, Plan, Repair, Special, Spot},
    target::Target,
};
use crate::progress::Tally;

/// Makes the folders that are not there, and removes what an earlier restore left unfinished.
pub(super) fn prepare(target: &Target, plan: &Plan) -> Result<(), Cause> {
    for spot in &plan.unfinished {
        let removed = target.folder(&spot.folder).and_then(|folder| folder.remove(&spot.name));
        removed.map_err(target.fault(&spot.path(), "removing what an earlier restore left"))?;
    }
    for path in &plan.folders {
        make_folder(target, path).map_err(target.fault(path, "making the folder"))?;
    }
    Ok(())
}

fn make_folder(target: &Target, path: &Path) -> Result<(), Errno> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let above = target.folder(above)?;
    match above.look(name)? {
        Some(seen) if seen.kind == FileType::Directory => return Ok(()),
        Some(_) => above.remove(name)?,
        None => {}
    }
    above.make_folder(name)
}

/// Puts the metadata right of what is right otherwise.
pub(super) fn repair(target: &Target, repairs: &[Repair]) -> Result<(), Cause> {
    for Repair { spot, metadata, seen } in repairs {
        let path = spot.path();
        let handle = target.folder(&spot.folder).and_then(|folder| folder.handle(&spot.name));
        let handle = handle.map_err(target.fault(&path, "looking at it"))?;
        let now = handle.seen().map_err(target.fault(&path, "looking at it"))?;
        if now != *seen {
            // Perhaps it has got a name outside, where nothing may be changed.
            return Err(target.fault(&path, "it was changed by someone else")(Errno::STALE));
        }
        metadata::apply(metadata, &handle).map_err(|(doing, error)| target.fault(&path, doing)(error))?;
    }
    Ok(())
}

/// Makes symbolic links, pipes, sockets and devices.
pub(super) fn specials(target: &Target, specials: &[Special], tally: &Tally) -> Result<(), Cause> {
    for special in specials {
        let Special { spot, kind, metadata } = special;
        let path = spot.path();
        let folder = target.folder(&spot.folder).map_err(target.fault(&path, "opening its folder"))?;
        let name = target.unfinished();
        let made = match kind {
            Kind::Symlink(to) => folder.make_symlink(&name, to),
            Kind::Block(device) => folder.make_special(&name, FileType::BlockDevice, *device),
            Kind::Character(device) => folder.make_special(&name, FileType::CharacterDevice, *device),
            Kind::Pipe => folder.make_special(&name, FileType::Fifo, 0),
            Kind::Socket => folder.make_special(&name, FileType::Socket, 0),
            Kind::File | Kind::Folder(_) => Ok(()),
        };
        made.map_err(target.fault(&path, "making it"))?;
        let handle = folder.handle(&name).map_err(target.fault(&path, "looking at it"))?;
        metadata::apply(metadata, &handle).map_err(|(doing, error)| target.fault(&path, doing)(error))?;
        folder.put(target, &name, &spot.name).map_err(target.fault(&path, "putting it in its place"))?;
        tally.add_file();
    }
    Ok(())
}

/// Gives files all their names.
pub(super) fn link(target: &Target, links: &[Names]) -> Result<(), Cause> {
    for Names { first, others } in links {
        for other in others {
            link_one(target, first, other).map_err(target.fault(&other.path(), "linking it"))?;
        }
    }
    Ok(())
}

fn link_one(target: &Target, first: &Spot, other: &Spot) -> Result<(), Errno> {
    let (from, to) = (target.folder(&first.folder)?, target.folder(&other.folder)?);
    let seen = from.look(&first.name)?.ok_or(Errno::NOENT)?;
    if to.look(&other.name)?.is_some_and(|there| there.identity == seen.identity) {
        return Ok(());
    }
    let name = target.unfinished();
    to.make_link(&name, &from, &first.name)?;
    to.put(target, &name, &other.name)
}
