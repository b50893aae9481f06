//! The log of a function, as Lambda's advanced logging controls want it: lines on the standard output,
//! which CloudWatch takes. Lambda's own library can do it too, with a filter that a function has no use
//! for and that weighs a good part of it.

use std::env;

use tracing_subscriber::filter::LevelFilter;

/// Begins to log, at the level of `AWS_LAMBDA_LOG_LEVEL` (`INFO` if it has none that is known), as JSON
/// if `AWS_LAMBDA_LOG_FORMAT` is `JSON`. Lambda sets both, and gives each line its time.
///
/// # Panics
/// If something else has begun to log already.
pub fn start() {
    let variable = |name| env::var(name).unwrap_or_default();
    let level = variable("AWS_LAMBDA_LOG_LEVEL").parse().unwrap_or(LevelFilter::INFO);
    let log = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    if variable("AWS_LAMBDA_LOG_FORMAT").eq_ignore_ascii_case("JSON") {
        log.json().init();
    } else {
        log.init();
    }
}
