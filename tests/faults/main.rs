//! What was survived: every part of the system stopped at every call, and every call met by every fault
//! that networks and AWS have.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

mod crash_points;
mod hostile;
mod network;
mod prepared;

/// Whether there is time for everything that can be tried, rather than for what CI has time for.
fn long() -> bool {
    std::env::var_os("NIGHTKEEP_LONG").is_some()
}
