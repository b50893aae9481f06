//! A stream cut into the parts of a multipart upload.
//!
//! S3 takes at most 10,000 parts of at most 5 GiB, each but the last of at least 5 MiB, and how long the
//! stream will be is not known when it begins. So the parts grow: small ones first, because a few of
//! them are in memory, and large ones only where the limit would be met otherwise.

use std::io::{self, ErrorKind, Write};

const MIB: u64 = 1024 * 1024;

/// The largest part that S3 takes.
const LARGEST: u64 = 5 * 1024 * MIB;

/// The size of part `number`, counted from 1, in bytes. 10,000 of them are more than 5 TiB, the largest
/// object; the first 6,000 are 164 GiB and none of them has more than 32 MiB.
pub(super) fn part_size(number: u32) -> u64 {
    match number {
        0..=1000 => 8 * MIB,
        1001..=6000 => 32 * MIB,
        _ => ((64 * MIB) << ((number - 6001) / 500).min(10)).min(LARGEST),
    }
}

/// One part.
pub(super) struct Part {
    /// From 1.
    pub(super) number: u32,
    pub(super) bytes: Vec<u8>,
}

/// Takes the stream, and gives each part away once it is full.
pub(super) struct Parts<G> {
    give: G,
    number: u32,
    bytes: Vec<u8>,
    given: u64,
}

impl<G: FnMut(Part) -> bool> Parts<G> {
    /// Nothing yet. `give` says whether the part was taken.
    pub(super) fn new(give: G) -> Self {
        Self { give, number: 1, bytes: Vec::new(), given: 0 }
    }

    /// Gives the last part away and returns the length of the whole in bytes.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        if !self.bytes.is_empty() {
            self.give()?;
        }
        Ok(self.given)
    }

    fn give(&mut self) -> io::Result<()> {
        let part = Part { number: self.number, bytes: std::mem::take(&mut self.bytes) };
        self.given += part.bytes.len() as u64;
        self.number += 1;
        if (self.give)(part) {
            Ok(())
        } else {
            Err(io::Error::new(ErrorKind::BrokenPipe, "nobody takes the archive"))
        }
    }
}

impl<G: FnMut(Part) -> bool> Write for Parts<G> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let size = usize::try_from(part_size(self.number)).unwrap_or(usize::MAX);
        if self.bytes.capacity() == 0 {
            // At once: growing by doubling would hold the part twice.
            self.bytes.reserve_exact(size);
        }
        let taken = from.len().min(size - self.bytes.len());
        self.bytes.extend_from_slice(&from[..taken]);
        if self.bytes.len() == size {
            self.give()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(parts: u32) -> u64 {
        (1..=parts).map(part_size).sum()
    }

    #[test]
    fn s21_ten_thousand_parts_hold_the_largest_object_and_none_is_too_small_or_too_large() {
        let tib = 1024 * 1024 * MIB;
        assert!(whole(10_000) >= 5 * tib, "{} TiB", whole(10_000) / tib);
        for number in 1..=10_000 {
            assert!((5 * MIB..=LARGEST).contains(&part_size(number)), "part {number}");
            assert!(part_size(number) <= part_size(number + 1), "part {number}");
        }
    }

    #[test]
    fn s21_what_is_in_memory_stays_small_up_to_150_gib() {
        let last = (1..).find(|&number| whole(number) >= 150 * 1024 * MIB).unwrap();
        // Two on their way and one that is being filled.
        assert!(3 * part_size(last) <= 100 * MIB, "part {last} has {} MiB", part_size(last) / MIB);
    }

    #[test]
    fn a_stream_is_cut_into_parts_in_order_and_nothing_is_lost() {
        let mut parts = Vec::new();
        let mut cut = Parts::new(|part| {
            parts.push(part);
            true
        });
        let stream: Vec<u8> = (0..20 * MIB + 7).map(|at| (at % 251) as u8).collect();
        for piece in stream.chunks(1_000_003) {
            cut.write_all(piece).unwrap();
        }
        assert_eq!(cut.finish().unwrap(), stream.len() as u64);
        let numbers: Vec<u32> = parts.iter().map(|part| part.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let sizes: Vec<u64> = parts.iter().map(|part| part.bytes.len() as u64).collect();
        assert_eq!(sizes, [8 * MIB, 8 * MIB, 4 * MIB + 7]);
        assert!(parts.iter().flat_map(|part| &part.bytes).eq(&stream));
    }

    #[test]
    fn a_stream_that_nobody_takes_ends() {
        let mut cut = Parts::new(|_| false);
        let error = cut.write_all(&vec![0; 9 * 1024 * 1024]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
