//! The folder that is restored into.
//!
//! Nothing outside it is ever written, whatever somebody else puts in the way meanwhile. So there are no
//! paths here but those of single names in an open folder: a folder is reached from the source's own,
//! step by step, and no step follows a symbolic link.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::Context;
use nightkeep_domain::cause::Cause;
use rustix::{
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags, StatxFlags},
    io::Errno,
    process::geteuid,
};

/// How the names begin of what is not finished; a restore that was cut short leaves some.
const UNFINISHED: &str = ".nightkeep-restore-";

/// The source's folder.
pub(super) struct Target {
    pub(super) source: String,
    root: PathBuf,
    folder: Folder,
    run: u64,
    count: AtomicU64,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

/// What is there under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: FileType,
    /// The permission bits, setuid, setgid and sticky included.
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) size: u64,
    pub(super) modified: (i64, u32),
    /// When anything of it was last changed, which no program can set.
    pub(super) changed: (i64, u32),
    pub(super) device: u64,
    pub(super) identity: (u64, u64),
    pub(super) names: u64,
}

impl Target {
    /// Opens the folder `root`, and makes it if it is not there.
    pub(super) fn open(source: &str, root: &Path) -> anyhow::Result<Self> {
        let unwritable = |error: io::Error| Cause::TargetUnwritable {
            source: source.to_owned(),
            path: root.display().to_string(),
            why: format!("opening the folder: {error}"),
        };
        std::fs::create_dir_all(root).map_err(unwritable)?;
        // What leads to the source is the operator's own: a link there is followed.
        let folder = fs::open(root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| unwritable(error.into()))?;
        let mut run = [0; 8];
        getrandom::fill(&mut run).context("reading randomness from the operating system")?;
        Ok(Self {
            source: source.to_owned(),
            root: root.to_path_buf(),
            folder: Folder(folder),
            run: u64::from_le_bytes(run),
            count: AtomicU64::new(0),
        })
    }

    /// The cause of what went wrong with `path` while it was being treated as `doing` says.
    pub(super) fn fault<'a>(
        &'a self,
        path: &'a Path,
        doing: &'static str,
    ) -> impl Fn(Errno) -> Cause + use<'a> {
        move |error| Cause::TargetUnwritable {
            source: self.source.clone(),
            path: self.display(path),
            why: format!("{doing}: {}", io::Error::from(error)),
        }
    }

    /// A path below the folder, for people.
    pub(super) fn display(&self, path: &Path) -> String {
        let whole = if path.as_os_str().is_empty() { self.root.clone() } else { self.root.join(path) };
        whole.display().to_string()
    }

    /// A folder below.
    pub(super) fn folder(&self, path: &Path) -> Result<Folder, Errno> {
        let mut folder = self.folder.again()?;
        for name in path {
            folder = folder.enter(name)?;
        }
        Ok(folder)
    }

    /// A name for what is not finished, used once.
    pub(super) fn unfinished(&self) -> OsString {
        format!("{UNFINISHED}{:016x}-{}", self.run, self.count.fetch_add(1, Relaxed)).into()
    }

    /// Whether a name is one of what an earlier restore has not finished.
    pub(super) fn is_unfinished(name: &OsStr) -> bool {
        name.as_bytes().starts_with(UNFINISHED.as_bytes())
    }

    /// Waits until everything is on the disk.
    pub(super) fn settle(&self) -> Result<(), Cause> {
        fs::syncfs(&self.folder.0).map_err(self.fault(Path::new(""), "writing it to the disk"))
    }
}

impl Folder {
    fn again(&self) -> Result<Self, Errno> {
        Ok(Self(rustix::io::fcntl_dupfd_cloexec(&self.0, 3)?))
    }

