//! The operation: what is in progress. At most one exists, and it is the lock: while it exists
//! nothing else can begin, and when it has ended it is gone.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    cause::Cause,
    failure::Failure,
    identifier::{OperationId, RecordId},
    record::Snapshot,
};

pub use self::redeployment::{Redeployment, Rollout, SeenDeployment, SeenService, Turnover};

mod redeployment;

/// What is in progress, with all that is needed to drive it on from any moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// One more at each write; every write is on the condition that it is still the one that was read.
    pub version: u64,
    /// What it does.
    pub kind: Kind,
    /// The record, or the activity, that it settles.
    pub record_id: RecordId,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was begun.
    pub started_at: Timestamp,
    /// Of what the schedule began: for which night.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub night: Option<Date>,
    /// Its stages, in order.
    pub stages: Vec<Stage>,
    /// What was tried for the stage in progress; none before its first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// What the agent reported for the attempt, as its last act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// The snapshots that a finished Backup stage left.
    #[serde(default)]
    pub snapshots: Vec<Snapshot>,
    /// Of a restore: what is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
    /// Whether the application's data has been written to. Set before the first byte of it is.
    #[serde(default)]
    pub touched: bool,
    /// The services that the Redeploy stage replaces, once they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeployment: Option<Redeployment>,
    /// What a finished Archive stage left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_archive: Option<SourceArchive>,
    /// What a finished Purge stage removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Purged>,
    /// Why a stage failed, if one did; the first one's cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Why a stage failed that was to make the failure good, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later_cause: Option<Cause>,
}

/// What a restore restores, and what it is safeguarded by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The record of the backup.
    pub record: RecordId,
    /// Its snapshots.
    pub snapshots: Vec<Snapshot>,
    /// The record of the backup that is made before.
    pub safety_backup: RecordId,
}

/// A source archive in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceArchive {
    /// The object's key.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// The name under which it is downloaded.
    pub file_name: String,
}

/// What a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Purged {
    /// Records.
    pub records: u64,
    /// Snapshots, those that an incomplete backup had left among them.
    pub snapshots: u64,
    /// Bytes by which the repository has become smaller.
    pub freed_bytes: u64,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Copies the application's data into the repository.
    Backup,
    /// Puts a backup's data in the place of the application's, after a backup of that.
    Restore,
    /// Replaces every service's tasks.
    Restart,
    /// Packs the application's source code for a download.
    SourceArchive,
    /// Removes what is older than the retention.
    Purge,
}

/// What a stage does. The plan of a kind of operation is a list of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// A task of the agent reads every source into the repository.
    Backup,
    /// A task of the agent makes the sources what a backup holds.
    Restore,
    /// A restore has failed: a task of the agent makes the sources what the safety backup holds.
    PutBack,
    /// Every service gets a new deployment.
    Redeploy,
    /// A task of the agent packs the source code into the bucket.
    Archive,
    /// A task of the agent removes expired records, first their data, then themselves.
    Purge,
}

/// One thing that the worker sees through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stage {
    /// What it does.
    pub name: StageName,
    /// How it stands.
    pub state: StageState,
    /// When it began, if it has.
    pub started_at: Option<Timestamp>,
    /// When it ended, if it has.
    pub finished_at: Option<Timestamp>,
}

/// How a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// It waits for those before it.
    ToCome,
    /// It is being seen through.
    InProgress,
    /// It succeeded.
    Done,
    /// It failed, and with it the operation.
    Failed,
}

/// One try at a stage. It is written before anything is started, so that whoever reads it can start
/// the same thing again without starting it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it was decided on.
    pub decided_at: Timestamp,
    /// When ECS last named its task; before that, when it was decided on.
    pub asked_at: Timestamp,
    /// The task that runs it, once ECS has named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Whether ECS has shown the task since. Before that, not to be seen may mean too early.
    #[serde(default)]
    pub sighted: bool,
    /// Since when ECS has not shown a task that it had shown before. What it shows lags behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// Whether the agent has begun: it claims the attempt before it touches anything. Whoever gives up
    /// an unclaimed attempt can be sure that nothing will be done for it any more.
    #[serde(default)]
    pub claimed: bool,
    /// Set when it was decided to stop the task: why the stage will have failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Cause>,
}

/// What the agent reports, once, as its last act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Report {
    /// The backup is complete, and was read back from the repository.
    BackedUp {
        /// One a source.
        snapshots: Vec<Snapshot>,
    },
    /// The sources are as the backup holds them, and were compared with it.
    Restored,
    /// The source code is in the bucket.
    Archived {
        /// Where.
        source_archive: SourceArchive,
    },
    /// What had expired is gone.
    Purged {
        /// How much it was.
        purged: Purged,
    },
    /// It failed; of a backup or an archive nothing incomplete was kept.
    Failed {
        /// Why.
        cause: Cause,
    },
}

