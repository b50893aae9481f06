//! What is left of tasks: processes that outlived the main process of their task, or that outlived this
//! whole program when it was killed. They are found by the mark in their environment, which what they
//! start inherits, and by their process group.
//!
//! It must never kill a process that does not carry the mark: each is held by a descriptor before it is
//! looked at for the last time, so that a number given to somebody else meanwhile is never hit.

use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

use super::process::{MARK, ended_within};

/// Which processes are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    /// Those of all tasks whose marks are in this folder or below it.
    Folder(&'a Path),
    /// Those of the task with this mark, or in its process group.
    Task { mark: &'a Path, group: Pid },
}

/// Kills them all and waits until they are gone. Returns how many there were.
///
/// # Errors
/// If some are still there after `patience`, which a process in the midst of a disk’s failure can be, or
/// if the processes cannot be listed.
pub(super) fn kill(whose: Whose<'_>, patience: Duration) -> io::Result<usize> {
    let deadline = Instant::now() + patience;
    let mut killed = 0;
    // They may start others while they are looked for: done is when none is found.
    loop {
        let found = find(whose)?;
        if found.is_empty() {
            return Ok(killed);
        }
        killed += found.len();
        for (_, handle) in &found {
            // One that is gone by now is as good as one that was hit.
            let _gone = pidfd_send_signal(handle, Signal::KILL);
        }
        for (pid, handle) in &found {
            if !ended_within(handle.as_fd(), Some(deadline.saturating_duration_since(Instant::now()))) {
                let why = format!("process {} does not end although it was killed", pid.as_raw_nonzero());
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
        }
    }
}

fn find(whose: Whose<'_>) -> io::Result<Vec<(Pid, OwnedFd)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        if pid == getpid() || !belongs(pid, whose) {
            continue;
        }
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if belongs(pid, whose) {
            found.push((pid, handle));
        }
    }
    Ok(found)
}

fn belongs(pid: Pid, whose: Whose<'_>) -> bool {
    let (marked, group) = match whose {
        Whose::Folder(folder) => {
            let mut prefix = mark(folder);
            prefix.push(b'/');
            (carries(pid, |variable| variable.starts_with(&prefix)), None)
        }
        Whose::Task { mark: path, group } => {
            let expected = mark(path);
            (carries(pid, |variable| variable == expected), Some(group))
        }
    };
    // A process that has ended and is only not yet reaped has no environment any more; its group it has.
    marked || group.is_some_and(|group| group_of(pid) == Some(group))
}

fn mark(path: &Path) -> Vec<u8> {
    [MARK.as_bytes(), b"=", path.as_os_str().as_encoded_bytes()].concat()
}

/// Whether its environment has such a variable. One that may not be read is not ours.
fn carries(pid: Pid, fits: impl Fn(&[u8]) -> bool) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environment.split(|&byte| byte == 0).any(fits)
}

/// The process group of a process that has not ended.
fn group_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The program's name stands in parentheses and can hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?;
    if matches!(state, "Z" | "X") { None } else { Pid::from_raw(group.parse().ok()?) }
}
