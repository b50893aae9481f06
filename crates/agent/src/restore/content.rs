//! Whether a file on the disk has the content that the snapshot names.

use std::io::{self, Read};

use rustic_core::{DataId, Id};
use sha2::{Digest, Sha256};

use super::blobs::Place;

/// How much of a file is read at once, in bytes. Most files are smaller.
const AT_ONCE: usize = 256 << 10;

/// A blob of a file, in the file's order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) id: DataId,
    pub(super) length: u32,
    pub(super) place: Place,
}

/// Compares file after file, all in one buffer.
pub(super) struct Comparer {
    buffer: Box<[u8]>,
}

impl Comparer {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; AT_ONCE].into() }
    }

    /// Reads a file to its end and compares it chunk by chunk.
    pub(super) fn holds(&mut self, file: &mut impl Read, chunks: &[Chunk]) -> io::Result<bool> {
        // What was read and belongs to no chunk yet.
        let mut open = 0..0;
        for chunk in chunks {
            let (mut left, mut digest) = (chunk.length as usize, Sha256::new());
            while left > 0 {
                if open.is_empty() {
                    open = 0..self.read(file)?;
                    if open.is_empty() {
                        return Ok(false);
                    }
                }
                let end = open.end.min(open.start.saturating_add(left));
                digest.update(&self.buffer[open.start..end]);
                left -= end - open.start;
                open.start = end;
            }
            if *chunk.id != Id::new(digest.finalize().into()) {
                return Ok(false);
            }
        }
        Ok(open.is_empty() && self.read(file)? == 0)
    }

    /// How much there is next; nothing at the end.
    fn read(&mut self, file: &mut impl Read) -> io::Result<usize> {
        loop {
            match file.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustic_core::repofile::PackId;

    use super::*;

    /// Gives what it has in pieces of so many bytes.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            let (piece, rest) = self.0.split_at(length);
            buffer[..length].copy_from_slice(piece);
            self.0 = rest;
            Ok(length)
        }
    }

    fn chunk(content: &[u8]) -> Chunk {
        let place = Place { pack: PackId::default(), offset: 0, length: 0, plain: None };
        let id = Id::new(Sha256::digest(content).into()).into();
        Chunk { id, length: content.len().try_into().unwrap(), place }
    }

    #[test]
    fn a_file_is_compared_to_its_last_byte() {
        let content: Vec<u8> = (0..AT_ONCE * 3).map(|number| (number / 7) as u8).collect();
        let mut comparer = Comparer::new();
        for piece in [1000, AT_ONCE, usize::MAX] {
            for cuts in [&[][..], &[1], &[AT_ONCE], &[10, AT_ONCE * 2], &[AT_ONCE - 1, AT_ONCE + 1]] {
                let mut chunks = Vec::new();
                let mut start = 0;
                for &cut in cuts.iter().chain([&content.len()]) {
                    chunks.push(chunk(&content[start..cut]));
                    start = cut;
                }
                let mut holds =
                    |content: &[u8]| comparer.holds(&mut Pieces(content, piece), &chunks).unwrap();
                assert!(holds(&content));
                assert!(!holds(&content[1..]));
                assert!(!holds(&content[..content.len() - 1]));
                assert!(!holds(&[&content[..], &[0]].concat()));
                for place in [0, AT_ONCE, content.len() - 1] {
                    let mut other = content.clone();
                    other[place] ^= 1;
                    assert!(!holds(&other));
                }
            }
        }
        let nothing = [chunk(&[]), chunk(&[7]), chunk(&[]), chunk(&[8]), chunk(&[])];
        assert!(comparer.holds(&mut Pieces(&[7, 8], 2), &nothing).unwrap());
        assert!(!comparer.holds(&mut Pieces(&[7], 2), &nothing).unwrap());
        assert!(comparer.holds(&mut Pieces(&[], 1), &[]).unwrap());
        assert!(!comparer.holds(&mut Pieces(&[0], 1), &[]).unwrap());
    }
}
