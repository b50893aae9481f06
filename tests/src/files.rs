//! A tree of files as awkward as real ones, and what makes two trees the same.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, FileTimes, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

/// Bytes that look random and are the same each time, so that nothing is gained by compressing them.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
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

/// Fills `root` with more than `files` files of all kinds.
pub fn plant(root: &Path, files: usize) -> std::io::Result<()> {
    for number in 0..files {
        let folder = root.join(format!("many/{:02}/{:02}", number / 1000, number / 50 % 20));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("file {number}.txt")), noise(number as u64, number % 3000))?;
    }
    fs::write(root.join("large"), noise(1, 48 << 20))?;
    fs::write(root.join("empty"), "")?;
    fs::create_dir_all(root.join("an empty folder"))?;

    let mut sparse = File::create(root.join("sparse"))?;
    sparse.seek(SeekFrom::Start(40 << 20))?;
    sparse.write_all(b"the end")?;
    sparse.set_len(64 << 20)?;

    symlink("large", root.join("a link"))?;
    symlink("nowhere/at all", root.join("a dangling link"))?;
    symlink(OsStr::from_bytes(b"bytes \xff\xfe"), root.join("a link to bytes"))?;
    symlink("many", root.join("a link to a folder"))?;
    fs::create_dir(root.join("hard"))?;
    fs::write(root.join("hard/one"), "one file, three names")?;
    fs::hard_link(root.join("hard/one"), root.join("hard/two"))?;
    fs::hard_link(root.join("hard/one"), root.join("three"))?;

    let names: [&[u8]; 7] = [
        b"no utf-8 \xff\x80",
        b"line\nbreak",
        b"quote\"s and \\",
        "日本語 🏰".as_bytes(),
        b" spaces ",
        b"-rf",
        b"tab\tand\x01",
    ];
    for name in names {
        fs::write(root.join(OsStr::from_bytes(name)), name)?;
    }
    fs::write(root.join("x".repeat(255)), "the longest name")?;
    crate::run(std::process::Command::new("mkfifo").arg(root.join("a pipe")));

    for (name, mode) in
        [("mode 000", 0o000), ("mode 400", 0o400), ("mode 4755", 0o4755), ("mode 2640", 0o2640)]
    {
        let path = root.join(name);
        fs::write(&path, name)?;
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12_345), Some(54_321))?;
        }
        // Changing the owner clears the bits that this sets.
        let mode = if mode == 0 && !rustix::process::geteuid().is_root() { 0o400 } else { mode };
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    fs::write(root.join("attributes"), "with attributes")?;
    xattr::set(root.join("attributes"), "user.colour", b"indigo")?;
    xattr::set(root.join("attributes"), "user.bytes", &noise(3, 100))?;
    xattr::set(root.join("an empty folder"), "user.kind", b"folder")?;
    let old = FileTimes::new().set_modified(UNIX_EPOCH + Duration::new(86_400, 123_456_789));
    File::options().write(true).open(root.join("empty"))?.set_times(old)?;
    File::open(root.join("many/00"))?.set_times(old)?;
    fs::set_permissions(root, Permissions::from_mode(0o751))
}

