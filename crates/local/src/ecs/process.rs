//! The process of a task: started in a process group of its own, signalled as a group, waited for.
//!
//! It must never signal a process that is not the task's. The leader of the group is reaped last of all,
//! and no signal is sent after that: until then the kernel gives its number to nobody else.

use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{
            fs::OpenOptionsExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};

/// The variable by which every process of a task is recognised, those that its own commands start too.
pub(super) const MARK: &str = "NIGHTKEEP_TASK";

/// What a task runs.
#[derive(Debug, Clone)]
pub struct TaskCommand {
    /// The program.
    pub program: PathBuf,
    /// What it is called in a list of processes.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What is added to this program's own environment.
    pub environment: Vec<(String, String)>,
}

/// A process that was started, until it has been reaped.
#[derive(Debug)]
pub(super) struct Process {
    leader: Pid,
    handle: OwnedFd,
    child: Mutex<Option<Child>>,
}

impl TaskCommand {
    /// Starts it, with `environment` on top and both outputs appended to the file at `log`.
    pub(super) fn start(
        &self,
        mark: &Path,
        environment: &[(String, String)],
        log: &Path,
    ) -> io::Result<Process> {
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
        let mut command = Command::new(&self.program);
        command.arg0(&self.name).args(&self.arguments).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for (name, _) in std::env::vars_os().filter(|(name, _)| of_the_console(name)) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.env(MARK, mark);
        let mut child = command.spawn()?;
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let handle = leader
            .ok_or(io::ErrorKind::InvalidData.into())
            .and_then(|leader| Ok::<_, io::Error>((leader, pidfd_open(leader, PidfdFlags::empty())?)));
        match handle {
            Ok((leader, handle)) => Ok(Process { leader, handle, child: Mutex::new(Some(child)) }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }
}

/// Whether a variable of this program's own environment leads to a console, this one or another whose
/// file `env` was sourced. A task is told by name what it needs of that, so that what is a secret of the
/// console, or of the user's AWS profile, reaches nobody by chance.
fn of_the_console(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    [&b"AWS_"[..], b"RESTIC_", b"NIGHTKEEP_"].iter().any(|prefix| name.starts_with(prefix))
}

impl Process {
    /// The number of its group.
    pub(super) fn group(&self) -> Pid {
        self.leader
    }

    /// Sends a signal to the whole group, unless its leader has been reaped.
    pub(super) fn signal(&self, signal: Signal) {
        let child = self.lock();
        if child.is_none() {
            return;
        }
        if let Err(error) = kill_process_group(self.leader, signal) {
            tracing::debug!("signalling process group {:?}: {error}", self.leader);
        }
    }

    /// Waits until the leader has ended, and says whether it has. Without a limit it always has.
    pub(super) fn ended_within(&self, limit: Option<Duration>) -> bool {
        ended_within(self.handle.as_fd(), limit)
    }

    /// Takes the leader's end from the kernel: its exit code, 128 and the signal's number if a signal
    /// ended it. Nothing is signalled after this.
    pub(super) fn reap(&self) -> io::Result<i32> {
        let mut child = self.lock();
        let Some(ending) = child.as_mut() else { return Err(io::Error::other("it was reaped before")) };
        let status = ending.wait()?;
        *child = None;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the process behind `handle` has ended, and says whether it has.
pub(super) fn ended_within(handle: BorrowedFd<'_>, limit: Option<Duration>) -> bool {
    let deadline = limit.map(|limit| Instant::now() + limit);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], left.as_ref()) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!("waiting for a process: {error}");
                return false;
            }
        }
    }
}
