//! A clock that a story moves. The program and all that it starts see it instead of the machine's, by
//! libfaketime; how long things take stays real.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use jiff::{SignedDuration, Timestamp};

/// Where Debian keeps the library: in a folder of each architecture.
const LIBRARY: &str = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/// A clock whose distance from the machine's is in a file.
#[derive(Debug, Clone)]
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// A clock at `now`.
    pub(crate) fn at(file: &Path, now: Timestamp) -> Self {
        let clock = Self { file: file.to_owned() };
        clock.set(now);
        clock
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead()
    }

    /// Sets it, forth or back.
    pub fn set(&self, now: Timestamp) {
        // Rather a millisecond more than one less, which would be the minute before.
        let ahead = now.duration_since(Timestamp::now()).as_millis() + 1;
        let new = self.file.with_extension("new");
        let (sign, size) = (if ahead < 0 { '-' } else { '+' }, ahead.unsigned_abs());
        fs::write(&new, format!("{sign}{}.{:03}", size / 1000, size % 1000)).expect("writing the clock");
        fs::rename(&new, &self.file).expect("setting the clock");
    }

    /// Moves it on.
    pub fn forward(&self, by: SignedDuration) {
        self.set(self.now() + by);
    }

    fn ahead(&self) -> SignedDuration {
        let text = fs::read_to_string(&self.file).expect("the clock");
        let milliseconds: i64 = text.replace('.', "").parse().expect("the clock's distance");
        SignedDuration::from_millis(milliseconds)
    }

    /// The variables by which a process sees it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", LIBRARY.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // How long things take, and when files were written, stays as it is.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// The clock for an AWS client of the story's own.
    pub(crate) fn source(&self) -> SharedTimeSource {
        SharedTimeSource::new(self.clone())
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let now = Clock::now(self).duration_since(Timestamp::UNIX_EPOCH);
        SystemTime::UNIX_EPOCH + Duration::try_from(now).unwrap_or_default()
    }
}