/// Changes a tree that was planted, in every way in which a tree can change.
pub fn ravage(root: &Path) -> std::io::Result<()> {
    // Edited: longer, shorter, as long as before with the old time put back, and emptied.
    let edited = root.join("many/01/00/file 1000.txt");
    fs::write(&edited, "edited")?;
    fs::write(root.join("many/01/00/file 1001.txt"), noise(9, 9000))?;
    let sly = root.join("many/02/00/file 2001.txt");
    let time = fs::metadata(&sly)?.modified()?;
    let length = fs::metadata(&sly)?.len();
    fs::write(&sly, noise(77, usize::try_from(length).unwrap_or_default()))?;
    File::options().write(true).open(&sly)?.set_times(FileTimes::new().set_modified(time))?;
    fs::write(root.join("attributes"), "")?;
    // Gone, new, and under another name.
    fs::remove_dir_all(root.join("many/03"))?;
    fs::remove_file(root.join("large"))?;
    fs::create_dir_all(root.join("new/deep/er"))?;
    fs::write(root.join("new/deep/er/file"), "new")?;
    symlink("/etc/passwd", root.join("new/link"))?;
    fs::rename(root.join("many/04"), root.join("many/moved"))?;
    // Other kinds in their places.
    fs::remove_file(root.join("a link to a folder"))?;
    fs::create_dir_all(root.join("a link to a folder/inside"))?;
    fs::remove_dir_all(root.join("many/05"))?;
    symlink("06", root.join("many/05"))?;
    fs::remove_dir_all(root.join("many/07"))?;
    fs::write(root.join("many/07"), "a file where a folder was")?;
    fs::remove_file(root.join("a link"))?;
    symlink("sparse", root.join("a link"))?;
    fs::remove_file(root.join("a pipe"))?;
    fs::write(root.join("a pipe"), "no pipe")?;
    // Hard links broken and joined.
    fs::remove_file(root.join("hard/two"))?;
    fs::write(root.join("hard/two"), "one file, three names")?;
    fs::remove_file(root.join("many/00/00/file 1.txt"))?;
    fs::hard_link(root.join("many/00/00/file 2.txt"), root.join("many/00/00/file 1.txt"))?;
    // Modes, owners, attributes.
    fs::set_permissions(root.join("mode 400"), Permissions::from_mode(0o666))?;
    fs::set_permissions(root.join("many/08"), Permissions::from_mode(0o700))?;
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(root.join("mode 4755"), Some(7), Some(8))?;
    }
    xattr::set(root.join("empty"), "user.new", b"new")?;
    xattr::remove(root.join("an empty folder"), "user.kind")?;
    fs::set_permissions(root, Permissions::from_mode(0o755))
}

/// Everything that a backup has to keep of a tree, by path: itself included, under an empty path.
pub fn portrait(root: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut first_names: BTreeMap<(u64, u64), Vec<u8>> = BTreeMap::new();
    let mut portrait = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.expect("an entry of the tree");
        let path =
            entry.path().strip_prefix(root).expect("a path in the tree").as_os_str().as_bytes().to_vec();
        let metadata = entry.path().symlink_metadata().expect("metadata");
        let kind = metadata.file_type();
        let content = if kind.is_symlink() {
            format!("link to {:?}", fs::read_link(entry.path()).expect("a link"))
        } else if kind.is_file() {
            let content = fs::read(entry.path()).expect("a file's content");
            format!("{} bytes, {}", content.len(), hex::encode(Sha256::digest(content)))
        } else if kind.is_fifo() {
            "pipe".to_owned()
        } else {
            "folder".to_owned()
        };
        let same_as = (metadata.nlink() > 1 && !kind.is_dir()).then(|| {
            let first = first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.clone());
            String::from_utf8_lossy(first).into_owned()
        });
        // The mode of a symbolic link means nothing, and it has no attributes of a user's.
        let mode = if kind.is_symlink() { 0 } else { metadata.mode() & 0o7777 };
        let attributes: BTreeMap<_, _> = if kind.is_symlink() {
            BTreeMap::new()
        } else {
            let names = xattr::list(entry.path()).expect("attributes");
            names.map(|name| (name.clone(), xattr::get(entry.path(), &name).expect("an attribute"))).collect()
        };
        let line = format!(
            "{content}; mode {mode:o}; owner {}:{}; modified {}.{:09}; same as {same_as:?}; {attributes:?}",
            metadata.uid(),
            metadata.gid(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        );
        portrait.insert(path, line);
    }
    portrait
}

/// Fails with the first differences of two trees.
pub fn assert_same(before: &BTreeMap<Vec<u8>, String>, after: &BTreeMap<Vec<u8>, String>) {
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
