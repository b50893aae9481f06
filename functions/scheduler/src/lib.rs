//! The scheduler: starts the nightly backup when it is due.
