//! The archives of the application's source code: where they are in the bucket, how long they stay, and
//! what they are called on the computer of whoever downloads one.

use jiff::{Timestamp, tz::TimeZone};

/// What the keys of all archives begin with.
pub const PREFIX: &str = "source-archives/";

/// How long an archive is kept, in seconds: a week.
pub const KEPT_SECONDS: u64 = 7 * 24 * 3600;

/// How many characters of an application's name are in a file's name.
const LONGEST: usize = 100;

/// The file's name: that of the application and the date, in UTC, on which the archive was made. What
/// some system does not allow in a name becomes a dash.
pub fn file_name(application: &str, made_at: Timestamp) -> String {
    let allowed = |c: char| !c.is_control() && !r#"/\:*?"<>|"#.contains(c);
    let name: String =
        application.trim().chars().take(LONGEST).map(|c| if allowed(c) { c } else { '-' }).collect();
    // A leading dot would hide it.
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let name = if name.is_empty() { "source" } else { name };
    format!("{name} {}.tar.gz", made_at.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_the_application_and_the_date() {
        let made_at = "2026-03-01T23:59:59Z".parse().unwrap();
        let cases = [
            ("Guest book", "Guest book 2026-03-01.tar.gz"),
            ("Gästebuch „Süd“", "Gästebuch „Süd“ 2026-03-01.tar.gz"),
            ("../a/b\\c:\n\"d\"", "-a-b-c---d- 2026-03-01.tar.gz"),
            (" . ", "source 2026-03-01.tar.gz"),
        ];
        for (application, expected) in cases {
            assert_eq!(file_name(application, made_at), expected);
        }
    }
}
