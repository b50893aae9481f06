//! A dump, handed to the command that loads it.
//!
//! A command that is given only the beginning of a dump must never take that for the whole: whatever
//! goes wrong, it is ended before its input is. And it has only succeeded if it has said so and has
//! taken everything.

use std::{
    fs,
    io::{self, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use anyhow::{anyhow, bail};
use bytes::Bytes;
use nightkeep_domain::cause::Cause;
use rustic_core::{
    DataId, IndexedFull,
    repofile::{PackId, SnapshotFile},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    io::{Errno, ioctl_fionread},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal},
};

use super::{
    blobs::{Blobs, Opener, Packs, Place, is_content, together},
    entry::only_file,
};
use crate::{
    progress::Tally,
    sources::{ended, last_words, spoken},
};

/// How many parts of packs are read ahead.
const AHEAD: usize = 4;

/// Blobs that are read together, in the order of the file.
struct Part {
    pack: PackId,
    start: u32,
    end: u32,
    blobs: Vec<(DataId, Place)>,
}

/// Loads the dump of a snapshot with a command. `begin` is called before the command is started.
pub(crate) fn dump<S: IndexedFull>(
    blobs: &Blobs<'_, S>,
    snapshot: &SnapshotFile,
    source: &str,
    command: &[String],
    tally: &Tally,
    begin: &dyn Fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    tally.begin(source);
    let entry = only_file(blobs, snapshot, source)?;
    let mut parts: Vec<Part> = Vec::new();
    let mut length = 0;
    for id in &entry.content {
        let place = blobs.place(id)?;
        length += u64::from(place.content_length());
        let end = place.offset.saturating_add(place.length);
        match parts.last_mut() {
            Some(part)
                if part.pack == place.pack
                    && part.end <= place.offset
                    && together(part.start, part.end, place.offset, place.length) =>
            {
                part.end = end;
                part.blobs.push((*id, place));
            }
            Some(_) | None => {
                let (pack, start) = (place.pack, place.offset);
                parts.push(Part { pack, start, end, blobs: vec![(*id, place)] });
            }
        }
    }
    tally.count(length, 1);
    begin()?;
    let (loading, started) = Loading::start(source, command)?;
    let Started { child, input, unread } = started;
    let packs = blobs.packs();
    let (sender, receiver) = sync_channel(AHEAD);
    thread::scope(|scope| {
        let (parts, loading) = (&parts, &loading);
        scope.spawn(move || read_ahead(&packs, parts, &sender));
        let feeder = scope.spawn(move || loading.feed(input, receiver, parts, &packs, tally));
        let how = wait(child, unread);
        let fed = feeder.join().map_err(|_| anyhow!("the thread that feeds the command has panicked"))?;
        loading.judge(how, fed, length)
    })?;
    tally.add_file();
    Ok(())
}

fn read_ahead(packs: &Packs<'_>, parts: &[Part], sender: &SyncSender<anyhow::Result<Bytes>>) {
    for part in parts {
        let bytes = packs.read(&part.pack, part.start, part.end);
        let last = bytes.is_err();
        if sender.send(bytes).is_err() || last {
            return;
        }
    }
}

/// A command that is running.
struct Loading<'a> {
    source: &'a str,
    program: &'a str,
    /// Its process, which is still the same one however long it has ended.
    process: OwnedFd,
    id: Pid,
}

/// The processes below another one: in a pipeline it is one of these that loads.
fn descendants(above: Pid) -> Vec<Pid> {
    let parents: Vec<(Pid, Pid)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let text = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name, which may hold anything, come the state and the parent.
            let parent = text.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, Pid::from_raw(parent)?))
        })
        .collect();
    let mut found = vec![above];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, above)| *above == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

/// What a command that was started leaves in our hands.
struct Started {
    child: Child,
    input: OwnedFd,
    /// The other end of its input, to see what it has left in it. As long as this is open a command that
    /// closes its input cannot be noticed, so it is closed as soon as the command has ended.
    unread: OwnedFd,
}

/// How a command ended: its status, what it has not read, and what it said.
struct Ended {
    status: io::Result<ExitStatus>,
    unread: u64,
    said: JoinHandle<Vec<u8>>,
}

/// Waits until the command has ended.
fn wait(mut child: Child, unread: OwnedFd) -> Ended {
    let stderr = child.stderr.take();
    let said = thread::spawn(move || stderr.map(last_words).unwrap_or_default());
    let status = child.wait();
    Ended { status, unread: ioctl_fionread(&unread).unwrap_or(u64::MAX), said }
}

