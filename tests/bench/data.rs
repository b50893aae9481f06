//! Backups and restores, against others with the same data on the same machine, in turns.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lambda_http::http::StatusCode;
use nightkeep_domain::{operation::Kind, record::Status};
use nightkeep_tests::{
    between::{Service, Verdict, Who},
    machine::Machine,
    postgres::Postgres,
};
use serde_json::json;

use crate::{
    peers::{Peer, Tool, root},
    process::{Usage, Watch, timed},
    results::Results,
};

/// How much of real files there is.
const FILES: u64 = 2 << 30;

/// Rows of the database; their dump has about 500 MB.
const ROWS: u64 = 1_500_000;

/// How far away S3 is where it is not on the same machine.
const FAR: Duration = Duration::from_millis(40);

/// How long an operation may take.
const LIMIT: Duration = Duration::from_secs(3600);

/// Of so many files, or rows, one changes.
const ONE_IN: usize = 100;

/// What is backed up.
struct Material {
    tree: PathBuf,
    /// The dump, and the dump after some rows have changed.
    dumps: [PathBuf; 2],
}

/// One tool or Nightkeep itself, in one round.
struct Round<'a> {
    machine: Machine,
    material: &'a Material,
    peers: Vec<Peer>,
    /// For what is only of this round.
    place: PathBuf,
    far: bool,
    /// The record that is restored: not the newest, which a restore makes itself.
    record: String,
    results: &'a mut Results,
}

/// Measures everything, `rounds` times.
pub(crate) async fn measure(results: &mut Results, rounds: u32) {
    let material = material();
    // A run that does not come to its end leaves the files in any state.
    fs::remove_file(material.whole()).unwrap();
    for far in [false, true] {
        for number in 0..rounds {
            eprintln!("data: round {} of {rounds}, S3 {}", number + 1, if far { "far away" } else { "near" });
            let machine = if far { Machine::start().await } else { Machine::straight().await };
            let folder = tempfile::tempdir_in(root().join("target/bench")).unwrap();
            let tools = if far { &[Tool::Restic][..] } else { &Tool::ALL };
            let peers =
                tools.iter().map(|&tool| Peer::new(tool, folder.path(), machine.environment(Who::Agent)));
            let peers = peers.collect();
            let place = folder.path().to_owned();
            let round =
                Round { machine, material: &material, peers, place, far, record: String::new(), results };
            round.run(number).await;
        }
    }
    fs::write(material.whole(), "").unwrap();
}

impl Material {
    /// What is there if the rest is as it was gathered, but for a few bytes.
    fn whole(&self) -> PathBuf {
        self.tree.with_file_name("whole")
    }
}

impl Round<'_> {
    async fn run(mut self, number: u32) {
        let tree = self.material.tree.clone();
        self.machine
            .describe(&format!("name = \"Bench\"\n[[source]]\nname = \"files\"\ndirectory = {tree:?}\n"));
        self.back_up("first full backup", number, 0).await;
        self.back_up("nothing changed", number, 1).await;
        change(&tree, number * 10);
        self.back_up("1 % of files changed", number, 2).await;
        self.record = self.machine.newest().await;

        // Others give every file a new time of its last change, so their turn is at the end.
        let in_place = "restore in place, 1 % differs";
        change(&tree, number * 10 + 1);
        self.nightkeep(in_place, Kind::Restore).await;

        // A file system avoids for a while what was just removed from it.
        fs::rename(&tree, self.place.join("lost")).unwrap();
        fs::create_dir(&tree).unwrap();
        self.all("restore into an empty folder", number, Kind::Restore, |peer| {
            let into = peer.restored(Path::new("/"));
            Some(peer.restore(2, &into, &into))
        })
        .await;
        for peer in self.peers.iter().filter(|peer| peer.tool == Tool::Restic) {
            same(&tree, &peer.restored(&tree));
        }
        self.peers(in_place, |peer| {
            change(&tree, number * 10 + 1);
            if peer.tool == Tool::Restic {
                // It takes a link that is there already for an error.
                remove_links(&tree);
            }
            Some(peer.restore(2, Path::new("/"), &tree))
        });

        for (position, dump) in self.material.dumps.clone().into_iter().enumerate() {
            self.machine.describe(&format!(
                "name = \"Bench\"\n[[source]]\nname = \"database\"\ndump = [\"cat\", {dump:?}]\n"
            ));
            let work = ["PostgreSQL dump, in full", "PostgreSQL dump, 1 % of rows changed"][position];
            self.all(work, number, Kind::Backup, |peer| peer.back_up_dump(&dump, position as u32)).await;
        }
    }

    async fn back_up(&mut self, work: &str, number: u32, backup: u32) {
        let tree = self.material.tree.clone();
        self.all(work, number, Kind::Backup, |peer| Some(peer.back_up(&tree, backup))).await;
    }

    /// Has everybody do the same work, in turns: who is first in one round is last in the next.
    async fn all(&mut self, work: &str, number: u32, kind: Kind, command: impl Fn(&Peer) -> Option<Command>) {
        if number.is_multiple_of(2) {
            self.nightkeep(work, kind).await;
        }
        self.peers(work, command);
        if !number.is_multiple_of(2) {
            self.nightkeep(work, kind).await;
        }
    }

    fn peers(&mut self, work: &str, command: impl Fn(&Peer) -> Option<Command>) {
        for position in 0..self.peers.len() {
            let peer = &self.peers[position];
            peer.forget_cache();
            let Some(command) = command(peer) else { continue };
            let name = peer.tool.name();
            self.listen();
            let usage = tokio::task::block_in_place(|| timed(&command));
            self.note(work, name, usage.json());
        }
    }

    async fn nightkeep(&mut self, work: &str, kind: Kind) {
        self.machine.forget_cache();
        self.listen();
        let watch = Watch::begin(&self.machine);
        let begun = match kind {
            Kind::Restore => self.machine.restore(&self.record).await,
            Kind::Backup | Kind::SourceArchive | Kind::Restart | Kind::Purge => {
                self.machine.begin(kind).await
            }
        };
        let usage = finished(&mut self.machine, kind, watch, begun).await;
        self.note(work, "nightkeep", usage.json());
    }

    /// Begins to count requests, and has those to S3 take their time if it is far away. What others have
    /// left in memory is on the disk before, so that nobody waits for it.
    fn listen(&self) {
        rustix::fs::sync();
        let far = self.far;
        self.machine.between().follow(move |call| {
            if far && call.service == Service::S3 { Verdict::Late(FAR) } else { Verdict::Pass }
        });
    }

    fn note(&mut self, work: &str, tool: &str, mut usage: serde_json::Value) {
        if self.far {
            let calls = self.machine.between().calls();
            usage["requests"] = json!(calls.iter().filter(|call| call.service == Service::S3).count());
        }
        let place = if self.far { "far" } else { "near" };
        self.results.add(&["data", place, work, tool], usage);
    }
}

