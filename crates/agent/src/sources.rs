//! The application's sources, in the form in which the engine reads them.

mod command;
mod directory;
mod dump;

pub(crate) use self::{
    command::{ended, last_words, spoken},
    directory::{Directory, Empty, check, count, path_of, reason},
    dump::Dump,
};
