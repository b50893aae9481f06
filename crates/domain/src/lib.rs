//! The rules of Nightkeep: what a record and an operation are, which stages an operation has, what
//! the next step is, what a failure means to a person.
//!
//! **Architecture Invariant:** nothing here has a clock, a thread, an environment variable,
//! randomness or I/O. What a rule needs to know comes in as an argument, what it decides goes out
//! as a value.

pub mod activity;
pub mod actor;
pub mod application;
pub mod cause;
pub mod confirmation;
pub mod failure;
pub mod identifier;
pub mod next;
pub mod notes;
pub mod operation;
pub mod record;
pub mod retention;
pub mod schedule;
pub mod settings;
pub mod source_archive;
pub mod state;

#[cfg(test)]
mod next_tests;