/// Has the machine do an operation, which has to succeed, and says what its last agent took: the first
/// agent of a restore makes the safety backup.
pub(crate) async fn at_work(machine: &mut Machine, kind: Kind) -> Usage {
    let watch = Watch::begin(machine);
    let begun = machine.begin(kind).await;
    finished(machine, kind, watch, begun).await
}

async fn finished(machine: &mut Machine, kind: Kind, watch: Watch, begun: Option<StatusCode>) -> Usage {
    assert!(begun.is_some_and(|status| status.is_success()), "{kind:?}");
    machine.settled_within(LIMIT).await;
    let agents = watch.end();
    if kind != Kind::Purge {
        let newest = machine.ledger().records(None, 1).await.unwrap().records.remove(0);
        assert_eq!(newest.status, Status::Success, "{kind:?}: {}", machine.log());
    }
    *agents.last().unwrap()
}

/// Real files, and a real dump, made once and kept in `target/bench`.
fn material() -> Material {
    let folder = root().join("target/bench/material");
    let material =
        Material { tree: folder.join("tree"), dumps: [folder.join("dump-1"), folder.join("dump-2")] };
    if !material.whole().exists() {
        eprintln!("data: gathering {FILES} bytes of real files");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&material.tree).unwrap();
        gather(&material.tree);
        dump(&folder);
        fs::write(material.whole(), "").unwrap();
    }
    material
}

/// Copies a cargo registry and an operating system's own files, until there are enough.
fn gather(tree: &Path) {
    let home = std::env::var("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|_| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"));
    let places = [home.join("registry"), "/usr/share".into(), "/usr/bin".into(), "/usr/lib".into()];
    let mut copied = 0;
    for (number, place) in places.iter().enumerate() {
        for entry in walkdir::WalkDir::new(place).sort_by_file_name().into_iter().flatten() {
            if copied >= FILES {
                return;
            }
            let target = tree.join(number.to_string()).join(entry.path().strip_prefix(place).unwrap());
            let kind = entry.file_type();
            if kind.is_dir() {
                fs::create_dir_all(target).unwrap();
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
            } else if kind.is_file() {
                copied += fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    panic!("this machine has only {copied} bytes of files");
}

/// Dumps a database, changes some of its rows, and dumps it again.
fn dump(folder: &Path) {
    let database = Postgres::start();
    database.sql(
        "app",
        &format!(
            "CREATE TABLE visit (id bigint PRIMARY KEY, person uuid, signed_at timestamptz, message text);
             SELECT setseed(0.5);
             INSERT INTO visit SELECT number, gen_random_uuid(), now() - number * interval '1 minute',
                 (SELECT string_agg(md5((number * 7 + part)::text), ' ') FROM generate_series(1, 8) AS part)
             FROM generate_series(1, {ROWS}) AS number"
        ),
    );
    let into = |name: &str| fs::write(folder.join(name), database.dump("app")).unwrap();
    into("dump-1");
    database.sql("app", &format!("UPDATE visit SET message = 'changed ' || message WHERE id % {ONE_IN} = 0"));
    into("dump-2");
}

/// Changes some of the files: one byte of each, and with it the time.
fn change(tree: &Path, tag: u32) {
    let files = walkdir::WalkDir::new(tree).sort_by_file_name().into_iter().flatten();
    let files = files.filter(|entry| entry.file_type().is_file()).skip(tag as usize % ONE_IN).step_by(ONE_IN);
    for entry in files {
        let file = fs::OpenOptions::new().write(true).open(entry.path()).unwrap();
        let length = file.metadata().unwrap().len();
        file.write_at(&[tag as u8], length / 2).unwrap();
    }
}

fn remove_links(tree: &Path) {
    let files = walkdir::WalkDir::new(tree).into_iter().flatten();
    for link in files.filter(|entry| entry.file_type().is_symlink()) {
        fs::remove_file(link.path()).unwrap();
    }
}

/// Both restores have to have led to the same.
fn same(one: &Path, other: &Path) {
    nightkeep_tests::run(Command::new("diff").args(["--recursive", "--no-dereference"]).arg(one).arg(other));
}
