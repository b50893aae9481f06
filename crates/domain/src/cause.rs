//! Why something failed, as a value that can be stored and compared, with what happened and what to do
//! about it in words.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::operation::Kind;

/// Why a stage failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Cause {
    /// The folder of a source does not exist.
    SourceMissing {
        /// The source's name.
        source: String,
        /// Its folder.
        path: String,
    },
    /// The folder of a source holds nothing.
    SourceEmpty {
        /// The source's name.
        source: String,
        /// Its folder.
        path: String,
    },
    /// Something in a source could not be read.
    SourceUnreadable {
        /// The source's name.
        source: String,
        /// The first path that could not be read.
        path: String,
        /// What the system said.
        why: String,
        /// How many more could not be read.
        more: u64,
    },
    /// A dump command could not be started, or ended with a failure.
    DumpFailed {
        /// The source's name.
        source: String,
        /// The program.
        program: String,
        /// How it ended: an exit status, a signal, or why it could not be started.
        ended: String,
        /// The end of what it wrote to its standard error.
        said: String,
    },
    /// A dump command succeeded and wrote nothing.
    DumpEmpty {
        /// The source's name.
        source: String,
        /// The program.
        program: String,
    },
    /// Something in a source could not be put back.
    TargetUnwritable {
        /// The source's name.
        source: String,
        /// The first path that could not be put back.
        path: String,
        /// What was being done to it, and what the system said.
        why: String,
    },
    /// A load command could not be started, ended with a failure, or did not take all of its dump.
    LoadFailed {
        /// The source's name.
        source: String,
        /// The program.
        program: String,
        /// How it ended: an exit status, a signal, or why it could not be started.
        ended: String,
        /// The end of what it wrote to its standard error.
        said: String,
    },
    /// A snapshot holds something that is never put back, such as a name that leads out of its folder.
    SnapshotRefused {
        /// The source's name.
        source: String,
        /// Where in the snapshot it is.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// What was put back was read again, and is not what the snapshot holds.
    NotAsRestored {
        /// The source's name.
        source: String,
        /// The first path that differs.
        path: String,
        /// In what it differs.
        why: String,
    },
    /// The storage refused for good: no such bucket, no permission, wrong credentials.
    StorageRefused {
        /// What was being done, to what.
        doing: String,
        /// What the storage said.
        why: String,
    },
    /// The storage has no room left.
    StorageFull {
        /// What was being done, to what.
        doing: String,
        /// What the storage said.
        why: String,
    },
    /// The storage could not be reached, or kept failing.
    StorageUnavailable {
        /// What was being done, to what.
        doing: String,
        /// What the storage said.
        why: String,
    },
    /// The repository does not open with the configured password or key.
    RepositoryLocked,
    /// Somebody else is at work on the repository: plain restic, by hand.
    RepositoryInUse {
        /// How that was seen.
        seen: String,
    },
    /// What was written could not be read back as it was written, or the repository contradicts itself.
    RepositoryDamaged {
        /// What was found.
        found: String,
    },
    /// The application's description or a setting cannot be used.
    Configuration {
        /// What is wrong with it.
        why: String,
    },
    /// A local disk that the agent works on failed, other than a source.
    LocalDisk {
        /// What was being done, to what.
        doing: String,
        /// What the system said.
        why: String,
    },
    /// ECS did not start the agent's task.
    TaskNotStarted {
        /// What ECS said.
        why: String,
    },
    /// The agent's task ended without a report.
    TaskVanished {
        /// The exit code of its container, if ECS knows one.
        exit_code: Option<i32>,
        /// What ECS said about its end.
        why: String,
    },
    /// The stage was stopped because it took longer than is allowed.
    TookTooLong {
        /// The longest time, in seconds.
        limit_seconds: u64,
    },
    /// ECS does not show the application's services.
    ServicesUnknown {
        /// What ECS said.
        why: String,
    },
    /// A service's new deployment failed.
    ServiceFailed {
        /// The service's name.
        service: String,
        /// What ECS said.
        why: String,
    },
    /// A service had not replaced its tasks after the longest time.
    ServiceNotSteady {
        /// The service's name.
        service: String,
        /// The longest time, in seconds.
        limit_seconds: u64,
        /// What ECS said last.
        events: String,
    },
    /// A night's backup could not begin before its window closed.
    NightMissed {
        /// What was in progress.
        in_the_way: Kind,
        /// Since when, a time of day for people.
        since: String,
        /// When the window closed, a time of day for people.
        closed: String,
    },
    /// The agent met a case that it has no better word for.
    Unexpected {
        /// The whole chain of what was being done and why it failed.
        what: String,
    },
}

