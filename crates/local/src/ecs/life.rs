//! The life of a task's process: started on a thread of its own, which then sees it to its end, and what
//! it left behind too.
//!
//! It must never say that a process has ended while anything that it started may still run.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use anyhow::Context;
use rustix::process::Signal;

use super::{
    leftovers::{self, Whose},
    process::{Process, TaskCommand},
};

/// How long killed processes may take to be gone. Only a failing disk keeps one for longer.
pub(super) const GONE_WITHIN: Duration = Duration::from_secs(60);

/// How long to wait when it could not be found out whether they are.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A process that is to be.
pub(super) struct Birth<'a> {
    /// The id of its task.
    pub(super) task: &'a str,
    /// What it runs.
    pub(super) command: &'a TaskCommand,
    /// What is added to the command's environment.
    pub(super) environment: Vec<(String, String)>,
    /// The path by which it is recognised.
    pub(super) mark: PathBuf,
    /// The file for what it writes.
    pub(super) log: PathBuf,
}

/// Starts it. Once nothing of it runs any more, `ended` is told its exit code. The thread that starts it
/// also sees it to its end, because a process may ask to end with its parent, and that is the thread and
/// not the program.
///
/// # Errors
/// If it could not be started; `ended` is then never called.
pub(super) fn begin(
    birth: Birth<'_>,
    ended: impl FnOnce(io::Result<i32>) + Send + 'static,
) -> anyhow::Result<Arc<Process>> {
    let Birth { task, command, environment, mark, log } = birth;
    let program = command.program.display().to_string();
    let (task, command) = (task.to_owned(), command.clone());
    let (tell, told) = mpsc::channel();
    let name = format!("task-{task}");
    let live = move || {
        let process = command.start(&mark, &environment, &log).map(Arc::new);
        let watched = process.as_ref().ok().map(Arc::clone);
        // Who asked is still waiting for this.
        let _told = tell.send(process);
        let Some(process) = watched else { return };
        process.ended_within(None);
        process.signal(Signal::KILL);
        let whose = Whose::Task { mark: &mark, group: process.group() };
        while let Err(error) = leftovers::kill(whose, GONE_WITHIN) {
            tracing::error!(task, "ending what is left of a task, and trying again: {error}");
            thread::park_timeout(AGAIN_AFTER);
        }
        ended(process.reap());
    };
    thread::Builder::new().name(name).spawn(live).context("starting the thread that watches a task")?;
    told.recv()?.with_context(|| format!("starting {program}"))
}

/// Tells a task's process to end: SIGTERM, and SIGKILL once `timeout` is over. Doesn't wait.
pub(super) fn end(task: &str, process: &Arc<Process>, timeout: Duration) {
    process.signal(Signal::TERM);
    let escalation = Arc::clone(process);
    let escalate = move || {
        if !escalation.ended_within(Some(timeout)) {
            escalation.signal(Signal::KILL);
        }
    };
    if thread::Builder::new().name(format!("stop-{task}")).spawn(escalate).is_err() {
        process.signal(Signal::KILL);
    }
}
