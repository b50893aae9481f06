//! The whole of Nightkeep on one machine: the endpoints that stand in for AWS on loopback, and the
//! functions hosted beside them, in one program. Linux only: tasks are found and ended through `/proc`.
//!
//! **Architecture Invariant:** nothing here is known to the functions and the agent. They make the same
//! SDK calls as on AWS, and everything listens on 127.0.0.1 only.

pub mod ecs;
pub mod endpoint;
pub mod guestbook;
pub mod program;
pub mod s3;
pub mod sign_in;
pub mod signature;
pub mod ssm;
pub mod table;

mod application;
mod files;
mod folder;
mod functions;
mod names;
mod sample;

/// Why the program does not start: something that its user can put right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);
