//! A source that a command dumps to its standard output.
//!
//! It must never pass a dump on as complete whose command failed, was ended by a signal, or wrote
//! nothing: the end of the stream is only believed once the command has ended well.

use std::{
    io::{self, BufReader, Read},
    iter::{Once, once},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use jiff::Timestamp;
use nightkeep_domain::cause::Cause;
use rustic_core::{
    ReadSource, ReadSourceEntry, RusticResult,
    repofile::{Metadata, Node, NodeType},
};

use super::{
    command::{ended, last_words, spoken},
    fill,
};
use crate::progress::Tally;

/// How much is taken from the command at once, in bytes: as much as a pipe holds.
const AHEAD: usize = 64 << 10;

/// A command that is running.
pub(crate) struct Dump {
    path: PathBuf,
    node: Node,
    reader: Mutex<Option<Reader>>,
    running: Arc<Running>,
}

struct Running {
    source: String,
    program: String,
    child: Mutex<Child>,
    stderr: Mutex<Option<JoinHandle<Vec<u8>>>>,
    cause: Mutex<Option<Cause>>,
}

impl Dump {
    /// Starts the command. Its environment is the agent's, its standard error is kept for the record.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(
        source: &str,
        command: &[String],
        tally: &Tally,
        now: Timestamp,
    ) -> Result<Self, Cause> {
        let program = command.first().cloned().unwrap_or_default();
        let not_started = |error: io::Error| Cause::DumpFailed {
            source: source.to_owned(),
            program: program.clone(),
            ended: format!("could not be started: {error}"),
            said: String::new(),
        };
        let mut child = Command::new(&program)
            .args(&command[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_started)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let listener = stderr.map(|stderr| std::thread::spawn(move || last_words(stderr)));
        let running = Arc::new(Running {
            source: source.to_owned(),
            program,
            child: Mutex::new(child),
            stderr: Mutex::new(listener),
            cause: Mutex::new(None),
        });
        let metadata = Metadata { mode: Some(0o600), mtime: Some(now), ..Metadata::default() };
        tally.add_file();
        Ok(Self {
            path: PathBuf::from("/").join(source),
            node: Node::new_node(source.as_ref(), NodeType::File, metadata),
            reader: Mutex::new(stdout.map(|stdout| Reader {
                stdout: BufReader::with_capacity(AHEAD, stdout),
                read: 0,
                running: Arc::clone(&running),
            })),
            running,
        })
    }

    /// The path of the dump in its snapshot.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Why the dump does not count, if it doesn't.
    pub(crate) fn fault(&self) -> Option<Cause> {
        self.running.cause.lock().ok().and_then(|cause| cause.clone())
    }
}

impl Drop for Dump {
    /// A dump that nobody reads to its end is ended.
    fn drop(&mut self) {
        if let Ok(mut child) = self.running.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl ReadSource for Dump {
    type Open = Reader;
    type Iter = Once<RusticResult<ReadSourceEntry<Reader>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let open = self.reader.lock().ok().and_then(|mut reader| reader.take());
        once(Ok(ReadSourceEntry { path: self.path.clone(), node: self.node.clone(), open }))
    }
}

/// The command's output.
pub(crate) struct Reader {
    stdout: BufReader<ChildStdout>,
    read: u64,
    running: Arc<Running>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = fill(&mut self.stdout, buffer)?;
        self.read += read as u64;
        if read == 0 {
            self.running.end(self.read).map_err(|cause| io::Error::other(cause.to_string()))?;
        }
        Ok(read)
    }
}

impl Running {
    /// Waits for the command's own word on the dump.
    fn end(&self, read: u64) -> Result<(), Cause> {
        let result = self.judge(read);
        if let (Err(cause), Ok(mut kept)) = (&result, self.cause.lock()) {
            kept.get_or_insert_with(|| cause.clone());
        }
        result
    }

    fn judge(&self, read: u64) -> Result<(), Cause> {
        let (source, program) = (self.source.clone(), self.program.clone());
        let status = match self.child.lock() {
            Ok(mut child) => child.wait(),
            Err(_) => Err(io::Error::other("its state is unknown")),
        };
        let said = self.stderr.lock().ok().and_then(|mut listener| listener.take()).map(JoinHandle::join);
        let said = spoken(&said.and_then(Result::ok).unwrap_or_default());
        match status {
            Ok(status) if status.success() && read > 0 => Ok(()),
            Ok(status) if status.success() => Err(Cause::DumpEmpty { source, program }),
            Ok(status) => Err(Cause::DumpFailed { source, program, ended: ended(status), said }),
            Err(error) => {
                Err(Cause::DumpFailed { source, program, ended: format!("was lost: {error}"), said })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_full_whatever_the_pieces_that_the_command_writes() {
        let write = "for piece in $(seq 1000); do printf x; done";
        let command = ["sh", "-c", write].map(str::to_owned);
        let dump = Dump::start("rows", &command, &Tally::default(), Timestamp::now()).unwrap();
        let mut reader = dump.reader.lock().unwrap().take().unwrap();
        let mut buffer = [0; 400];
        let reads: Vec<usize> = (0..4).map(|_| reader.read(&mut buffer).unwrap()).collect();
        assert_eq!(reads, [400, 400, 200, 0]);
        assert!(dump.fault().is_none());
    }
}
