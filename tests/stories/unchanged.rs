//! What has not changed since the last backup is taken from it: that backup must be the same as one that
//! has read everything, whatever has changed beside it.

use std::{
    fs::{self, File, FileTimes, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{PermissionsExt, lchown, symlink},
    path::Path,
};

use nightkeep_domain::{
    cause::Cause,
    next::Settlement,
    operation::Report,
    record::{Size, Snapshot},
};
use nightkeep_tests::alone::{Alone, Ended};
use rustix::process::geteuid;

type Change = fn(&Path);

/// One after the other: what changes, and how many files are in folders that have not changed thereby.
const CHANGES: &[(&str, Change, u64)] = &[
    ("nothing", |_| {}, 9),
    ("the content of a file, but neither its size nor its time", same_size_and_time, 5),
    ("the mode of a file", |tree| mode(&tree.join("a/b/c/file"), 0o640), 5),
    ("the mode of a folder", |tree| mode(&tree.join("a/b/c"), 0o710), 5),
    ("an attribute of a file", |tree| attribute(&tree.join("a/b/c/file")), 5),
    ("an attribute of a folder", |tree| attribute(&tree.join("a/b")), 7),
    ("the owner of a file", |tree| owner(&tree.join("a/b/c/file")), 5),
    ("the owner of a link", |tree| owner(&tree.join("a/b/c/link")), 5),
    ("where a link leads", another_link, 5),
    (
        "a second name of a file",
        |tree| fs::hard_link(tree.join("steady/one"), tree.join("a/new")).unwrap(),
        6,
    ),
    ("a file above them all", |tree| fs::write(tree.join("top"), "other").unwrap(), 9),
    ("the folder itself", |tree| mode(tree, 0o750), 9),
    ("a folder with nothing in it", |tree| fs::create_dir(tree.join("a/b/c/new")).unwrap(), 5),
    ("a file in it", |tree| fs::write(tree.join("a/b/c/new/file"), "new").unwrap(), 5),
    ("the name of a folder", |tree| fs::rename(tree.join("a/b/c/new"), tree.join("a/b/c/old")).unwrap(), 5),
    ("a file that is gone", |tree| fs::remove_file(tree.join("a/b/c/old/file")).unwrap(), 5),
    ("a file in place of an empty folder", empty_folder_to_file, 5),
    ("a folder that is gone", |tree| fs::remove_dir_all(tree.join("a/b/c")).unwrap(), 5),
    ("a file in place of a folder", folder_to_file, 4),
    ("a folder in place of a file", file_to_folder, 4),
    ("nothing once more", |_| {}, 7),
];

fn same_size_and_time(tree: &Path) {
    let path = tree.join("a/b/c/file");
    let before = fs::metadata(&path).unwrap();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(&vec![b'x'; usize::try_from(before.len()).unwrap()]).unwrap();
    file.set_times(FileTimes::new().set_modified(before.modified().unwrap())).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn attribute(path: &Path) {
    xattr::set(path, "user.note", b"changed").unwrap();
}

/// Only root gives away what is its own; others may only say again whose it is, which is a change too.
fn owner(path: &Path) {
    let other = if geteuid().is_root() { 12_345 } else { geteuid().as_raw() };
    lchown(path, Some(other), None).unwrap();
}

fn another_link(tree: &Path) {
    fs::remove_file(tree.join("a/b/c/link")).unwrap();
    symlink("elsewhere", tree.join("a/b/c/link")).unwrap();
}

fn empty_folder_to_file(tree: &Path) {
    fs::remove_dir(tree.join("a/b/c/old")).unwrap();
    File::create(tree.join("a/b/c/old")).unwrap();
}

fn folder_to_file(tree: &Path) {
    fs::remove_dir_all(tree.join("a/side")).unwrap();
    fs::write(tree.join("a/side"), "was a folder").unwrap();
}

fn file_to_folder(tree: &Path) {
    fs::remove_file(tree.join("a/side")).unwrap();
    fs::create_dir(tree.join("a/side")).unwrap();
    fs::write(tree.join("a/side/x"), "in a folder again").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_what_has_changed_is_the_same_as_one_of_everything() {
    let alone = Alone::start().await;
    let tree = alone.tree();
    for folder in ["steady/deep", "steady/empty", "a/b/c", "a/side"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    for file in ["steady/one", "steady/deep/two", "a/b/other", "a/b/c/file", "a/side/x", "a/side/y", "top"] {
        fs::write(tree.join(file), file).unwrap();
    }
    fs::write(tree.join("steady/none"), "").unwrap();
    symlink("file", tree.join("a/b/c/link")).unwrap();
    end(&alone, made(alone_backup(&alone).await).1).await;

    for (what, change, expected) in CHANGES {
        change(&tree);
        let ended = alone_backup(&alone).await;
        assert_eq!(unchanged(&ended.log), Some(*expected), "{what}: {}", ended.log);
        let (grown, mut snapshots) = made(ended);
        // A record whose snapshot is gone is nothing to build upon.
        snapshots[0].id = "0".repeat(64);
        end(&alone, snapshots).await;
        let ended = alone_backup(&alone).await;
        assert_eq!(unchanged(&ended.log), None, "{what}: {}", ended.log);
        let (whole, snapshots) = made(ended);
        end(&alone, snapshots).await;

        assert_eq!(counted(&grown.size), counted(&whole.size), "{what}");
        let differences = alone.restic(&["diff", "--metadata", &grown.id, &whole.id]).await;
        let differences = String::from_utf8_lossy(&differences.stdout).into_owned();
        assert!(differences.contains("Files:"), "{differences}");
        assert!(!differences.contains(tree.to_str().unwrap()), "{what}: {differences}");
    }
    alone.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_changed_and_is_not_in_the_index_fails_the_backup() {
    let alone = Alone::start().await;
    let folder = alone.tree().join("folder");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), "data").unwrap();
    end(&alone, made(alone_backup(&alone).await).1).await;
    let index = alone.listed("index/").await;
    // From now on every tree is in the second index, and the data in the first alone.
    mode(&folder.join("file"), 0o640);
    end(&alone, made(alone_backup(&alone).await).1).await;
    for index in index.keys() {
        alone.put(&format!("index/{index}"), None).await;
    }
    let ended = alone_backup(&alone).await;
    let Some(Report::Failed { cause: Cause::RepositoryDamaged { found } }) = &ended.report else {
        panic!("{ended:?}")
    };
    assert!(found.contains("missing blobs in index"), "{found}");
}

async fn alone_backup(alone: &Alone) -> Ended {
    let (_, assignment) = alone.begin_backup(0).await;
    alone.agent(assignment).await
}

/// The snapshot of the only source, and all that are to settle the operation.
fn made(ended: Ended) -> (Snapshot, Vec<Snapshot>) {
    let Some(Report::BackedUp { snapshots }) = ended.report else { panic!("{ended:?}") };
    (snapshots[0].clone(), snapshots)
}

async fn end(alone: &Alone, snapshots: Vec<Snapshot>) {
    alone.settle(&Settlement::Success { snapshots }).await;
}

/// What a backup counts that does not depend on what was there before.
fn counted(size: &Size) -> (u64, u64) {
    (size.total_bytes, size.files)
}

/// How many files the agent has found unchanged, by its log.
fn unchanged(log: &str) -> Option<u64> {
    let line = log.lines().find(|line| line.contains("whole folders have not changed"))?;
    serde_json::from_str::<serde_json::Value>(line).ok()?["files"].as_u64()
}
