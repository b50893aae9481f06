//! A tree as awkward as real ones, what can happen to it, and what makes two trees the same.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, FileTimes, Permissions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
        net::UnixListener,
    },
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use sha2::{Digest, Sha256};

/// Bytes that look random and are the same each time.
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(super) fn set_time(path: &Path, seconds: u64, part: u32) {
    let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::new(seconds, part));
    File::open(path).unwrap().set_times(times).unwrap();
}

/// The folder of the file `number` of many.
pub(super) fn many(number: usize) -> String {
    format!("many/{:02}/{:02}/file {number}.txt", number / 1000, number / 50 % 20)
}

/// Fills `root` with `files` small files and one of everything else.
pub(super) fn plant(root: &Path, files: usize) {
    for number in 0..files {
        let path = root.join(many(number));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(number as u64, number % 3000)).unwrap();
    }
    fs::write(root.join("large"), noise(1, 24 << 20)).unwrap();
    fs::write(root.join("large again"), noise(1, 24 << 20)).unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::create_dir_all(root.join("an empty folder")).unwrap();
    let mut sparse = File::create(root.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(40 << 20)).unwrap();
    sparse.write_all(b"the end").unwrap();
    sparse.set_len(64 << 20).unwrap();

    symlink("large", root.join("a link")).unwrap();
    symlink("nowhere/at all", root.join("a dangling link")).unwrap();
    symlink("many", root.join("a link to a folder")).unwrap();
    symlink(OsStr::from_bytes(b"not utf-8 \xff\xfe"), root.join("an odd link")).unwrap();
    fs::create_dir(root.join("hard")).unwrap();
    fs::write(root.join("hard/one"), "one file, three names").unwrap();
    fs::hard_link(root.join("hard/one"), root.join("hard/two")).unwrap();
    fs::hard_link(root.join("hard/one"), root.join("three")).unwrap();
    symlink("a target", root.join("hard/link")).unwrap();
    fs::hard_link(root.join("hard/link"), root.join("hard/link again")).unwrap();

    let names: [&[u8]; 7] = [
        b"no utf-8 \xff\x80",
        b"line\nbreak",
        b"quote\"s and \\",
        "日本語 🏰".as_bytes(),
        b" spaces ",
        b"-rf",
        b"\x01",
    ];
    for name in names {
        fs::write(root.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(root.join("x".repeat(255)), "the longest name").unwrap();
    mknodat(CWD, root.join("a pipe"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    drop(UnixListener::bind(root.join("a socket")).unwrap());

    for (name, mode) in [("mode 0", 0o000), ("mode 400", 0o400), ("mode 4755", 0o4755), ("mode 2640", 0o2640)]
    {
        fs::write(root.join(name), name).unwrap();
        if is_root() {
            chown(root.join(name), Some(12_345), Some(54_321)).unwrap();
        }
        let mode = if mode == 0 && !is_root() { 0o400 } else { mode };
        fs::set_permissions(root.join(name), Permissions::from_mode(mode)).unwrap();
    }
    if is_root() {
        let device = rustix::fs::makedev(1, 3);
        mknodat(CWD, root.join("a device"), FileType::CharacterDevice, Mode::from_raw_mode(0o666), device)
            .unwrap();
        xattr::set(root.join("hard/link"), "trusted.of", b"a link").unwrap();
    }
    fs::write(root.join("attributes"), "with attributes").unwrap();
    xattr::set(root.join("attributes"), "user.colour", b"indigo").unwrap();
    xattr::set(root.join("attributes"), "user.bytes", &noise(3, 1500)).unwrap();
    xattr::set(root.join("an empty folder"), "user.kind", b"folder").unwrap();
    fs::create_dir_all(root.join("shared/of all")).unwrap();
    fs::set_permissions(root.join("shared"), Permissions::from_mode(0o3777)).unwrap();
    fs::create_dir_all(root.join("closed/inside")).unwrap();
    fs::write(root.join("closed/inside/file"), "read only").unwrap();
    fs::set_permissions(root.join("closed/inside"), Permissions::from_mode(0o555)).unwrap();
    set_time(&root.join("empty"), 86_400, 123_456_789);
    set_time(&root.join("many/00"), 86_400, 999_999_999);
    let before_1970 = FileTimes::new().set_modified(UNIX_EPOCH - Duration::new(10, 250_000_000));
    File::open(root.join("attributes")).unwrap().set_times(before_1970).unwrap();
    fs::set_permissions(root, Permissions::from_mode(0o751)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Changes the tree in every way. What it does in silence, keeping size and time, is not in here.
pub(super) fn spoil(root: &Path) {
    let at = |name: &str| root.join(name);
    // Edited, one of them keeping its size; deleted, added, renamed.
    fs::write(at(&many(1)), "edited").unwrap();
    fs::write(at(&many(2002)), noise(99, 2002)).unwrap();
    fs::write(at("large"), noise(7, 1000)).unwrap();
    File::options().write(true).open(at("large again")).unwrap().set_len(1 << 20).unwrap();
    fs::write(at("empty"), "not any more").unwrap();
    fs::remove_file(at(&many(3))).unwrap();
    fs::remove_dir_all(at("many/01/05")).unwrap();
    fs::rename(at("many/00/02"), at("many/renamed")).unwrap();
    fs::rename(at(&many(7)), at("moved away")).unwrap();
    fs::create_dir_all(at("added/deep/down")).unwrap();
    fs::write(at("added/deep/down/file"), "added").unwrap();
    fs::set_permissions(at("added/deep"), Permissions::from_mode(0o500)).unwrap();
    symlink("/etc/passwd", at("added/link")).unwrap();
    // Kinds that changed into each other.
    fs::remove_file(at("a link to a folder")).unwrap();
    fs::create_dir(at("a link to a folder")).unwrap();
    fs::write(at("a link to a folder/file"), "in the way").unwrap();
    fs::remove_dir_all(at("an empty folder")).unwrap();
    symlink("hard", at("an empty folder")).unwrap();
    fs::remove_file(at(&many(11))).unwrap();
    fs::create_dir_all(at(&many(11)).join("a folder/in the way")).unwrap();
    fs::remove_dir_all(at("shared")).unwrap();
    fs::write(at("shared"), "a file").unwrap();
    fs::remove_file(at("a pipe")).unwrap();
    fs::write(at("a pipe"), "a file").unwrap();
    fs::remove_file(at("a link")).unwrap();
    symlink("elsewhere", at("a link")).unwrap();
    fs::remove_file(at(&many(12))).unwrap();
    symlink("/dev/null", at(&many(12))).unwrap();
    // Names of one file, broken and joined wrongly.
    fs::remove_file(at("hard/two")).unwrap();
    fs::write(at("hard/two"), "one file, three names").unwrap();
    fs::remove_file(at("hard/link again")).unwrap();
    fs::hard_link(at("hard/link"), at("hard/link thrice")).unwrap();
    fs::remove_file(at(&many(5000))).unwrap();
    fs::hard_link(at(&many(5001)), at(&many(5000))).unwrap();
    fs::hard_link(at(&many(5010)), at("another name")).unwrap();
    // Metadata alone.
    fs::set_permissions(at(&many(20)), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(at("many"), Permissions::from_mode(0o711)).unwrap();
    fs::set_permissions(at("mode 4755"), Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        chown(at(&many(21)), Some(1), Some(2)).unwrap();
        chown(at("mode 2640"), Some(0), Some(0)).unwrap();
        chown(at("closed"), Some(3), None).unwrap();
        std::os::unix::fs::lchown(at("a dangling link"), Some(9), Some(9)).unwrap();
    }
    xattr::set(at("attributes"), "user.colour", b"red").unwrap();
    xattr::remove(at("attributes"), "user.bytes").unwrap();
    xattr::set(at("attributes"), "user.new", b"").unwrap();
    xattr::set(at("closed"), "user.new", b"on a folder").unwrap();
    set_time(&at("closed/inside"), 5, 5);
    set_time(&at("hard"), 6, 6);
}

/// Everything that a restore has to bring back, by path: the root included, under an empty path.
pub(super) fn portrait(root: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut first_names: BTreeMap<(u64, u64), Vec<u8>> = BTreeMap::new();
    let mut portrait = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        let metadata = entry.path().symlink_metadata().unwrap();
        let kind = metadata.file_type();
        let content = if kind.is_symlink() {
            format!("link to {:?}", fs::read_link(entry.path()).unwrap())
        } else if kind.is_file() {
            let mut content = Vec::new();
            File::open(entry.path()).unwrap().read_to_end(&mut content).unwrap();
            format!("{} bytes, {}", content.len(), hex::encode(Sha256::digest(content)))
        } else {
            let (pipe, socket) = (kind.is_fifo(), kind.is_socket());
            format!("folder {}, pipe {pipe}, socket {socket}, device {}", kind.is_dir(), metadata.rdev())
        };
        let first = first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.clone());
        let names = if kind.is_dir() { 0 } else { metadata.nlink() };
        let attributes: BTreeMap<_, _> = xattr::list(entry.path())
            .unwrap()
            .map(|name| (name.clone(), xattr::get(entry.path(), &name).unwrap()))
            .collect();
        let line = format!(
            "{content}; mode {:o}; owner {}:{}; modified {}.{:09}; {names} names, same as {:?}; {attributes:?}",
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            String::from_utf8_lossy(first),
        );
        portrait.insert(path, line);
    }
    portrait
}

/// Fails with the first differences of two trees.
pub(super) fn assert_same(before: &BTreeMap<Vec<u8>, String>, after: &BTreeMap<Vec<u8>, String>) {
    let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    let differences: Vec<String> = differ
        .take(10)
        .map(|path| {
            let path_text = String::from_utf8_lossy(path);
            format!("{path_text:?}\n  was {:?}\n  is  {:?}", before.get(path), after.get(path))
        })
        .collect();
    assert!(differences.is_empty(), "the trees differ:\n{}", differences.join("\n"));
}

/// When a file was last modified.
pub(super) fn modified(path: &Path) -> SystemTime {
    path.symlink_metadata().unwrap().modified().unwrap()
}
