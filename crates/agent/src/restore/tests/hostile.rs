//! Nothing outside the source's folder is ever written: not by a snapshot that somebody forged, and not
//! by what somebody puts in the way while the restore runs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use nightkeep_domain::cause::Cause;
use proptest::{collection::vec, prelude::*, test_runner::Config};
use rustic_core::{
    TreeId,
    repofile::{Metadata, Node, NodeType, SnapshotFile},
};

use super::{
    tree::{assert_same, noise, portrait},
    world::World,
};

fn node(name: &str, kind: NodeType) -> Node {
    let metadata = Metadata { mode: Some(0o644), uid: Some(0), gid: Some(0), ..Metadata::default() };
    let mut node = Node::new_node("".as_ref(), kind, metadata);
    // As it is stored: a name that the engine would never write.
    name.clone_into(&mut node.name);
    node
}

fn folder(name: &str, tree: TreeId) -> Node {
    Node { subtree: Some(tree), ..node(name, NodeType::Dir) }
}

/// A tree that holds these nodes in the place of the source's folder.
fn as_source(world: &World, nodes: Vec<Node>) -> TreeId {
    let tree = world.put_tree(nodes);
    world
        .root
        .iter()
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(tree, |tree, name| world.put_tree(vec![folder(name.to_str().unwrap(), tree)]))
}

/// A world with a file in its source, and a forged snapshot of the source that holds `nodes`.
fn forged(nodes: Vec<Node>) -> (World, SnapshotFile) {
    let world = World::new();
    fs::write(world.path("file"), "content").unwrap();
    let mut snapshot = world.back_up();
    snapshot.tree = as_source(&world, nodes);
    (world, snapshot)
}

fn assert_refused(nodes: Vec<Node>, expected: &str) {
    let (world, snapshot) = forged(nodes);
    let before = portrait(world.folder.path());
    let cause = world.refusal(&snapshot);
    assert!(matches!(cause, Cause::SnapshotRefused { .. }), "{cause}");
    assert!(cause.to_string().contains(expected), "{expected}: {cause}");
    // Nothing was touched, neither inside nor outside.
    assert_same(&before, &portrait(world.folder.path()));
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_anything_is_touched() {
    for name in ["..", ".", "", "a/b", "/etc/passwd", "../outside", "\\x2e\\x2e", "a\\x2fb", "a\\x00b"] {
        let shown = if name.is_empty() { "is empty" } else { "it holds the name" };
        assert_refused(vec![node("file", NodeType::File), node(name, NodeType::File)], shown);
    }
}

#[test]
fn a_folder_that_leads_elsewhere_is_refused_at_any_depth() {
    let world = World::new();
    let inner = world.put_tree(vec![node("file", NodeType::File)]);
    assert_refused(vec![folder("..", inner)], "..");
    let (world, mut snapshot) = forged(vec![node("file", NodeType::File)]);
    let inner = world.put_tree(vec![node("..", NodeType::Fifo)]);
    let middle = world.put_tree(vec![folder("below", inner)]);
    snapshot.tree = as_source(&world, vec![folder("deep", middle)]);
    let cause = world.refusal(&snapshot);
    assert!(cause.to_string().contains("deep/below: it holds the name \"..\""), "{cause}");
    assert_eq!(fs::read(world.path("file")).unwrap(), b"content");
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    // A link and a folder of one name: what is in the folder would be written through the link.
    let link = NodeType::Symlink { linktarget: "/tmp".into(), linktarget_raw: None };
    assert_refused(
        vec![node("twice", link), node("twice", NodeType::File)],
        "twice: the name is there twice",
    );
}

#[test]
fn what_no_file_can_be_is_refused() {
    let nobody = Metadata { uid: Some(u32::MAX), ..Metadata::default() };
    assert_refused(
        vec![Node { meta: nobody, ..node("odd", NodeType::File) }],
        "odd: it has an owner that nobody can be",
    );
    let empty = NodeType::Symlink { linktarget: String::new(), linktarget_raw: None };
    assert_refused(vec![node("odd", empty)], "odd: it is a symbolic link");
    assert_refused(vec![node("odd", NodeType::Dir)], "odd: it is a folder without a content");
    let long = Metadata { size: 10, ..Metadata::default() };
    assert_refused(
        vec![Node { meta: long, ..node("odd", NodeType::File) }],
        "its content is 0 bytes long, but its size is 10",
    );
}

#[test]
fn a_snapshot_that_the_repository_does_not_hold_is_found_out_before_anything_is_touched() {
    let missing = serde_json::from_str(&format!("[\"{}\"]", "ab".repeat(32))).unwrap();
    let (world, snapshot) = forged(vec![Node { content: missing, ..node("lost", NodeType::File) }]);
    let before = portrait(world.folder.path());
    let cause = world.refusal(&snapshot);
    assert!(matches!(cause, Cause::RepositoryDamaged { .. }), "{cause}");
    assert_same(&before, &portrait(world.folder.path()));
}

/// A world whose source has a folder in a folder with much to restore, and a folder outside.
fn spread() -> (World, SnapshotFile, PathBuf) {
    let world = World::new();
    fs::create_dir_all(world.path("one/two")).unwrap();
    for number in 0..6_u8 {
        fs::write(world.path(&format!("one/two/{number}")), noise(number.into(), 6 << 20)).unwrap();
    }
    let snapshot = world.back_up();
    let outside = world.folder.path().join("outside");
    fs::create_dir_all(outside.join("two")).unwrap();
    fs::write(outside.join("two/0"), "not ours").unwrap();
    (world, snapshot, outside)
}

fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[test]
fn a_symbolic_link_put_in_the_way_at_any_level_leads_nowhere() {
    for level in ["one", "one/two"] {
        let (world, snapshot, outside) = spread();
        let outside = if level == "one" { outside } else { outside.join("two") };
        empty(&world.path("one/two"));
        let before = portrait(&outside);
        let (way, aside, to) = (world.path(level), world.folder.path().join("aside"), outside.clone());
        world.store.meanwhile(move |count| {
            if count == 0 {
                fs::rename(&way, &aside).unwrap();
                symlink(&to, &way).unwrap();
            }
        });
        let cause = world.refusal(&snapshot);
        assert!(
            matches!(&cause, Cause::TargetUnwritable { why, .. } if why.contains("Not a directory")),
            "{cause}"
        );
        assert_same(&before, &portrait(&outside));
        // The next restore removes the link and puts the folder in its place.
        *world.store.meanwhile.lock().unwrap() = None;
        world.restore(&snapshot);
        assert!(world.path(level).symlink_metadata().unwrap().is_dir());
        assert_same(&before, &portrait(&outside));
    }
}

#[test]
fn a_symbolic_link_in_the_place_of_an_unfinished_file_leads_nowhere() {
    let (world, snapshot, outside) = spread();
    empty(&world.path("one/two"));
    let before = portrait(&outside);
    let (folder, to) = (world.path("one/two"), outside.join("two/0"));
    world.store.meanwhile(move |_| {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".nightkeep-restore-")
                && fs::remove_file(entry.path()).is_ok()
            {
                let _ = symlink(&to, entry.path());
            }
        }
    });
    // Whether it notices depends on which file was in the making; where it writes does not.
    let result = world.restore_with(&snapshot);
    assert_same(&before, &portrait(&outside));
    *world.store.meanwhile.lock().unwrap() = None;
    world.restore(&snapshot);
    assert_same(&before, &portrait(&outside));
    drop(result);
}

