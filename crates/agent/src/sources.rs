//! The application's sources, in the form in which the engine reads them.

mod ahead;
mod command;
mod directory;
mod dump;
mod unchanged;

use std::io::{self, Read};

pub(crate) use self::{
    command::{ended, last_words, spoken},
    directory::{Directory, Empty, check, count, path_of, reason},
    dump::Dump,
    unchanged::Before,
};

/// Reads until the buffer is full or nothing is left.
///
/// The engine never asks for more than it got in its shortest read so far: a source that once gave a
/// single byte, as a pipe may, would be read byte by byte from then on.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match reader.read(&mut buffer[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