/// How far the agent is. An item of its own in the table, so that it doesn't wake the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Bytes read so far.
    pub done_bytes: u64,
    /// Bytes to be read, once they have been counted.
    pub total_bytes: Option<u64>,
    /// Files read so far.
    pub done_files: u64,
    /// Files to be read, once they have been counted.
    pub total_files: Option<u64>,
    /// The source that it is at.
    pub source: Option<String>,
    /// When this was written.
    pub at: Timestamp,
}

/// Which attempt of which stage of which operation a task works for. The agent acts only while the
/// stored operation is still at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The operation.
    pub operation: OperationId,
    /// The stage, counted from 0.
    pub stage: usize,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl Kind {
    /// The stages of this kind of operation, in order.
    pub fn plan(self) -> &'static [StageName] {
        match self {
            Self::Backup => &[StageName::Backup],
            Self::Restore => &[StageName::Backup, StageName::Restore, StageName::Redeploy],
            Self::Restart => &[StageName::Redeploy],
            Self::SourceArchive => &[StageName::Archive],
            Self::Purge => &[StageName::Purge],
        }
    }

    /// Whether the application is under maintenance while it is in progress (R4).
    pub fn needs_maintenance(self) -> bool {
        match self {
            Self::Backup | Self::Restore | Self::Restart => true,
            Self::SourceArchive | Self::Purge => false,
        }
    }

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Restart => "restart",
            Self::SourceArchive => "source archive",
            Self::Purge => "purge",
        }
    }
}

impl Operation {
    /// An operation that has just been begun.
    pub fn new(
        id: OperationId,
        kind: Kind,
        record_id: RecordId,
        requested_by: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            version: 1,
            kind,
            record_id,
            requested_by,
            started_at: now,
            night: None,
            stages: kind.plan().iter().copied().map(Stage::to_come).collect(),
            attempt: None,
            report: None,
            snapshots: Vec::new(),
            restored: None,
            touched: false,
            redeployment: None,
            source_archive: None,
            purged: None,
            cause: None,
            later_cause: None,
        }
    }

    /// The failure for its record, if it has failed. `stays` says that the application stays under
    /// maintenance afterwards, because it was before.
    pub fn failure(&self, stays: bool) -> Option<Failure> {
        let stage = self.stages.iter().find(|stage| stage.state == StageState::Failed)?;
        Some(self.cause.as_ref()?.failure_of(self, stage.name, stays))
    }

    /// Whether the last of its stages is of this name, and has failed.
    pub fn failed_last(&self, name: StageName) -> bool {
        self.stages.last().is_some_and(|stage| stage.name == name && stage.state == StageState::Failed)
    }

    /// Whether its stage of this name has succeeded.
    pub fn has_done(&self, name: StageName) -> bool {
        self.stages.iter().any(|stage| stage.name == name && stage.state == StageState::Done)
    }

    /// Whether the application stays under maintenance when it ends: its data is in doubt.
    pub fn leaves_maintenance_on(&self) -> bool {
        self.put_back() == Some(false)
    }

    /// Whether a restore that failed was made good by its safety backup; none if there was nothing to
    /// make good.
    pub fn put_back(&self) -> Option<bool> {
        let put_back = self.stages.iter().find(|stage| stage.name == StageName::PutBack)?;
        Some(put_back.state == StageState::Done)
    }

    /// The stage in progress and its position, if one is.
    pub fn current(&self) -> Option<(usize, &Stage)> {
        self.stages.iter().enumerate().find(|(_, stage)| stage.state == StageState::InProgress)
    }
}

impl Stage {
    /// A stage that waits for those before it.
    pub fn to_come(name: StageName) -> Self {
        Self { name, state: StageState::ToCome, started_at: None, finished_at: None }
    }
}

impl StageName {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::PutBack => "put back",
            Self::Redeploy => "redeploy",
            Self::Archive => "archive",
            Self::Purge => "purge",
        }
    }
}

impl Assignment {
    /// Whether `operation` is still at this attempt of this stage.
    pub fn holds(&self, operation: &Operation) -> bool {
        operation.id == self.operation
            && operation.current().is_some_and(|(position, _)| position == self.stage)
            && operation.attempt.as_ref().is_some_and(|attempt| attempt.number == self.attempt)
    }
}