impl Cause {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceMissing { .. } => "source_missing",
            Self::SourceEmpty { .. } => "source_empty",
            Self::SourceUnreadable { .. } => "source_unreadable",
            Self::DumpFailed { .. } => "dump_failed",
            Self::DumpEmpty { .. } => "dump_empty",
            Self::TargetUnwritable { .. } => "target_unwritable",
            Self::LoadFailed { .. } => "load_failed",
            Self::SnapshotRefused { .. } => "snapshot_refused",
            Self::NotAsRestored { .. } => "not_as_restored",
            Self::StorageRefused { .. } => "storage_refused",
            Self::StorageFull { .. } => "storage_full",
            Self::StorageUnavailable { .. } => "storage_unavailable",
            Self::RepositoryLocked => "repository_locked",
            Self::RepositoryInUse { .. } => "repository_in_use",
            Self::RepositoryDamaged { .. } => "repository_damaged",
            Self::Configuration { .. } => "configuration",
            Self::LocalDisk { .. } => "local_disk",
            Self::TaskNotStarted { .. } => "task_not_started",
            Self::TaskVanished { .. } => "task_vanished",
            Self::TookTooLong { .. } => "took_too_long",
            Self::ServicesUnknown { .. } => "services_unknown",
            Self::ServiceFailed { .. } => "service_failed",
            Self::ServiceNotSteady { .. } => "service_not_steady",
            Self::NightMissed { .. } => "night_missed",
            Self::Unexpected { .. } => "unexpected",
        }
    }

    /// `stage` is the stage's word in quotes after a space, or nothing.
    pub(crate) fn happened(&self, stage: &str) -> String {
        match self {
            Self::SourceMissing { source, path } => {
                format!("The source “{source}” could not be read: the folder {path} does not exist.")
            }
            Self::SourceEmpty { source, path } => {
                format!("The source “{source}” holds nothing: the folder {path} is empty.")
            }
            Self::SourceUnreadable { source, path, why, more } => {
                let rest = match more {
                    0 => String::new(),
                    1 => " One more could not be read.".to_owned(),
                    more => format!(" {more} more could not be read."),
                };
                format!("The source “{source}” could not be read: {path}: {why}.{rest}")
            }
            Self::DumpFailed { source, program, ended, .. } => {
                format!("The source “{source}” could not be read: {program} {ended}.")
            }
            Self::DumpEmpty { source, program } => {
                format!("The source “{source}” could not be read: {program} succeeded but wrote nothing.")
            }
            Self::TargetUnwritable { source, path, why } => {
                format!("The source “{source}” could not be put back: {path}: {why}.")
            }
            Self::LoadFailed { source, program, ended, .. } => {
                format!("The source “{source}” could not be put back: {program} {ended}.")
            }
            Self::SnapshotRefused { source, path, why } => {
                format!("The snapshot of the source “{source}” was refused: {path}: {why}.")
            }
            Self::NotAsRestored { source, path, why } => {
                format!("The source “{source}” is not as it was put back: {path}: {why}.")
            }
            Self::StorageRefused { doing, why } => format!("The storage refused {doing}: {why}."),
            Self::StorageFull { doing, why } => format!("The storage has no room left while {doing}: {why}."),
            Self::StorageUnavailable { doing, why } => format!("The storage failed while {doing}: {why}."),
            Self::RepositoryLocked => "The repository does not open with the configured password.".to_owned(),
            Self::RepositoryInUse { seen } => format!("Somebody else is at work on the repository: {seen}."),
            Self::RepositoryDamaged { found } => format!("The repository is not as it should be: {found}."),
            Self::Configuration { why } => format!("The configuration cannot be used: {why}."),
            Self::LocalDisk { doing, why } => format!("The agent’s own disk failed while {doing}: {why}."),
            Self::TaskNotStarted { why } => format!("The agent’s task was not started: {why}."),
            Self::TaskVanished { exit_code, why } => {
                let code = exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
                format!("The agent’s task ended{code} before it was finished: {why}.")
            }
            Self::TookTooLong { limit_seconds } => {
                let limit = duration(*limit_seconds);
                format!("The stage{stage} took longer than {limit} and was stopped.")
            }
            Self::NightMissed { in_the_way, since, closed } => format!(
                "Last night’s backup did not run: a {} that had begun at {since} was in the way when its window \
                 closed at {closed}.",
                in_the_way.word()
            ),
            Self::ServicesUnknown { why } => format!("The services could not be replaced: {why}."),
            Self::ServiceFailed { service, why } => {
                format!("The service “{service}” did not come up: {why}.")
            }
            Self::ServiceNotSteady { service, limit_seconds, events } => {
                let limit = duration(*limit_seconds);
                let last =
                    if events.is_empty() { String::new() } else { format!(" Its last events: {events}.") };
                format!("The service “{service}” had not replaced its tasks after {limit}.{last}")
            }
            Self::Unexpected { what } => format!("Something unforeseen happened: {what}."),
        }
    }

    /// What to do before anything else, without a full stop.
    pub(crate) fn to_do(&self) -> String {
        match self {
            Self::SourceMissing { path, .. } => {
                format!(
                    "Check that {path} is there and mounted, or correct the source in the application’s description"
                )
            }
            Self::SourceEmpty { path, .. } => {
                format!(
                    "Check that the data is in {path} and that its volume is mounted, or correct the source"
                )
            }
            Self::SourceUnreadable { path, .. } => {
                format!("Allow the agent to read {path}, or check its disk")
            }
            Self::DumpFailed { program, .. } => {
                format!("Check that {program} runs in the agent’s task and that it reaches its server")
            }
            Self::DumpEmpty { program, .. } => format!("Check what {program} writes when it is run by hand"),
            Self::TargetUnwritable { path, .. } => {
                format!("Allow the agent to write {path}, make room on its disk, or check the disk")
            }
            Self::LoadFailed { program, .. } => {
                format!("Check that {program} runs in the agent’s task and that it reaches its server")
            }
            Self::SnapshotRefused { .. } => {
                "Choose another backup, and find out who else can write to the repository".to_owned()
            }
            Self::NotAsRestored { path, .. } => {
                format!("Check that nothing else writes to {path} during the maintenance, and check its disk")
            }
            Self::StorageRefused { .. } => {
                "Check that the bucket exists and that the agent may write to it and delete from it"
                    .to_owned()
            }
            Self::StorageFull { .. } => "Make room in the storage".to_owned(),
            Self::StorageUnavailable { .. } => "Check that the agent reaches the storage".to_owned(),
            Self::RepositoryLocked => "Configure the password that the repository was made with".to_owned(),
            Self::RepositoryInUse { .. } => {
                "Let it finish; “restic unlock” removes the lock of one that was killed".to_owned()
            }
            Self::RepositoryDamaged { .. } => {
                "Run “restic check” on the repository: “restic rebuild-index” finds \
                again what only the index has lost, “restic forget” gives up what cannot be found"
                    .to_owned()
            }
            Self::Configuration { .. } => "Correct it".to_owned(),
            Self::LocalDisk { .. } => "Check the disk of the agent’s task".to_owned(),
            Self::TaskNotStarted { .. } => {
                "Check the agent’s task definition and the cluster’s capacity".to_owned()
            }
            Self::TaskVanished { .. } => "Look at the log of the agent’s task".to_owned(),
            Self::TookTooLong { .. } => {
                "Find out what is slow, or allow more time in the settings".to_owned()
            }
            Self::ServicesUnknown { .. } => {
                "Check the setting “services”, and that the worker may see the cluster".to_owned()
            }
            Self::ServiceFailed { service, .. } | Self::ServiceNotSteady { service, .. } => {
                format!("Look at the events and the log of the service “{service}”")
            }
            Self::NightMissed { .. } => "Start a backup now".to_owned(),
            Self::Unexpected { .. } => "Look at the log of the agent’s task".to_owned(),
        }
    }
}

/// For the log: the code, what happened, and what a command said at its end.
impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code(), self.happened(""))?;
        match self {
            Self::DumpFailed { said, .. } | Self::LoadFailed { said, .. } => {
                formatter.write_str(&last_words(said))
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Cause {}

/// What a command said at its end, as a sentence after a space.
fn last_words(said: &str) -> String {
    match said.trim() {
        "" => " It said nothing.".to_owned(),
        said => format!(" Its last words: “{said}”."),
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}

#[cfg(test)]
mod tests;
