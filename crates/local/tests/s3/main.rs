//! The S3 endpoint through real HTTP, with the SDK that Nightkeep itself uses; what the SDK would
//! never send is written to the socket by hand.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod multipart;
mod objects;
mod support;
