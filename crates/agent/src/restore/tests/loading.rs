//! A dump is loaded whole, or not at all.

use std::{fs, sync::atomic::Ordering::SeqCst};

use nightkeep_domain::cause::Cause;
use proptest::{collection::vec, prelude::*, test_runner::Config};
use rustic_core::repofile::SnapshotFile;

use super::{tree::noise, world::World};
use crate::restore;

fn shell(script: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]
}

/// A world whose dump is `content`, with its size in the snapshot left at 0, as the engine does.
fn dumped(content: &[u8]) -> (World, SnapshotFile) {
    let world = World::new();
    let file = world.folder.path().join("dump");
    fs::write(&file, content).unwrap();
    let snapshot = world.back_up_dump(&shell(&format!("cat {}", file.display())));
    (world, snapshot)
}

fn load(world: &World, snapshot: &SnapshotFile, script: &str) -> anyhow::Result<()> {
    world.with_blobs(|blobs| {
        restore::dump(blobs, snapshot, "database", &shell(script), &world.tally, &|| Ok(()))
    })
}

fn refusal(world: &World, snapshot: &SnapshotFile, script: &str) -> (String, String) {
    match load(world, snapshot, script).unwrap_err().downcast().unwrap() {
        Cause::LoadFailed { source, program, ended, said } => {
            assert_eq!((source.as_str(), program.as_str()), ("database", "sh"));
            (ended, said)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_load_command_is_given_the_whole_dump() {
    for length in [1, 70_000, 20 << 20] {
        let content = noise(length as u64, length);
        let (world, snapshot) = dumped(&content);
        let loaded = world.folder.path().join("loaded");
        load(&world, &snapshot, &format!("cat > {}; echo noise on stdout", loaded.display())).unwrap();
        assert!(fs::read(loaded).unwrap() == content);
    }
}

#[test]
fn a_load_command_that_fails_has_the_last_word() {
    let (world, snapshot) = dumped(&noise(5, 5 << 20));
    let (ended, said) = refusal(&world, &snapshot, "cat > /dev/null; echo no such table >&2; exit 3");
    assert_eq!((ended.as_str(), said.as_str()), ("ended with exit status 3", "no such table"));
    let (ended, _) = refusal(&world, &snapshot, "head -c 10 > /dev/null; kill -9 $$");
    assert_eq!(ended, "was ended by signal 9");
    let (ended, said) = refusal(&world, &snapshot, "echo wrong >&2; exit 1");
    assert_eq!((ended.as_str(), said.as_str()), ("ended with exit status 1", "wrong"));
}

#[test]
fn a_load_command_that_succeeds_without_having_taken_everything_has_failed() {
    let (world, snapshot) = dumped(&noise(5, 5 << 20));
    let (ended, _) = refusal(&world, &snapshot, "head -c 1000000 > /dev/null; exit 0");
    assert!(ended.starts_with("ended with exit status 0 although it had taken only"), "{ended}");
    let (ended, _) = refusal(&world, &snapshot, "exec <&-; exit 0");
    assert!(ended.contains("taken only 0 of 5242880 bytes"), "{ended}");
    // All of it fits into the pipe, so that writing it succeeds.
    let (world, snapshot) = dumped(b"a short dump");
    let (ended, _) = refusal(&world, &snapshot, "exit 0");
    assert!(ended.contains("taken only 0 of 12 bytes"), "{ended}");
}

#[test]
fn a_load_command_that_cannot_be_started_is_named() {
    let (world, snapshot) = dumped(b"dump");
    let command = ["/no/such/program".to_owned()];
    let result = world
        .with_blobs(|blobs| restore::dump(blobs, &snapshot, "database", &command, &world.tally, &|| Ok(())));
    let cause: Cause = result.unwrap_err().downcast().unwrap();
    assert!(cause.to_string().contains("/no/such/program could not be started"), "{cause}");
}

#[test]
fn s15_a_load_command_never_takes_the_beginning_of_a_dump_for_the_whole() {
    let (world, snapshot) = dumped(&noise(5, 30 << 20));
    let seen = world.folder.path().join("the end was seen");
    for reads in [0, 1, 3] {
        let script = format!("cat > /dev/null; touch '{}'", seen.display());
        let pipeline = format!("cat | ({script})");
        for script in [script, pipeline] {
            world.store.reads_left.store(reads, SeqCst);
            let error = load(&world, &snapshot, &script).unwrap_err();
            assert!(error.to_string().contains("the storage is gone"), "{error:#}");
            assert!(!seen.exists());
        }
    }
}

#[test]
fn a_folder_is_not_loaded_as_a_dump() {
    let world = World::new();
    fs::write(world.path("file"), "content").unwrap();
    let snapshot = world.back_up();
    let cause: Cause = load(&world, &snapshot, "cat > /dev/null").unwrap_err().downcast().unwrap();
    assert!(matches!(cause, Cause::SnapshotRefused { .. }), "{cause}");
}

/// How a command ends, as its shell says it.
fn end() -> impl Strategy<Value = String> {
    let killed = prop_oneof![Just(9), Just(13), Just(15)].prop_map(|signal| format!("kill -{signal} $$"));
    prop_oneof![4 => Just("exit 0".to_owned()), 1 => (1..=255).prop_map(|code| format!("exit {code}")), 1 => killed]
}

proptest! {
    #![proptest_config(Config { cases: 30, ..Config::default() })]

    /// Whatever a command writes, in pieces of whatever size, to both outputs, however it ends: what counts
    /// as its dump is all that it wrote, and a command that failed or wrote nothing has none.
    #[test]
    fn whatever_a_dump_says_is_kept_exactly_or_refused(
        pieces in vec((vec(any::<u8>(), 0..3000), vec(any::<u8>(), 0..3000), 0..200_usize), 0..5),
        end in end(),
    ) {
        let world = World::new();
        let (mut script, mut content) = (String::new(), Vec::new());
        for (number, (out, err, times)) in pieces.iter().enumerate() {
            let (said, complained) = (out.repeat(*times), world.folder.path().join(format!("err-{number}")));
            let said_in = world.folder.path().join(format!("out-{number}"));
            fs::write(&said_in, &said).unwrap();
            fs::write(&complained, err).unwrap();
            script += &format!("cat {}; cat {} >&2; ", said_in.display(), complained.display());
            content.extend(said);
        }
        let result = world.try_back_up_dump(&shell(&(script + &end)));
        match result {
            Ok(snapshot) => {
                prop_assert!(end == "exit 0" && !content.is_empty(), "{end} after {} bytes", content.len());
                let loaded = world.folder.path().join("loaded");
                load(&world, &snapshot, &format!("cat > {}", loaded.display())).unwrap();
                prop_assert!(fs::read(loaded).unwrap() == content);
            }
            Err(Cause::DumpEmpty { .. }) => prop_assert!(end == "exit 0" && content.is_empty()),
            Err(Cause::DumpFailed { ended, said, .. }) => {
                prop_assert!(end != "exit 0", "{ended}");
                prop_assert!(said.len() <= 6000, "what is kept of its words has a bound");
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
