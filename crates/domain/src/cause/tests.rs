//! The sentences of causes.

use jiff::Timestamp;

use super::*;
use crate::{
    identifier::{OperationId, RecordId},
    operation::{Operation, StageName},
};

#[test]
fn s23_a_failure_names_what_was_being_done_to_what_and_why() {
    let cause = Cause::DumpFailed {
        source: "database".into(),
        program: "pg_dump".into(),
        ended: "ended with exit status 3".into(),
        said: "connection refused\n".into(),
    };
    let id = OperationId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    let record = RecordId::new(Timestamp::UNIX_EPOCH, [2; 10]);
    let backup = Operation::new(id, Kind::Backup, record, "Maya".to_owned(), Timestamp::UNIX_EPOCH);
    let failure = cause.failure_of(&backup, StageName::Backup, false);
    assert_eq!(failure.code, "dump_failed");
    for expected in ["database", "pg_dump", "exit status 3"] {
        assert!(failure.happened.contains(expected), "{}", failure.happened);
    }
    assert!(cause.to_string().ends_with("Its last words: “connection refused”."), "{cause}");
    assert_eq!(failure.cause.as_deref(), Some(&cause));
    assert!(failure.done.contains("Nothing incomplete was kept"));
    assert!(failure.to_do.ends_with("then start a new backup."), "{}", failure.to_do);
    assert_eq!(failure.first, "Check that pg_dump runs in the agent’s task and that it reaches its server.");
}

#[test]
fn s23_a_failed_restore_names_the_source_the_path_and_why() {
    let (source, path, why) = ("uploads".to_owned(), "/srv/a".to_owned(), "no room".to_owned());
    let causes = [
        Cause::TargetUnwritable { source: source.clone(), path: path.clone(), why: why.clone() },
        Cause::SnapshotRefused { source: source.clone(), path: path.clone(), why: why.clone() },
        Cause::NotAsRestored { source: source.clone(), path, why },
        Cause::LoadFailed { source, program: "/srv/a".into(), ended: "no room".into(), said: String::new() },
    ];
    for cause in causes {
        let stored = serde_json::to_value(&cause).unwrap();
        assert_eq!(stored["code"], cause.code());
        for expected in ["uploads", "/srv/a", "no room"] {
            assert!(cause.to_string().contains(expected), "{cause}");
        }
    }
}

#[test]
fn the_code_is_the_one_that_is_stored() {
    let stored = serde_json::to_value(Cause::RepositoryLocked).unwrap();
    assert_eq!(stored["code"], Cause::RepositoryLocked.code());
}
