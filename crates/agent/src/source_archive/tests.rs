//! Archives of real folders, judged by the program `tar`.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use nightkeep_domain::cause::Cause;
use tempfile::TempDir;
use walkdir::WalkDir;

use super::{pack::pack, tree::Tree};
use crate::progress::Tally;

/// A folder with these files; a path that ends in a slash is a folder.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        if path.as_os_str().as_bytes().ends_with(b"/") {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
    folder
}

fn archive(folder: &Path, with_git: bool) -> anyhow::Result<Vec<u8>> {
    pack(&Tree::new(folder.to_path_buf(), with_git), &Tally::default(), Vec::new())
}

/// What the program `tar` makes of an archive.
fn unpacked(archive: &[u8]) -> TempDir {
    let into = TempDir::new().unwrap();
    let file = into.path().join("archive.tar.gz");
    fs::write(&file, archive).unwrap();
    let tar =
        Command::new("tar").args(["-xpzf", "archive.tar.gz"]).current_dir(into.path()).output().unwrap();
    assert!(tar.status.success() && tar.stderr.is_empty(), "{}", String::from_utf8_lossy(&tar.stderr));
    fs::remove_file(file).unwrap();
    into
}

/// The names in an archive, in its order, as `tar` prints them.
fn listed(archive: &[u8]) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("archive.tar.gz");
    fs::write(&file, archive).unwrap();
    let tar = Command::new("tar").env("LC_ALL", "C").arg("-tzf").arg(&file).output().unwrap();
    assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
    String::from_utf8(tar.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Everything in a folder: kind, mode, time to the second, and content or target.
fn described(folder: &Path) -> BTreeMap<PathBuf, (char, u32, i64, Vec<u8>)> {
    let describe = |entry: walkdir::DirEntry| {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let (kind, content) = if metadata.is_dir() {
            ('d', Vec::new())
        } else if metadata.is_symlink() {
            ('l', fs::read_link(path).unwrap().into_os_string().as_bytes().to_vec())
        } else {
            ('f', fs::read(path).unwrap())
        };
        let name = path.strip_prefix(folder).unwrap().to_path_buf();
        (name, (kind, metadata.mode(), metadata.mtime(), content))
    };
    WalkDir::new(folder).min_depth(1).into_iter().map(|entry| describe(entry.unwrap())).collect()
}

fn set_time(path: &Path, seconds: i64) {
    let time = Timestamp::from_second(seconds).unwrap().into();
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// A tree with all that is awkward in one.
fn awkward() -> TempDir {
    let tree = folder(&[("src/main.rs", "fn main() {}\n"), ("empty/", ""), ("src/empty file", "")]);
    let root = tree.path();
    fs::write(root.join(OsStr::from_bytes(b"no text \xff\xfe")), "bytes").unwrap();
    fs::write(root.join("line\nbreak and \\ and \"quote\""), "name").unwrap();
    fs::write(root.join("-rf"), "option").unwrap();
    let long = format!("{0}/{0}/{0}", "long".repeat(40));
    fs::create_dir_all(root.join(&long)).unwrap();
    for name in ["x".repeat(255), "ü".repeat(127)] {
        fs::write(root.join(&long).join(&name), name.as_bytes()).unwrap();
    }
    // Long from its first byte on, and not text.
    fs::write(root.join(OsStr::from_bytes(&[0xfe; 200])), "bytes").unwrap();
    for length in 98..=102 {
        fs::write(root.join("n".repeat(length)), length.to_string()).unwrap();
        symlink("t".repeat(length), root.join(format!("target of {length}"))).unwrap();
        fs::create_dir(root.join("d".repeat(length))).unwrap();
    }
    symlink("src/main.rs", root.join("link")).unwrap();
    symlink("../../etc//./passwd/", root.join("src/out")).unwrap();
    symlink("/nowhere", root.join("dangling")).unwrap();
    symlink(".", root.join("around")).unwrap();
    symlink(OsStr::from_bytes(&[0xfe; 300]), root.join("link to no text")).unwrap();
    fs::hard_link(root.join("src/main.rs"), root.join("other name")).unwrap();
    fs::write(root.join("script"), "#!/bin/sh\n").unwrap();
    for (path, mode) in [("script", 0o4755), ("empty", 0o1777), ("src/main.rs", 0o640)] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let paths: Vec<PathBuf> = WalkDir::new(root)
        .contents_first(true)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| !entry.path_is_symlink())
        .map(walkdir::DirEntry::into_path)
        .collect();
    for (path, second) in paths.iter().zip(1_000_000_000..) {
        set_time(path, second);
    }
    tree
}

#[test]
fn r12_an_archive_unpacks_to_the_same_tree() {
    let tree = awkward();
    let unpacked = unpacked(&archive(tree.path(), false).unwrap());
    let (expected, found) = (described(tree.path()), described(unpacked.path()));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert_eq!(found, expected);
}

#[test]
fn r12_the_same_tree_gives_the_same_bytes() {
    let tree = awkward();
    let first = archive(tree.path(), false).unwrap();
    assert!(first == archive(tree.path(), false).unwrap());
    // Elsewhere, made in another order, by somebody else.
    let copy = TempDir::new().unwrap();
    let copied = Command::new("cp")
        .args(["--recursive", "--preserve=mode,timestamps", "--no-dereference"])
        .args([tree.path().join("."), copy.path().to_path_buf()])
        .status()
        .unwrap();
    assert!(copied.success());
    // The time of a link cannot be set with the standard library; `cp` keeps it.
    assert!(first == archive(copy.path(), false).unwrap());
    assert_eq!(first[3..8], [0; 5], "the gzip header has a name or a time");
}

#[test]
fn r12_entries_are_sorted_and_belong_to_nobody() {
    let tree = folder(&[("b/z", ""), ("b/a", ""), ("b.txt", ""), ("B", ""), ("a/", ""), ("ä", "")]);
    let bytes = archive(tree.path(), false).unwrap();
    assert_eq!(listed(&bytes), ["B", "a/", "b/", "b/a", "b/z", "b.txt", "\\303\\244"]);
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*bytes));
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!((header.username(), header.groupname()), (Ok(Some("")), Ok(Some(""))));
    }
}

