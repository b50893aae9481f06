//! What is kept of tasks on disk: a file for each, whose path is also the mark of the task's processes,
//! and the log of what it wrote. A task's file must never be half a file: a restart tells from it what
//! became of the task.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

use super::task::Task;
use crate::files;

/// How long logs are kept.
const LOGS_KEPT: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The folder of the tasks and the folder of their logs.
#[derive(Debug)]
pub(super) struct Shelf {
    tasks: PathBuf,
    logs: PathBuf,
}

impl Shelf {
    /// The shelf in `folder`, made if it is not there.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let shelf = Self { tasks: folder.join("tasks"), logs: folder.join("logs") };
        for folder in [&shelf.tasks, &shelf.logs] {
            fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
        }
        Ok(shelf)
    }

    /// The file of a task.
    pub(super) fn file(&self, id: &str) -> PathBuf {
        self.tasks.join(id)
    }

    /// The log of a task.
    pub(super) fn log(&self, id: &str) -> PathBuf {
        self.logs.join(format!("{id}.log"))
    }

    /// Keeps a task as it is now.
    pub(super) fn save(&self, task: &Task) -> anyhow::Result<()> {
        files::replace(&self.file(&task.id), &serde_json::to_vec_pretty(task)?)
    }

    /// All tasks that are kept.
    pub(super) fn load(&self) -> anyhow::Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for entry in fs::read_dir(&self.tasks).with_context(|| format!("reading {}", self.tasks.display()))? {
            let path = entry?.path();
            if files::is_aside(&path) {
                continue;
            }
            match serde_json::from_str(&files::read(&path)?.unwrap_or_default()) {
                Ok(task) => tasks.push(task),
                Err(error) => tracing::warn!("passing over {}, which is not a task: {error}", path.display()),
            }
        }
        Ok(tasks)
    }

    /// Forgets a task. Its log stays.
    pub(super) fn remove(&self, id: &str) {
        if let Err(error) = fs::remove_file(self.file(id)) {
            tracing::warn!(task = id, "removing what is kept of a task that ended long ago: {error}");
        }
    }

    /// Removes the logs that are old.
    pub(super) fn tidy(&self, now: Timestamp) {
        let Ok(logs) = fs::read_dir(&self.logs) else { return };
        for log in logs.flatten() {
            let written = log.metadata().and_then(|log| log.modified()).ok();
            let written = written.and_then(|at| Timestamp::try_from(at).ok());
            if written.is_some_and(|at| now.duration_since(at) > LOGS_KEPT)
                && let Err(error) = fs::remove_file(log.path())
            {
                tracing::warn!("removing the old log {}: {error}", log.path().display());
            }
        }
    }
}
