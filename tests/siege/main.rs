//! A long siege of the real program: an application that is written to, three clients that ask for
//! whatever comes into their heads, and somebody who kills the agent, the services and the whole program.
//!
//! In the end every backup that says SUCCESS has to hold exactly what was there when it was taken, which
//! plain restic and PostgreSQL say, and nothing may hang or be left over.
//!
//! It lasts ten minutes, or as many as `NIGHTKEEP_SIEGE_MINUTES` says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

mod attackers;
mod judge;
mod witness;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use nightkeep_tests::{chance::Chance, console::Console, postgres::Postgres};
use tokio::sync::{Mutex, watch};

/// The application's table, as it is and as a text.
const TABLE: &str = "SELECT * FROM guestbook_entry ORDER BY id";

/// What everybody sees of the siege.
struct Siege {
    chance: Chance,
    console: Mutex<Console>,
    /// Where the page is now; empty while the program is dead.
    address: watch::Sender<String>,
    database: Postgres,
    /// The application's folder, and where its guest book is signed.
    folder: PathBuf,
    guest_book: String,
    client: reqwest::Client,
    ends: Instant,
    /// Whether all who ask, write and kill have gone.
    alone: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_in_a_long_siege() {
    let minutes = std::env::var("NIGHTKEEP_SIEGE_MINUTES").map_or(10.0, |text| text.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("uploads");
    fs::create_dir_all(folder.join("entries")).unwrap();
    fs::write(folder.join("welcome"), "Welcome.\n").unwrap();
    let database = Postgres::start();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sources = format!(
        "[[source]]\nname = \"uploads\"\ndirectory = {folder:?}\n{}\
         [[service]]\nname = \"guestbook\"\nport = {port}\n\
         command = [\"/proc/self/exe\", \"guestbook\", \"--port\", \"{port}\", \"--folder\", {entries:?}, \"--database\", {url:?}]\n",
        database.source(),
        entries = folder.join("entries"),
        url = format!("host={} user=app dbname=app", database.host().display()),
    );
    let console = Console::start_with(&["--settle-seconds", "5"], &sources).await;
    let siege = Arc::new(Siege {
        chance: Chance::seeded(),
        address: watch::Sender::new(console.url("")),
        console: Mutex::new(console),
        database,
        folder,
        guest_book: format!("http://127.0.0.1:{port}/"),
        client: reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
        ends: Instant::now() + Duration::from_secs_f64(60.0 * minutes),
        alone: AtomicBool::new(false),
    });

    // The guest book makes its table with the first entry.
    nightkeep_tests::until("the guest book takes an entry", || async {
        attackers::sign(&siege, "the first").await.then_some(())
    })
    .await;
    let witness = tokio::spawn(witness::watch(Arc::clone(&siege)));
    let writer = tokio::spawn(attackers::write(Arc::clone(&siege)));
    let clients = (0..3).map(|number| tokio::spawn(attackers::ask(Arc::clone(&siege), number)));
    let clients: Vec<_> = clients.collect();
    let killer = tokio::spawn(attackers::kill(Arc::clone(&siege)));
    let killed = killer.await.unwrap();
    let mut asked = attackers::Asked::default();
    for client in clients {
        asked.add(&client.await.unwrap());
    }
    let signed = writer.await.unwrap();
    siege.alone.store(true, SeqCst);
    let seen = witness.await.unwrap();
    println!("figure: in {minutes} minutes {signed} entries signed, {asked}; killed: {killed}");
    judge::judge(&siege, &seen).await;
}

impl Siege {
    fn over(&self) -> bool {
        Instant::now() >= self.ends
    }

    /// Where the page is, once the program lives.
    async fn url(&self, path: &str) -> String {
        let mut address = self.address.subscribe();
        let address = address.wait_for(|address| !address.is_empty()).await.unwrap();
        format!("{}{path}", *address)
    }
}
