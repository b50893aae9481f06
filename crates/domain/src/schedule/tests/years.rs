//! Whole years, minute by minute, against what a clock on the wall would say.

use std::{collections::BTreeMap, thread};

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{Console, nightly};

const ZONES: [(&str, i16); 5] = [
    ("Europe/Berlin", 2026),
    ("America/New_York", 2026),
    ("Asia/Kolkata", 2026),
    ("Australia/Lord_Howe", 2026),
    ("Pacific/Apia", 2011),
];

#[test]
fn s17_one_backup_for_each_local_date_and_never_late_at_midnight() {
    through_the_years("00:00");
}

#[test]
fn s17_one_backup_for_each_local_date_and_never_late_at_half_past_two() {
    through_the_years("02:30");
}

#[test]
fn s17_one_backup_for_each_local_date_and_never_late_at_the_last_minute() {
    through_the_years("23:59");
}

fn through_the_years(time: &str) {
    thread::scope(|scope| {
        for (zone, year) in ZONES {
            scope.spawn(move || through_the_year(time, zone, year));
        }
    });
}

fn through_the_year(time: &str, zone: &str, year: i16) {
    let nightly = nightly(time, zone);
    let start = Date::new(year, 1, 1).unwrap().to_zoned(nightly.zone.clone()).unwrap().timestamp();
    let end = Date::new(year + 1, 1, 1).unwrap().to_zoned(nightly.zone.clone()).unwrap().timestamp();
    let mut console = Console::default();
    // The first minute of each date at which a clock on the wall shows the time or more.
    let mut expected: BTreeMap<Date, Timestamp> = BTreeMap::new();
    let mut today = None;
    let mut now = start;
    while now < end {
        let wall = nightly.zone.to_datetime(now);
        if let Some(yesterday) = today.filter(|today| *today < wall.date()) {
            expected.entry(yesterday).or_insert(now);
        }
        today = Some(wall.date());
        if wall.time() >= nightly.time {
            expected.entry(wall.date()).or_insert(now);
        }
        console.tick(&nightly, now);
        now += SignedDuration::from_mins(1);
    }
    let before = |(date, _): &&(Date, Timestamp)| date.year() == year;
    let begun: Vec<(Date, Timestamp)> = console.begun.iter().filter(before).copied().collect();
    let expected: Vec<(Date, Timestamp)> = expected.into_iter().collect();
    assert_eq!(begun, expected, "{zone} {time}");
    let days = if zone == "Pacific/Apia" { 364 } else { 365 };
    assert_eq!(begun.len(), days, "{zone} {time}");
}
