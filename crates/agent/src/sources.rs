//! The application's sources, in the form in which the engine reads them.

mod directory;
mod dump;

pub(crate) use self::{
    directory::{Directory, check, count, path_of, reason},
    dump::Dump,
};
