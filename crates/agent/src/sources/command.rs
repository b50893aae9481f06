//! What a command that dumps or loads a source leaves behind: how it ended, and its last words.

use std::{
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{ChildStderr, ExitStatus},
};

/// How much of the end of what a command says is kept, in bytes.
const LAST_WORDS: usize = 2000;

/// How a command ended, after its name.
pub(crate) fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// Reads all that a command says, so that it never waits for a reader, and keeps the end.
pub(crate) fn last_words(mut stderr: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    kept
}

/// What was kept of a command's words, as text.
pub(crate) fn spoken(kept: &[u8]) -> String {
    String::from_utf8_lossy(kept).trim().to_owned()
}
