//! Many who look at once while a backup is in progress: nobody may see an error, and the backup may not
//! take longer for it.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use std::time::{Duration, Instant};

use nightkeep_tests::console::Console;
use reqwest::{Client, StatusCode, header};
use tokio::sync::watch;

/// How many pages are open.
const PAGES: usize = 200;

/// How often a page asks while an operation is in progress.
const ASKS_EVERY: Duration = Duration::from_secs(2);

/// How much longer a backup may take for it, at most: by 5 %.
const MOST: f64 = 1.05;

/// How often the two are compared before it is believed that pages slow a backup.
const PAIRS: usize = 3;

/// How long a backup may take at all.
const LIMIT: Duration = Duration::from_secs(600);

/// What a page loads first.
const LOADED: [&str; 4] = ["/", "/style.css", "/main.js", "/api/records"];

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_pages_are_open_during_a_backup() {
    let seconds = if std::env::var_os("NIGHTKEEP_LONG").is_some() { 120 } else { 30 };
    // A database that gives a megabyte a second.
    let script = format!("for _ in $(seq {seconds}); do head -c 1000000 /dev/urandom; sleep 1; done");
    let source = format!("[[source]]\nname = \"database\"\ndump = [\"sh\", \"-c\", {script:?}]\n");
    let console = Console::start(&source).await;
    // What else the machine does for a while slows one of the two; pages would slow each.
    let mut slower = Vec::new();
    while slower.len() < PAIRS && slower.last().is_none_or(|ratio| *ratio > MOST) {
        let alone = timed(&console).await;
        let (watched, answers) = watched(&console).await;
        let (half, most) = (answers[answers.len() / 2], answers[answers.len() * 99 / 100]);
        println!(
            "figure: a backup alone {alone:.2?}, with {PAGES} pages {watched:.2?}; {} answers, half within {half:.1?}, 99 of 100 within {most:.1?}",
            answers.len()
        );
        assert!(answers.len() > PAGES * 10, "pages have asked");
        slower.push(watched.as_secs_f64() / alone.as_secs_f64());
    }
    assert!(slower.last().is_some_and(|ratio| *ratio <= MOST), "slowed each time: {slower:.2?}");
}

/// How long a backup takes while pages are open, and how long their answers, shortest first.
async fn watched(console: &Console) -> (Duration, Vec<Duration>) {
    let (stop, stopped) = watch::channel(());
    let url = console.url("");
    let pages: Vec<_> =
        (0..PAGES).map(|number| tokio::spawn(look(url.clone(), number, stopped.clone()))).collect();
    let watched = timed(console).await;
    drop(stop);
    let mut answers = Vec::new();
    for page in pages {
        answers.append(&mut page.await.unwrap());
    }
    answers.sort_unstable();
    (watched, answers)
}

/// How long a backup takes, which is longer than stories wait for anything else.
async fn timed(console: &Console) -> Duration {
    let began = Instant::now();
    let id = console.begin_backup("").await;
    let mut record = console.record(&id).await;
    while record["status"] == "IN_PROGRESS" && began.elapsed() < LIMIT {
        tokio::time::sleep(Duration::from_millis(100)).await;
        record = console.record(&id).await;
    }
    assert_eq!(record["status"], "SUCCESS", "{record:#}");
    began.elapsed()
}

/// A page: loads, then asks for the state every two seconds. How long each answer took.
async fn look(url: String, number: usize, mut stopped: watch::Receiver<()>) -> Vec<Duration> {
    let client = Client::new();
    let mut answers = Vec::new();
    // They were not all opened at the same moment.
    tokio::time::sleep(ASKS_EVERY * u32::try_from(number).unwrap() / u32::try_from(PAGES).unwrap()).await;
    for path in LOADED.iter().chain(std::iter::repeat(&"/api/state")) {
        let began = Instant::now();
        let answer =
            client.get(format!("{url}{path}")).header(header::ACCEPT_ENCODING, "br").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "page {number}: {path}");
        answer.bytes().await.unwrap();
        answers.push(began.elapsed());
        if *path == "/api/state" {
            tokio::select! {
                () = tokio::time::sleep(ASKS_EVERY) => {}
                _ = stopped.changed() => break,
            }
        }
    }
    answers
}