#[test]
fn whatever_somebody_does_all_the_time_nothing_outside_is_written_or_removed() {
    let (world, snapshot, outside) = spread();
    let before = portrait(&outside);
    let done = Arc::new(AtomicBool::new(false));
    let (way, aside, to, stop) =
        (world.path("one"), world.folder.path().join("aside"), outside.clone(), Arc::clone(&done));
    let other = thread::spawn(move || {
        while !stop.load(SeqCst) {
            // Each of these fails when the restore was faster.
            let _ = fs::rename(&way, &aside);
            let _ = symlink(&to, &way);
            let _ = fs::remove_file(&way);
            let _ = fs::rename(&aside, &way);
        }
    });
    for _ in 0..30 {
        // It may succeed or fail.
        let _ = world.restore_with(&snapshot);
        assert_same(&before, &portrait(&outside));
    }
    done.store(true, SeqCst);
    other.join().unwrap();
    world.restore(&snapshot);
    assert_same(&before, &portrait(&outside));
}

/// What somebody may have forged: a name, what it is, and what it leads to.
fn entry() -> impl Strategy<Value = (String, u8, String)> {
    let names = ["[a-c./\\\\\u{0}]{0,6}", "(\\.\\./){1,4}outside", "/[a-c]{1,3}", "[a-c]{1,2}"];
    let [any, up, absolute, plain] = names;
    let name = prop_oneof![any, up, absolute, plain];
    (name, 0..4_u8, prop_oneof![Just("../../outside".to_owned()), Just("/".to_owned()), "[a-c./]{1,8}"])
}

proptest! {
    #![proptest_config(Config { cases: 40, ..Config::default() })]

    /// Whatever a forged snapshot names, at any depth: nothing outside the source's folder changes.
    #[test]
    fn whatever_a_snapshot_names_nothing_outside_is_written(entries in vec(entry(), 1..6), deep in vec(entry(), 0..4)) {
        let world = World::new();
        let node_of = |(name, kind, target): (String, u8, String)| match kind {
            0 => node(&name, NodeType::File),
            1 => folder(&name, world.put_tree(vec![node("inner", NodeType::File)])),
            2 => node(&name, NodeType::Symlink { linktarget: target, linktarget_raw: None }),
            _ => node(&name, NodeType::Fifo),
        };
        let deep = deep.into_iter().map(&node_of).collect();
        let mut nodes: Vec<Node> = entries.into_iter().map(&node_of).collect();
        nodes.push(folder("a", world.put_tree(deep)));
        fs::write(world.path("file"), "content").unwrap();
        let outside = world.folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "precious").unwrap();
        let mut snapshot = world.back_up();
        snapshot.tree = as_source(&world, nodes);
        let around = || {
            let all = portrait(world.folder.path());
            let root = world.root.strip_prefix(world.folder.path()).unwrap().to_str().unwrap().as_bytes().to_vec();
            all.into_iter().filter(|(path, _)| !path.starts_with(&root)).collect::<std::collections::BTreeMap<_, _>>()
        };
        let before = around();
        // It may be refused, or there may be nothing wrong with it.
        let _ = world.restore_with(&snapshot);
        prop_assert_eq!(before, around());
    }
}
