//! The log of a function, as Lambda's advanced logging controls want it: lines on the standard output,
//! which CloudWatch takes. Lambda's own library can do it too, with a filter that a function has no use
//! for and that weighs a good part of it.

use std::env;

use tracing_subscriber::filter::LevelFilter;

/// Begins to log, at the level of `AWS_LAMBDA_LOG_LEVEL`, as JSON if `AWS_LAMBDA_LOG_FORMAT` is `JSON`.
/// Lambda gives each line its time.
///
/// # Panics
/// If something else has begun to log already.
pub fn start() {
    let variable = |name| env::var(name).unwrap_or_default();
    let level = level(&variable("AWS_LAMBDA_LOG_LEVEL"));
    let log = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    if variable("AWS_LAMBDA_LOG_FORMAT").eq_ignore_ascii_case("JSON") {
        log.json().init();
    } else {
        log.init();
    }
}

/// The level of this name; if there is none, or none that is known, the one that tells what happens.
fn level(name: &str) -> LevelFilter {
    match name {
        "" => LevelFilter::INFO,
        "FATAL" => LevelFilter::ERROR,
        name => name.parse().unwrap_or(LevelFilter::INFO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_not_given_hides_nothing_that_happens() {
        for (name, expected) in [
            ("", LevelFilter::INFO),
            ("everything", LevelFilter::INFO),
            ("DEBUG", LevelFilter::DEBUG),
            ("WARN", LevelFilter::WARN),
            ("FATAL", LevelFilter::ERROR),
        ] {
            assert_eq!(level(name), expected, "{name:?}");
        }
    }
}