    /// The folder `name` in this one; a symbolic link is none.
    pub(super) fn enter(&self, name: &OsStr) -> Result<Self, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || fs::openat(&self.0, name, flags, Mode::empty());
        let folder = Self(match open() {
            Err(Errno::ACCESS) => {
                self.handle(name)?.set_mode(0o700)?;
                open()?
            }
            result => result?,
        });
        if !geteuid().is_root() {
            // Its mode is put right at the end; until then its owner has to get at what is in it.
            let seen = folder.seen()?;
            if seen.owner == geteuid().as_raw() && seen.mode & 0o700 != 0o700 {
                fs::fchmod(&folder.0, Mode::from_raw_mode(seen.mode | 0o700))?;
            }
        }
        Ok(folder)
    }

    pub(super) fn seen(&self) -> Result<Seen, Errno> {
        seen(&self.0, OsStr::new(""), AtFlags::EMPTY_PATH)
    }

    /// What is there under a name, if anything.
    pub(super) fn look(&self, name: &OsStr) -> Result<Option<Seen>, Errno> {
        match seen(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(seen) => Ok(Some(seen)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every name in it.
    pub(super) fn names(&self) -> Result<Vec<OsString>, Errno> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// What is there under a name, without opening it.
    pub(super) fn handle(&self, name: &OsStr) -> Result<Handle, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Handle(fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Opens a file to read it.
    pub(super) fn read(&self, name: &OsStr) -> Result<File, Errno> {
        // Should it have become a pipe meanwhile, nobody waits for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&self.0, name, flags, Mode::empty())?;
        match seen(&file, OsStr::new(""), AtFlags::EMPTY_PATH)?.kind {
            FileType::RegularFile => Ok(file.into()),
            _ => Err(Errno::INVAL),
        }
    }

    /// Makes a new file.
    pub(super) fn create(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// Opens a file again that [`Folder::create`] has made, if it still is that one.
    pub(super) fn reopen(&self, name: &OsStr, identity: (u64, u64)) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&self.0, name, flags, Mode::empty())?;
        let seen = seen(&file, OsStr::new(""), AtFlags::EMPTY_PATH)?;
        if seen.identity == identity { Ok(file.into()) } else { Err(Errno::STALE) }
    }

    pub(super) fn make_folder(&self, name: &OsStr) -> Result<(), Errno> {
        fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o700))
    }

    pub(super) fn make_symlink(&self, name: &OsStr, target: &OsStr) -> Result<(), Errno> {
        fs::symlinkat(target, &self.0, name)
    }

    pub(super) fn make_special(&self, name: &OsStr, kind: FileType, device: u64) -> Result<(), Errno> {
        fs::mknodat(&self.0, name, kind, Mode::from_raw_mode(0o600), device)
    }

    /// Gives what `name` in `folder` is another name here.
    pub(super) fn make_link(&self, name: &OsStr, folder: &Self, same_as: &OsStr) -> Result<(), Errno> {
        fs::linkat(&folder.0, same_as, &self.0, name, AtFlags::empty())
    }

    /// The target of a symbolic link.
    pub(super) fn link_target(&self, name: &OsStr) -> Result<OsString, Errno> {
        use std::os::unix::ffi::OsStringExt;
        Ok(OsString::from_vec(fs::readlinkat(&self.0, name, Vec::new())?.into_bytes()))
    }

    /// Puts what is finished in its place, and what was there before away.
    pub(super) fn put(&self, target: &Target, finished: &OsStr, name: &OsStr) -> Result<(), Errno> {
        match fs::renameat(&self.0, finished, &self.0, name) {
            // A folder is in the way.
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                let aside = target.unfinished();
                fs::renameat(&self.0, name, &self.0, &aside)?;
                fs::renameat(&self.0, finished, &self.0, name)?;
                self.remove(&aside)
            }
            result => result,
        }
    }

    /// Removes what is there under a name, with all that is in it. It need not be there.
    pub(super) fn remove(&self, name: &OsStr) -> Result<(), Errno> {
        if !self.remove_single(name)? {
            return Ok(());
        }
        // However deep it is, neither the stack nor the number of open folders grows with it.
        let mut folders = vec![PathBuf::from(name)];
        while let Some(path) = folders.last().cloned() {
            let mut folder = self.again()?;
            for step in path.iter() {
                folder = folder.enter(step)?;
            }
            let before = folders.len();
            for entry in folder.names()? {
                if folder.remove_single(&entry)? {
                    folders.push(path.join(entry));
                }
            }
            if folders.len() == before {
                let (Some(parent), Some(last)) = (path.parent(), path.file_name()) else { break };
                let mut above = self.again()?;
                for step in parent {
                    above = above.enter(step)?;
                }
                fs::unlinkat(&above.0, last, AtFlags::REMOVEDIR)?;
                folders.pop();
            }
        }
        Ok(())
    }

    /// Removes anything but a folder; says whether it is one.
    pub(super) fn remove_single(&self, name: &OsStr) -> Result<bool, Errno> {
        match fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(false),
            Err(Errno::ISDIR) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// A path to `name` in this folder that nobody can turn elsewhere, as long as its last step is not
    /// followed. Some calls of the system take nothing but paths.
    pub(super) fn path_to(&self, name: &OsStr) -> PathBuf {
        proc_path(self.0.as_fd()).join(name)
    }

    pub(super) fn as_handle(&self) -> Result<Handle, Errno> {
        Ok(Handle(self.again()?.0))
    }
}

/// Folders one after the other. The one that was used last stays open: the next file is most often in it.
pub(super) struct Folders<'a> {
    target: &'a Target,
    last: Option<(PathBuf, Folder)>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(target: &'a Target) -> Self {
        Self { target, last: None }
    }

    /// A folder below the target.
    pub(super) fn of(&mut self, path: &Path) -> Result<&Folder, Errno> {
        let last = match self.last.take() {
            Some((last, folder)) if last == path => (last, folder),
            Some(_) | None => (path.to_path_buf(), self.target.folder(path)?),
        };
        Ok(&self.last.insert(last).1)
    }
}

/// Something that is held, whatever happens to its name.
pub(super) struct Handle(OwnedFd);

impl Handle {
    pub(super) fn of(file: &File) -> Result<Self, Errno> {
        Ok(Self(rustix::io::fcntl_dupfd_cloexec(file, 3)?))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(super) fn seen(&self) -> Result<Seen, Errno> {
        seen(&self.0, OsStr::new(""), AtFlags::EMPTY_PATH)
    }

    /// A path that leads to it and, though the system follows it, nowhere else.
    pub(super) fn path(&self) -> PathBuf {
        proc_path(self.0.as_fd())
    }

    pub(super) fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        fs::chmodat(fs::CWD, self.path(), Mode::from_raw_mode(mode), AtFlags::empty())
    }
}

fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

fn seen(at: impl AsFd, name: &OsStr, flags: AtFlags) -> Result<Seen, Errno> {
    let found = fs::statx(at, name, flags, StatxFlags::BASIC_STATS)?;
    let mode = u32::from(found.stx_mode);
    Ok(Seen {
        kind: FileType::from_raw_mode(mode),
        mode: mode & 0o7777,
        owner: found.stx_uid,
        group: found.stx_gid,
        size: found.stx_size,
        modified: (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
        changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        device: fs::makedev(found.stx_rdev_major, found.stx_rdev_minor),
        identity: (fs::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino),
        names: u64::from(found.stx_nlink),
    })
}
