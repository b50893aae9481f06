//! Writing the files that the plan names.
//!
//! Whatever is made is made under a name of its own beside its place, complete with its metadata, and
//! then renamed: at each moment there is either what was there before or what is to be there.

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use anyhow::anyhow;
use nightkeep_domain::cause::Cause;
use rustix::{fs::ftruncate, io::Errno};

use super::{
    blobs::{Opener, Packs, Place, together},
    metadata,
    plan::{NewFile, Piece, Plan},
    target::{Folders, Handle, Target},
};
use crate::progress::Tally;

/// How many parts of packs are read at once. Each takes up to 4 MiB, and as much again as one blob.
const READERS: usize = 8;

/// A blob of nothing but this is left out of a file: what is not written is zero.
static ZEROS: [u8; 4096] = [0; 4096];

/// Writes files.
pub(super) struct Writer<'a> {
    target: &'a Target,
    plan: &'a Plan,
    packs: Packs<'a>,
    tally: &'a Tally,
    states: Vec<State>,
    next: AtomicUsize,
    stop: AtomicBool,
    failure: Mutex<Option<anyhow::Error>>,
}

/// How far a file is.
struct State {
    left: AtomicU32,
    begun: Mutex<Option<Begun>>,
}

struct Begun {
    name: OsString,
    identity: (u64, u64),
}

/// A part of a pack, and which pieces of the plan are in it.
struct Part {
    start: u32,
    end: u32,
    pieces: std::ops::Range<usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(target: &'a Target, plan: &'a Plan, packs: Packs<'a>, tally: &'a Tally) -> Self {
        let state = |file: &NewFile| State { left: AtomicU32::new(file.pieces), begun: Mutex::default() };
        Self {
            target,
            plan,
            packs,
            tally,
            states: plan.files.iter().map(state).collect(),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    /// Writes all files of the plan, which is sorted.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let parts = parts(&self.plan.pieces);
        thread::scope(|scope| {
            for _ in 0..READERS.min(parts.len()) {
                scope.spawn(|| self.read(&parts));
            }
            self.empty_files();
        });
        match self.failure.into_inner() {
            Ok(None) => Ok(()),
            Ok(Some(error)) => {
                discard(self.target, self.plan, &self.states);
                Err(error)
            }
            Err(_) => Err(anyhow!("a thread that writes files has panicked")),
        }
    }

    fn fail(&self, error: anyhow::Error) {
        self.stop.store(true, Relaxed);
        if let Ok(mut failure) = self.failure.lock() {
            failure.get_or_insert(error);
        }
    }

    fn empty_files(&self) {
        let mut folders = Folders::new(self.target);
        for (number, file) in self.plan.files.iter().enumerate().filter(|(_, file)| file.pieces == 0) {
            if self.stop.load(Relaxed) {
                return;
            }
            let made = self.begin(number, &mut folders).and_then(|opened| {
                self.finish(number, file, &opened, &mut folders)?;
                Ok(())
            });
            if let Err(error) = made {
                return self.fail(error.into());
            }
        }
    }

    /// One reader: takes part after part until there is none left.
    fn read(&self, parts: &[Part]) {
        let mut hand = match Opener::new(&self.packs) {
            Ok(opener) => Hand { opener, content: Vec::new(), folders: Folders::new(self.target) },
            Err(error) => return self.fail(error),
        };
        while !self.stop.load(Relaxed) {
            let Some(part) = parts.get(self.next.fetch_add(1, Relaxed)) else { return };
            if let Err(error) = self.part(part, &mut hand) {
                return self.fail(error);
            }
        }
    }

    fn part(&self, part: &Part, hand: &mut Hand<'_>) -> anyhow::Result<()> {
        let pieces = &self.plan.pieces[part.pieces.clone()];
        let Some(first) = pieces.first() else { return Ok(()) };
        let pack = self.plan.packs[first.pack as usize];
        let bytes = self.packs.read(&pack, part.start, part.end)?;
        let mut opened = None;
        for piece in pieces {
            if self.stop.load(Relaxed) {
                return Ok(());
            }
            // A blob that several files have is opened once.
            if opened != Some(piece.offset) {
                let place = Place { pack, offset: piece.offset, length: piece.length, plain: piece.plain };
                let start = (piece.offset - part.start) as usize;
                let sealed = bytes.get(start..start + piece.length as usize);
                let sealed =
                    sealed.ok_or_else(|| anyhow!("a blob is longer than what was read of its pack"))?;
                hand.opener.open(sealed, &place, &mut hand.content)?;
                opened = Some(piece.offset);
            }
            self.write(piece, hand)?;
        }
        Ok(())
    }

    fn write(&self, piece: &Piece, hand: &mut Hand<'_>) -> Result<(), Cause> {
        let number = piece.file as usize;
        let file = &self.plan.files[number];
        let opened = self.begin(number, &mut hand.folders)?;
        if !is_zero(&hand.content) {
            let written = opened.write_all_at(&hand.content, piece.at);
            written.map_err(|error| self.fault(file, "writing it", &error))?;
        }
        self.tally.add_bytes(hand.content.len() as u64);
        if self.states[number].left.fetch_sub(1, Relaxed) == 1 {
            self.finish(number, file, &opened, &mut hand.folders)?;
        }
        Ok(())
    }

    /// The file to write to; made for the first of its pieces.
    fn begin(&self, number: usize, folders: &mut Folders<'_>) -> Result<File, Cause> {
        let spot = &self.plan.files[number].spot;
        let path = spot.path();
        let fault = |doing| self.target.fault(&path, doing);
        let folder = folders.of(&spot.folder).map_err(fault("opening its folder"))?;
        let mut begun =
            self.states[number].begun.lock().map_err(|_| fault("writing it")(Errno::OWNERDEAD))?;
        if let Some(begun) = &*begun {
            return folder.reopen(&begun.name, begun.identity).map_err(fault("opening it again"));
        }
        let name = self.target.unfinished();
        let file = folder.create(&name).map_err(fault("making it"))?;
        let seen = Handle::of(&file).and_then(|handle| handle.seen()).map_err(fault("looking at it"))?;
        *begun = Some(Begun { name, identity: seen.identity });
        Ok(file)
    }

    /// Gives a file that is written its length and metadata, and puts it in its place.
    fn finish(
        &self,
        number: usize,
        file: &NewFile,
        opened: &File,
        folders: &mut Folders<'_>,
    ) -> Result<(), Cause> {
        let path = file.spot.path();
        let fault = |doing| self.target.fault(&path, doing);
        ftruncate(opened, file.size).map_err(fault("writing it"))?;
        let handle = Handle::of(opened).map_err(fault("looking at it"))?;
        metadata::apply(&file.metadata, &handle).map_err(|(doing, error)| fault(doing)(error))?;
        let mut begun =
            self.states[number].begun.lock().map_err(|_| fault("writing it")(Errno::OWNERDEAD))?;
        if let Some(done) = &*begun {
            let folder = folders.of(&file.spot.folder).map_err(fault("opening its folder"))?;
            folder.put(self.target, &done.name, &file.spot.name).map_err(fault("putting it in its place"))?;
        }
        *begun = None;
        self.tally.add_file();
        Ok(())
    }

    fn fault(&self, file: &NewFile, doing: &'static str, error: &io::Error) -> Cause {
        let error = Errno::from_io_error(error).unwrap_or(Errno::IO);
        self.target.fault(&file.spot.path(), doing)(error)
    }
}

/// Removes what was begun by a restore that failed. What cannot be removed now is found by the next.
fn discard(target: &Target, plan: &Plan, states: &[State]) {
    for (file, state) in plan.files.iter().zip(states) {
        let Ok(Some(begun)) = state.begun.lock().map(|mut begun| begun.take()) else { continue };
        if let Ok(folder) = target.folder(&file.spot.folder) {
            let _ = folder.remove_single(&begun.name);
        }
    }
}

/// What one reader works with.
struct Hand<'a> {
    opener: Opener,
    content: Vec<u8>,
    folders: Folders<'a>,
}

