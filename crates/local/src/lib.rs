//! The whole of Nightkeep on one machine: the endpoints that stand in for AWS on loopback, and the
//! three functions hosted beside them. Nothing here is known to the functions: they make the same
//! SDK calls as on AWS.

pub mod ecs;
pub mod s3;
pub mod signature;
pub mod ssm;
