//! The local endpoints of DynamoDB, ECS and SSM, called by the real SDK clients.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod costs;
mod ecs;
mod guestbook;
mod services;
mod signatures;
mod ssm;
mod support;