fn is_zero(content: &[u8]) -> bool {
    content.chunks(ZEROS.len()).all(|part| *part == ZEROS[..part.len()])
}

/// Which pieces are read together.
fn parts(pieces: &[Piece]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut pack = None;
    for (number, piece) in pieces.iter().enumerate() {
        let last = piece.offset.saturating_add(piece.length);
        match parts.last_mut() {
            Some(part)
                if pack == Some(piece.pack) && together(part.start, part.end, piece.offset, piece.length) =>
            {
                part.end = part.end.max(last);
                part.pieces.end = number + 1;
            }
            Some(_) | None => {
                parts.push(Part { start: piece.offset, end: last, pieces: number..number + 1 });
            }
        }
        pack = Some(piece.pack);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_read_together_within_a_bound() {
        let piece = |pack, offset, length| Piece { pack, offset, length, plain: None, file: 0, at: 0 };
        let pieces = [
            piece(0, 0, 100),
            piece(0, 100, 100),
            piece(0, 100, 100),         // the same blob again
            piece(0, 100_000, 50),      // a small gap
            piece(0, 3 << 20, 50),      // a large one
            piece(0, 4 << 20, 5 << 20), // larger than is read at once
            piece(1, 9 << 20, 1),       // another pack
        ];
        let found: Vec<_> =
            parts(&pieces).iter().map(|part| (part.start, part.end, part.pieces.len())).collect();
        let expected = [
            (0, 100_050, 4),
            (3 << 20, (3 << 20) + 50, 1),
            (4 << 20, 9 << 20, 1),
            (9 << 20, (9 << 20) + 1, 1),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn only_zeros_are_left_out() {
        assert!(is_zero(&[]) && is_zero(&[0; 5000]));
        assert!(!is_zero(&[&[0; 5000][..], &[1]].concat()));
    }
}
