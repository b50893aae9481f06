//! An activity: the lasting trace of what is no row of the table: a restart, a source archive, a purge,
//! a maintenance that somebody ended by hand.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actor::Actor,
    failure::Failure,
    identifier::RecordId,
    operation::{Purged, SourceArchive, Stage},
    record::Status,
};

/// An activity, as it is stored and as the API gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// Its name for ever.
    pub id: RecordId,
    /// What was done.
    pub kind: ActivityKind,
    /// How it stands.
    pub status: Status,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it ended, unless it is in progress.
    pub finished_at: Option<Timestamp>,
    /// Who asked for it: their name.
    pub requested_by: String,
    /// What the provider knows them by, whatever their name is; null if nobody had to sign in.
    #[serde(default)]
    pub requested_by_id: Option<String>,
    /// The stages of its operation, as they went.
    pub stages: Vec<Stage>,
    /// Of a source archive that succeeded: where it is.
    pub source_archive: Option<SourceArchive>,
    /// Of a purge that succeeded: what is gone.
    #[serde(default)]
    pub purged: Option<Purged>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// Every service got a new deployment.
    Restart,
    /// The source code was packed.
    SourceArchive,
    /// What was older than the retention was removed.
    Purge,
    /// Somebody ended the maintenance.
    EndMaintenance,
}

impl Activity {
    /// An activity that is about to begin.
    pub fn new(id: RecordId, kind: ActivityKind, requested_by: Actor, now: Timestamp) -> Self {
        Self {
            id,
            kind,
            status: Status::InProgress,
            created_at: now,
            finished_at: None,
            requested_by: requested_by.name,
            requested_by_id: requested_by.id,
            stages: Vec::new(),
            source_archive: None,
            purged: None,
            failure: None,
        }
    }
}
