//! Restores of real files from a real repository, whose storage is a folder that can be made to fail.

mod exact;
mod hostile;
mod loading;
mod tree;
mod world;