#[test]
fn r12_gitignore_decides_without_a_repository_too() {
    let files = [
        (".gitignore", "target/\n*.log\n!keep.log\n/only-here\n# comment\nsecret\\ file\n**/deep/*.tmp\n"),
        (".hidden", ""),
        (".ignore", "everything\n"),
        ("a.log", ""),
        ("everything", ""),
        ("keep.log", ""),
        ("only-here", ""),
        ("secret file", ""),
        ("src/.gitignore", "!b.log\nlocal\n/nested/*\n!/nested/kept\n"),
        ("src/a.log", ""),
        ("src/b.log", ""),
        ("src/deep/x.tmp", ""),
        ("src/local/x", ""),
        ("src/nested/gone", ""),
        ("src/nested/kept", ""),
        ("src/only-here", ""),
        ("src/target/x", ""),
        ("target/x", ""),
        ("tools/local", ""),
        ("tools/target", "a file, not a folder"),
    ];
    let kept = [
        ".gitignore",
        ".hidden",
        ".ignore",
        "everything",
        "keep.log",
        "src/",
        "src/.gitignore",
        "src/b.log",
        "src/deep/",
        "src/nested/",
        "src/nested/kept",
        "src/only-here",
        "tools/",
        "tools/local",
        "tools/target",
    ];
    let tree = folder(&files);
    assert_eq!(listed(&archive(tree.path(), false).unwrap()), kept);
    // In a repository it is the same, and its rules hold in a folder of it.
    fs::create_dir(tree.path().join(".git")).unwrap();
    assert_eq!(listed(&archive(tree.path(), false).unwrap()), kept);
    let part = listed(&archive(&tree.path().join("src"), false).unwrap());
    assert_eq!(part, [".gitignore", "b.log", "deep/", "nested/", "nested/kept", "only-here"]);
}

#[test]
fn r12_rules_above_a_folder_that_is_in_no_repository_do_not_count() {
    let tree = folder(&[(".gitignore", "*"), ("app/a", "")]);
    assert_eq!(listed(&archive(&tree.path().join("app"), false).unwrap()), ["a"]);
}

#[test]
fn r12_git_is_left_out_unless_told_otherwise_and_then_is_whole() {
    let tree = folder(&[
        (".gitignore", "*.log\nobjects\n"),
        (".git/HEAD", ""),
        (".git/logs/x.log", ""),
        (".git/objects/00/1", ""),
        ("a", ""),
        ("a.log", ""),
        ("module/.git", "gitdir: ../.git/modules/module\n"),
        ("module/b", ""),
    ]);
    assert_eq!(listed(&archive(tree.path(), false).unwrap()), [".gitignore", "a", "module/", "module/b"]);
    let with_git = listed(&archive(tree.path(), true).unwrap());
    let git = [".git/", ".git/HEAD", ".git/logs/", ".git/logs/x.log", ".git/objects/", ".git/objects/00/"];
    assert_eq!(with_git[..6], git);
    assert_eq!(with_git[6..], [".git/objects/00/1", ".gitignore", "a", "module/", "module/.git", "module/b"]);
}

#[test]
fn r12_what_is_neither_file_nor_folder_nor_link_is_left_out() {
    let tree = folder(&[("a", "")]);
    let _listener = UnixListener::bind(tree.path().join("socket")).unwrap();
    let pipe = Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap();
    assert!(pipe.success() && fs::metadata(tree.path().join("pipe")).unwrap().file_type().is_fifo());
    assert_eq!(listed(&archive(tree.path(), false).unwrap()), ["a"]);
}

#[test]
fn r12_a_folder_of_which_nothing_is_left_is_a_failure() {
    let tree = folder(&[(".git/HEAD", ""), (".gitignore", "*")]);
    let cause = archive(tree.path(), false).unwrap_err().downcast::<Cause>().unwrap();
    assert!(matches!(cause, Cause::SourceEmpty { .. }), "{cause}");
}

#[test]
fn s23_what_cannot_be_read_is_named_and_is_a_failure() {
    // Longer than the system takes in one piece, and thereby unreadable for every user.
    let tree = folder(&[("a/", ""), ("b/", "")]);
    let long = ["d".repeat(250).as_str(); 12].join("/");
    for half in ["a", "b"] {
        fs::create_dir_all(tree.path().join(half).join(&long)).unwrap();
    }
    fs::rename(tree.path().join("b"), tree.path().join("a").join(&long).join("b")).unwrap();
    let cause = archive(tree.path(), false).unwrap_err().downcast::<Cause>().unwrap();
    let Cause::SourceUnreadable { source, path, why, more: 0 } = &cause else { panic!("{cause}") };
    assert_eq!(source, "source code");
    assert!(path.starts_with(tree.path().to_str().unwrap()), "{path}");
    assert!(why.contains("File name too long"), "{why}");
}