impl<'a> Loading<'a> {
    /// Starts the command. Its environment is the agent's, its standard error is kept for the record.
    fn start(source: &'a str, command: &'a [String]) -> Result<(Self, Started), Cause> {
        let program = command.first().map_or("", String::as_str);
        let failed = |error: io::Error| Cause::LoadFailed {
            source: source.to_owned(),
            program: program.to_owned(),
            ended: format!("could not be started: {error}"),
            said: String::new(),
        };
        let (output, input) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
        let unread = output.try_clone().map_err(failed)?;
        let mut child = Command::new(program)
            .args(command.get(1..).unwrap_or_default())
            .stdin(Stdio::from(output))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let id = Pid::from_child(&child);
        match pidfd_open(id, PidfdFlags::empty()) {
            Ok(process) => Ok((Self { source, program, process, id }, Started { child, input, unread })),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(failed(error.into()))
            }
        }
    }

    /// Writes the dump into the command's input, and closes it only once all of it was written.
    fn feed(
        &self,
        input: OwnedFd,
        parts_read: Receiver<anyhow::Result<Bytes>>,
        parts: &[Part],
        packs: &Packs<'_>,
        tally: &Tally,
    ) -> anyhow::Result<u64> {
        let mut input = std::fs::File::from(input);
        let mut written = 0;
        let result = self.feed_all(&mut input, parts_read, parts, packs, tally, &mut written);
        if result.is_err() {
            // It must not see the end of its input before it is dead.
            self.kill();
        }
        drop(input);
        result.map(|()| written)
    }

    fn feed_all(
        &self,
        input: &mut impl Write,
        parts_read: Receiver<anyhow::Result<Bytes>>,
        parts: &[Part],
        packs: &Packs<'_>,
        tally: &Tally,
        written: &mut u64,
    ) -> anyhow::Result<()> {
        let mut opener = Opener::new(packs)?;
        let mut content = Vec::new();
        for part in parts {
            let bytes =
                parts_read.recv().map_err(|_| anyhow!("the thread that reads ahead has panicked"))??;
            for (id, place) in &part.blobs {
                let start = (place.offset - part.start) as usize;
                let Some(sealed) = bytes.get(start..start + place.length as usize) else {
                    bail!("a blob is longer than what was read of its pack");
                };
                opener.open(sealed, place, &mut content)?;
                if !is_content(id, &content) {
                    let found = format!("the blob {} has another content", id.to_hex().as_str());
                    return Err(Cause::RepositoryDamaged { found }.into());
                }
                match input.write_all(&content) {
                    Ok(()) => {}
                    // It has ended, and has the last word.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
                *written += content.len() as u64;
                tally.add_bytes(content.len() as u64);
            }
        }
        Ok(())
    }

    /// Ends the command and whatever it has started, and waits until it is dead. Killing what has ended
    /// already is no failure; its status is asked for elsewhere.
    fn kill(&self) {
        // First all of them are halted: the end of one is the end of another one's input.
        let _ = pidfd_send_signal(&self.process, Signal::STOP);
        let mut others: Vec<Pid> = Vec::new();
        loop {
            let found = descendants(self.id);
            let new: Vec<Pid> = found.into_iter().filter(|id| !others.contains(id)).collect();
            if new.is_empty() {
                break;
            }
            for id in new {
                let _ = kill_process(id, Signal::STOP);
                others.push(id);
            }
        }
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        for id in others {
            let _ = kill_process(id, Signal::KILL);
        }
        let mut dead = [PollFd::new(&self.process, PollFlags::IN)];
        while matches!(poll(&mut dead, None), Err(Errno::INTR)) {}
    }

    fn judge(&self, how: Ended, fed: anyhow::Result<u64>, length: u64) -> anyhow::Result<()> {
        let Ended { status, unread, said } = how;
        let written = fed?;
        let said = spoken(&said.join().unwrap_or_default());
        let taken = written.saturating_sub(unread);
        let ended = match status {
            Ok(status) if status.success() && taken == length => return Ok(()),
            Ok(status) if status.success() => {
                format!("{} although it had taken only {taken} of {length} bytes", ended(status))
            }
            Ok(status) => ended(status),
            Err(error) => format!("was lost: {error}"),
        };
        Err(Cause::LoadFailed {
            source: self.source.to_owned(),
            program: self.program.to_owned(),
            ended,
            said,
        }
        .into())
    }
}
