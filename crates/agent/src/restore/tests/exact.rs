//! A restore makes the source exactly as it was.

use std::{
    fs::{self, File, FileTimes},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    sync::atomic::Ordering::SeqCst,
};

use jiff::Timestamp;
use nightkeep_domain::cause::Cause;

use super::{
    tree::{assert_same, many, modified, noise, plant, portrait, set_time, spoil},
    world::{World, is_tidy},
};
use crate::restore::Restored;

#[test]
fn a_tree_that_was_changed_in_every_way_is_exactly_as_it_was() {
    let world = World::new();
    plant(&world.root, 10_000);
    let (before, snapshot) = (portrait(&world.root), world.back_up());
    let untouched = world.path(&many(30)).symlink_metadata().unwrap();
    spoil(&world.root);
    let restored = world.restore(&snapshot);
    assert_same(&before, &portrait(&world.root));
    let after = world.path(&many(30)).symlink_metadata().unwrap();
    assert_eq!((after.ino(), after.ctime_nsec()), (untouched.ino(), untouched.ctime_nsec()));
    assert!(restored.written > 20 && restored.written < 300, "{restored:?}");
    // Once more, and there is nothing to do.
    assert_eq!(world.restore(&snapshot), Restored::default());
    assert_same(&before, &portrait(&world.root));
}

#[test]
fn a_source_that_is_gone_is_restored_from_nothing_and_a_moved_one_where_it_is_now() {
    let mut world = World::new();
    plant(&world.root, 500);
    let (before, snapshot) = (portrait(&world.root), world.back_up());
    fs::rename(&world.root, world.folder.path().join("away")).unwrap();
    world.restore(&snapshot);
    assert_same(&before, &portrait(&world.root));
    world.root = world.folder.path().join("moved/to here");
    world.restore(&snapshot);
    assert_same(&before, &portrait(&world.root));
    // What was not there is not there: it is a hole.
    let sparse = world.path("sparse").metadata().unwrap();
    assert!(sparse.blocks() * 512 < 16 << 20, "{} blocks", sparse.blocks());
}

