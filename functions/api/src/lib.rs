//! The api: turns a request into a record and an operation, and serves the page.
//!
//! The same router runs under Lambda and on one machine.
//!
//! **Architecture Invariant:** it never calls ECS, and it never waits for an operation. It writes what
//! shall happen; the worker makes it happen.

mod activities;
mod caching;
mod confirmations;
mod gate;
mod maintenance;
mod openapi;
mod operations;
mod page;
mod problem;
mod records;
mod routes;
mod sign_in;
mod state;
mod user;

use jiff::Timestamp;
use nightkeep_cloud::{Archives, Ledger, SettingsStore};

use crate::problem::Problem;
pub use crate::{
    routes::router,
    sign_in::{Config, Groups, SignIn},
};

/// What the handlers work with.
#[derive(Debug)]
pub struct Api {
    /// The table.
    pub ledger: Ledger,
    /// The source archives.
    pub archives: Archives,
    /// The settings.
    pub settings: SettingsStore,
    /// How users are told apart.
    pub sign_in: SignIn,
    /// The time.
    pub clock: fn() -> Timestamp,
}

/// Random bytes from the operating system, for an identifier.
fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Problem> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!("reading randomness from the operating system: {error}");
        Problem::internal()
    })?;
    Ok(bytes)
}
