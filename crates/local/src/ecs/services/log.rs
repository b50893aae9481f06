//! What the tasks of a service write: a file for each task, which is cut when it has grown too long, and
//! only the newest of them kept.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

/// How long a log may grow before it is put aside, in bytes. The one before it is kept too.
const LONGEST: u64 = 8 * 1024 * 1024;

/// How many logs of a service are kept.
const KEPT: usize = 20;

/// What the name of a log that was put aside ends in.
const ASIDE: &str = "1";

/// How much of a log's end is read for a task's last words, in bytes.
const END: u64 = 4096;

/// How many lines and characters of them are told.
const LAST_LINES: usize = 3;
const LAST_CHARACTERS: usize = 300;

/// The file for what a task of a service writes.
pub(super) fn path(folder: &Path, service: &str, task: &str) -> PathBuf {
    folder.join(format!("{service}-{task}.log"))
}

/// Puts aside what a log holds if it has grown too long. The task goes on writing to the same file, which
/// it has open for appending; what it writes in this very moment is lost.
pub(super) fn cut(log: &Path) {
    let cut = || {
        if fs::metadata(log)?.len() <= LONGEST {
            return Ok(());
        }
        fs::copy(log, log.with_added_extension(ASIDE))?;
        OpenOptions::new().write(true).truncate(true).open(log)?;
        io::Result::Ok(())
    };
    if let Err(error) = cut() {
        tracing::debug!("cutting the log {}: {error}", log.display());
    }
}

/// Removes the oldest logs of a service.
pub(super) fn tidy(folder: &Path, service: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut logs: Vec<(Timestamp, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| belongs(name, service)))
        .filter_map(|entry| {
            let written = entry.metadata().and_then(|log| log.modified()).ok()?;
            Some((Timestamp::try_from(written).ok()?, entry.path()))
        })
        .collect();
    logs.sort_unstable();
    let surplus = logs.len().saturating_sub(KEPT);
    for (_, log) in logs.drain(..surplus) {
        for path in [log.with_added_extension(ASIDE), log] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!("removing the old log {}: {error}", path.display());
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// Whether a file of this name is a log of this service, and not of one whose name only begins alike.
fn belongs(name: &str, service: &str) -> bool {
    let rest = name.strip_prefix(service).and_then(|rest| rest.strip_prefix('-'));
    let task = rest.and_then(|rest| rest.strip_suffix(".log"));
    task.is_some_and(|task| task.len() == 32 && task.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The last lines of a log, as one.
pub(super) fn last_words(log: &Path) -> String {
    let read = || {
        let mut log = File::open(log)?;
        let from = log.metadata()?.len().saturating_sub(END);
        log.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        log.read_to_end(&mut end)?;
        io::Result::Ok(end)
    };
    let end = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&end);
    let blank = |c: char| c.is_whitespace() || c.is_control();
    let lines = text.lines().map(|line| line.trim_matches(blank));
    let mut lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.drain(..lines.len().saturating_sub(LAST_LINES));
    let words: String = lines.join(" | ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let surplus = words.chars().count().saturating_sub(LAST_CHARACTERS);
    words.chars().skip(surplus).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_that_is_cut_is_written_on_and_the_former_text_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = path(folder.path(), "web", "1");
        let mut writer = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let long = vec![b'x'; usize::try_from(LONGEST).unwrap() + 1];
        writer.write_all(&long).unwrap();
        cut(&log);
        writer.write_all(b"after\n").unwrap();
        cut(&log);
        assert_eq!(fs::read_to_string(&log).unwrap(), "after\n");
        assert_eq!(fs::metadata(log.with_added_extension(ASIDE)).unwrap().len(), LONGEST + 1);
    }

    #[test]
    fn only_the_newest_logs_of_a_service_are_kept_and_those_of_others_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let other = path(folder.path(), "web-api", &"0".repeat(32));
        File::create(&other).unwrap();
        for number in 0..KEPT + 5 {
            File::create(path(folder.path(), "web", &format!("{number:032x}"))).unwrap();
        }
        tidy(folder.path(), "web");
        assert!(other.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT + 1);
    }

    #[test]
    fn last_words_are_the_last_lines_made_one() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let cases = [("", ""), ("one\n\ntwo\nthree\n  four\u{7} \n", "two | three | four")];
        for (text, expected) in cases {
            fs::write(&log, text).unwrap();
            assert_eq!(last_words(&log), expected);
        }
        fs::write(&log, "ä".repeat(5000)).unwrap();
        assert_eq!(last_words(&log).chars().count(), LAST_CHARACTERS);
        assert_eq!(last_words(&folder.path().join("none")), "");
    }
}