#[test]
fn an_edit_that_kept_size_and_time_is_found_by_content() {
    let world = World::new();
    plant(&world.root, 50);
    let (before, snapshot) = (portrait(&world.root), world.back_up());
    for name in [many(40), "large".to_owned()] {
        let path = world.path(&name);
        let time = modified(&path);
        let mut content = fs::read(&path).unwrap();
        *content.last_mut().unwrap() ^= 1;
        fs::write(&path, content).unwrap();
        File::open(&path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    // A time alone that is wrong costs no download then.
    set_time(&world.path(&many(41)), 1, 1);
    let restored = world.restore_with(&snapshot).unwrap();
    assert_eq!((restored.written, restored.repaired), (2, 1));
    assert_same(&before, &portrait(&world.root));
}

#[test]
fn s15_a_restore_that_was_cut_short_is_completed_by_the_next() {
    let world = World::new();
    plant(&world.root, 1000);
    fs::create_dir(world.path("noise")).unwrap();
    for number in 0..8_u8 {
        fs::write(world.path(&format!("noise/{number}")), noise(100 + u64::from(number), 5 << 20)).unwrap();
    }
    let (before, snapshot) = (portrait(&world.root), world.back_up());
    for reads in [0, 1, 8] {
        fs::remove_dir_all(world.path("noise")).unwrap();
        fs::remove_dir_all(world.path("many")).unwrap();
        world.store.reads_left.store(reads, SeqCst);
        let error = world.restore_with(&snapshot).unwrap_err();
        assert!(error.to_string().contains("the storage is gone"), "{error:#}");
        // What it was writing itself it takes away. Had it been killed it could not have.
        assert!(is_tidy(&world.root));
        fs::write(world.path("closed/.nightkeep-restore-00112233-1"), noise(1, 1000)).unwrap();
        fs::create_dir_all(world.path(".nightkeep-restore-00112233-2/moved aside")).unwrap();
        world.store.reads_left.store(i64::MAX, SeqCst);
        world.restore(&snapshot);
        assert_same(&before, &portrait(&world.root));
    }
}

#[test]
fn a_file_that_is_named_like_an_unfinished_one_is_kept_if_it_was_backed_up() {
    let world = World::new();
    fs::write(world.path(".nightkeep-restore-mine"), "mine").unwrap();
    let (before, snapshot) = (portrait(&world.root), world.back_up());
    world.restore(&snapshot);
    assert_same(&before, &portrait(&world.root));
}

#[test]
fn progress_counts_what_is_written() {
    let world = World::new();
    plant(&world.root, 100);
    let snapshot = world.back_up();
    fs::write(world.path("large"), "edited").unwrap();
    fs::remove_file(world.path("a link")).unwrap();
    let fresh = crate::progress::Tally::default();
    let restored = world.with_blobs(|blobs| {
        crate::restore::directory(blobs, &snapshot, "data", &world.root, &fresh, &|| Ok(()))
    });
    assert_eq!(restored.unwrap(), Restored { written: 2, bytes: 24 << 20, repaired: 0, removed: 0 });
    let progress = fresh.progress(Timestamp::UNIX_EPOCH);
    assert_eq!((progress.done_bytes, progress.total_bytes), (24 << 20, Some(24 << 20)));
    assert_eq!((progress.done_files, progress.total_files), (2, Some(2)));
    assert_eq!(progress.source.as_deref(), Some("data"));
}

#[test]
fn s23_what_cannot_be_written_is_named() {
    let world = World::new();
    fs::write(world.path("file"), "content").unwrap();
    let snapshot = world.back_up();
    fs::remove_dir_all(&world.root).unwrap();
    fs::write(&world.root, "a file in the place of the folder").unwrap();
    let cause = world.refusal(&snapshot);
    assert!(
        matches!(&cause, Cause::TargetUnwritable { path, .. } if *path == world.root.display().to_string()),
        "{cause}"
    );
}

#[test]
fn s11_a_disk_that_is_full_is_named() {
    let mount = SmallDisk::mount();
    let mut world = World::new();
    fs::write(world.path("large"), noise(1, 8 << 20)).unwrap();
    fs::write(world.path("small"), "small").unwrap();
    let snapshot = world.back_up();
    world.root = mount.path.path().join("data");
    let cause = world.refusal(&snapshot);
    assert!(
        matches!(&cause, Cause::TargetUnwritable { path, why, .. }
        if path.ends_with("large") && why.contains("No space left")),
        "{cause}"
    );
    assert!(is_tidy(&world.root));
}

/// A file system of a few MiB, which only root can have.
struct SmallDisk {
    path: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Self {
        let path = tempfile::TempDir::new().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(path.path());
        assert!(mount.status().unwrap().success());
        Self { path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.path.path()).status();
    }
}

#[test]
fn a_name_outside_is_neither_followed_nor_changed() {
    let world = World::new();
    let outside = world.folder.path().join("outside");
    fs::write(&outside, "not ours").unwrap();
    fs::write(world.path("file"), "not ours").unwrap();
    fs::write(world.path("other"), "content").unwrap();
    fs::write(world.path("third"), "third").unwrap();
    fs::hard_link(world.path("third"), world.folder.path().join("third outside")).unwrap();
    set_time(&world.path("file"), 100, 0);
    fs::set_permissions(world.path("file"), fs::Permissions::from_mode(0o640)).unwrap();
    let (before, snapshot) = (portrait(&world.root), world.back_up());
    fs::remove_file(world.path("file")).unwrap();
    set_time(&outside, 100, 0);
    // Size and time are right, so only the mode would have to be changed: in a file that is not ours.
    fs::hard_link(&outside, world.path("file")).unwrap();
    fs::remove_file(world.path("other")).unwrap();
    symlink(&outside, world.path("other")).unwrap();
    world.restore(&snapshot);
    assert_same(&before, &portrait(&world.root));
    let metadata = outside.metadata().unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.nlink()), (0o644, 1));
    assert_eq!(fs::read(&outside).unwrap(), b"not ours");
    // A name that it had outside already is kept.
    assert_eq!(world.path("third").metadata().unwrap().nlink(), 2);
}
