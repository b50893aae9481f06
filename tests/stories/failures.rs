//! What can go wrong with a backup: each time a FAILED record that names the thing and the cause, never
//! a green one, and the application is up again.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nightkeep_domain::{cause::Cause, operation::Report};
use nightkeep_tests::{alone::Alone, console::Console, files::noise, restic};
use rustix::process::geteuid;

use crate::{directory, dump};

/// Looks whether a text names all of these.
fn assert_names(text: &str, names: &[&str]) {
    for name in names {
        assert!(text.contains(name), "{name:?} is not in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_a_source_that_is_missing_or_empty_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uploads");
    let console = Console::start(&(dump("fine", "echo data") + &directory("uploads", &path))).await;
    let said = console.failed_backup("source_missing").await;
    assert_names(&said, &["“uploads”", path.to_str().unwrap(), "does not exist"]);
    fs::create_dir(&path).unwrap();
    let said = console.failed_backup("source_empty").await;
    assert_names(&said, &["“uploads”", path.to_str().unwrap(), "empty"]);
    fs::write(path.join("file"), "data").unwrap();
    console.good_backup().await;
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_a_file_that_cannot_be_read_fails_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    for name in ["a", "b/c", "d"] {
        let path = folder.path().join("tree").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(1, 5000)).unwrap();
    }
    let tree = folder.path().join("tree");
    let shut = |name: &str, mode| fs::set_permissions(tree.join(name), Permissions::from_mode(mode)).unwrap();
    // Root reads everything: then the program runs without that power.
    let powerless: &[&str] =
        if geteuid().is_root() { &["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] } else { &[] };
    let console = Console::start_within(powerless, &directory("files", &tree)).await;
    console.good_backup().await;

    if geteuid().is_root() {
        // Without its capabilities root is the owner still; a stranger's files are closed to it.
        for name in ["a", "b", "b/c"] {
            std::os::unix::fs::chown(tree.join(name), Some(12_345), Some(12_345)).unwrap();
        }
    }
    shut("a", 0o600);
    fs::write(tree.join("d"), "changed").unwrap();
    let unchanged_is_not_opened = console.backup().await;
    assert_eq!(unchanged_is_not_opened["status"], "FAILED", "its owner changed: {unchanged_is_not_opened:#}");
    let happened = unchanged_is_not_opened["failure"]["happened"].as_str().unwrap();
    assert_names(happened, &["“files”", tree.join("a").to_str().unwrap(), "Permission denied"]);

    shut("a", 0o644);
    shut("b", 0o700);
    let said = console.failed_backup("source_unreadable").await;
    assert_names(&said, &["“files”", tree.join("b").to_str().unwrap(), "Permission denied"]);
    shut("b", 0o755);
    console.good_backup().await;
    assert_eq!(restic::snapshots(&console).len(), 2, "failed backups have left none");
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_dump_that_fails_is_cut_short_or_yields_nothing_fails_the_backup() {
    let cases = [
        (
            "head -c 3000000 /dev/zero; echo 'the disk is on fire' >&2; exit 3",
            "dump_failed",
            "exit status 3",
            "the disk is on fire",
        ),
        ("exec 2>&1; echo half; kill -9 $$", "dump_failed", "signal 9", "“database”"),
        ("true", "dump_empty", "wrote nothing", "“database”"),
        ("echo 'no server' >&2; exit 1", "dump_failed", "exit status 1", "no server"),
    ];
    for (script, code, how, words) in cases {
        let console = Console::start(&dump("database", script)).await;
        let said = console.failed_backup(code).await;
        assert_names(&said, &["“database”", how, words]);
        assert!(restic::snapshots(&console).is_empty(), "no snapshot is left");
        restic::check(&console);
    }
    let missing = Console::start("[[source]]\nname = \"database\"\ndump = [\"/no/such/program\"]\n").await;
    assert_names(&missing.failed_backup("dump_failed").await, &["/no/such/program", "could not be started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_bucket_that_is_missing_fails_the_backup() {
    let console = Console::start(&dump("database", "echo data")).await;
    let bucket = console.state_folder().join("s3").join(&console.environment()["NIGHTKEEP_BUCKET"]);
    let aside = console.state_folder().join("aside");
    fs::rename(&bucket, &aside).unwrap();
    assert_names(&console.failed_backup("storage_refused").await, &["NoSuchBucket", "bucket"]);
    fs::rename(&aside, &bucket).unwrap();
    console.good_backup().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_bucket_that_must_not_be_written_fails_the_backup() {
    let script = "mkdir -p \"$0/s3\" && mount --bind \"$0/s3\" \"$0/s3\" && exec \"$@\"";
    let console = Console::start_within(
        &[OWN_MOUNTS, &["sh", "-c", script, "{state}"]].concat(),
        &dump("database", "echo data"),
    )
    .await;
    // In the program's own view of the file system the folder cannot be written from here on.
    let inside = format!("--target={}", console.pid());
    let folder = console.state_folder().join("s3");
    let remount = |mode: &str| {
        let mut command = std::process::Command::new("nsenter");
        command.args([&inside, "--mount", "mount", "-o"]).arg(format!("remount,bind,{mode}")).arg(&folder);
        nightkeep_tests::run(&mut command);
    };
    remount("ro");
    assert_names(&console.failed_backup("storage_refused").await, &["AccessDenied", "may write"]);
    remount("rw");
    console.good_backup().await;
}

/// What gives a program mounts of its own.
const OWN_MOUNTS: &[&str] = &["unshare", "--mount", "--"];

#[tokio::test(flavor = "multi_thread")]
async fn s11_a_full_disk_fails_the_backup_and_the_next_one_works_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let big = folder.path().join("big");
    fs::write(&big, noise(5, 60 << 20)).unwrap();
    let script = "mkdir -p \"$0/s3\" && mount -t tmpfs -o size=24m none \"$0/s3\" && exec \"$@\"";
    let console = Console::start_within(
        &[OWN_MOUNTS, &["sh", "-c", script, "{state}"]].concat(),
        &dump("database", &format!("cat '{}'", big.display())),
    )
    .await;
    assert_names(&console.failed_backup("storage_full").await, &["no space left", "Make room"]);
    fs::write(&big, noise(6, 1 << 20)).unwrap();
    console.good_backup().await;
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_repository_password_fails_the_backup() {
    let mut console = Console::start(&dump("database", "echo data")).await;
    console.good_backup().await;
    let file = console.state_folder().join("repository-password");
    let right = fs::read_to_string(&file).unwrap();
    console.kill();
    fs::write(&file, "wrong").unwrap();
    console.start_again();
    assert_names(&console.failed_backup("repository_locked").await, &["password"]);
    console.kill();
    fs::write(&file, right).unwrap();
    console.start_again();
    console.good_backup().await;
    restic::check(&console);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_whose_index_is_gone_fails_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "data").unwrap();
    let console = Console::start(&directory("files", folder.path())).await;
    console.good_backup().await;
    let bucket = console.state_folder().join("s3").join(&console.environment()["NIGHTKEEP_BUCKET"]);
    fs::remove_dir_all(find(&bucket, "index").unwrap()).unwrap();
    assert_names(&console.failed_backup("repository_damaged").await, &["index", "restic"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_storage_loses_of_a_backup_fails_it() {
    let mut lost = BTreeSet::new();
    for number in 1.. {
        let alone = Alone::start().await;
        for folder in ["changing", "changing/within", "steady"] {
            fs::create_dir(alone.tree().join(folder)).unwrap();
            fs::write(alone.tree().join(folder).join("file"), folder).unwrap();
        }
        alone.backup(1, true).await;
        fs::write(alone.tree().join("changing/within/file"), "other data").unwrap();
        let (_, assignment) = alone.begin_backup(0).await;
        alone.lose(number);
        let ended = alone.agent(assignment).await;
        let written: Vec<_> = alone.writes().into_iter().filter(|write| write.starts_with("PUT ")).collect();
        let Some(object) = written.get(number - 1) else {
            let snapshots = matches!(ended.report, Some(Report::BackedUp { .. }));
            assert!(snapshots, "nothing was lost: {ended:?}");
            break;
        };
        let kind = object.split('/').rev().nth(1).unwrap();
        match &ended.report {
            Some(Report::Failed { cause: Cause::RepositoryDamaged { found } }) => {
                assert!(!found.is_empty(), "{object}");
                lost.insert(if kind.len() == 2 { "data" } else { kind }.to_owned());
            }
            // The engine's own snapshot is replaced by one that says how much is in it.
            Some(Report::BackedUp { snapshots }) if kind == "snapshots" => {
                let kept = alone.listed("snapshots/").await;
                for snapshot in snapshots {
                    assert!(!object.ends_with(&snapshot.id) && kept.contains_key(&snapshot.id), "{object}");
                }
            }
            Some(_) | None => panic!("{object} was lost: {ended:?}"),
        }
    }
    assert_eq!(lost, ["data", "index", "snapshots"].map(str::to_owned).into());
}

/// The folder below `path` whose name begins with `name`.
fn find(path: &Path, name: &str) -> Option<PathBuf> {
    fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        let here = path.file_name()?.to_str()?.starts_with(name);
        if here { Some(path) } else { find(&path, name) }
    })
}
