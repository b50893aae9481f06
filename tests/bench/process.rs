//! What a process took: time, processor, memory. Source: Linux' `/proc`, and GNU time.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nightkeep_tests::machine::Machine;
use rustix::process::Pid;
use serde_json::{Value, json};

/// Ticks of `/proc` in a second, which is fixed in Linux' interface.
const TICKS: f64 = 100.0;

/// How often a process is looked at, and how often new ones are looked for.
const LOOK: Duration = Duration::from_millis(5);

/// What a piece of work took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// From the start of its process to its end, in seconds.
    pub(crate) wall: f64,
    /// Of all processors together, in seconds.
    pub(crate) cpu: f64,
    /// The most memory that was resident at once, in bytes.
    pub(crate) peak: u64,
}

impl Usage {
    pub(crate) fn json(self) -> Value {
        json!({ "wall": self.wall, "cpu": self.cpu, "peak": self.peak })
    }
}

/// Runs a command that has to succeed, and says what it and its children took. The memory is that of the
/// largest of them.
pub(crate) fn timed(command: &Command) -> Usage {
    let place = tempfile::NamedTempFile::new().unwrap();
    let mut time = Command::new("/usr/bin/time");
    time.args(["--format", "%U %S %M", "--output"]).arg(place.path()).arg("--");
    time.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        time.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = command.get_current_dir() {
        time.current_dir(folder);
    }
    let began = Instant::now();
    nightkeep_tests::run(&mut time);
    let wall = began.elapsed().as_secs_f64();
    let text = fs::read_to_string(place.path()).unwrap();
    let mut numbers = text.lines().last().unwrap().split(' ').map(|number| number.parse::<f64>().unwrap());
    let mut next = || numbers.next().unwrap();
    let cpu = next() + next();
    Usage { wall, cpu, peak: (next() * 1024.0) as u64 }
}

/// Follows the agents of a machine until it is asked what they took.
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    watching: JoinHandle<Vec<Usage>>,
}

impl Watch {
    pub(crate) fn begin(machine: &Machine) -> Self {
        let (over, find) = (Arc::new(AtomicBool::new(false)), machine.agents());
        let ending = Arc::clone(&over);
        let watching = thread::spawn(move || {
            let mut seen = BTreeMap::new();
            while !ending.load(SeqCst) {
                for pid in find() {
                    if let Some(usage) = follow(pid) {
                        seen.insert(seen.len(), usage);
                    }
                }
                pause();
            }
            seen.into_values().collect()
        });
        Self { over, watching }
    }

    /// What each agent took, in their order.
    pub(crate) fn end(self) -> Vec<Usage> {
        self.over.store(true, SeqCst);
        self.watching.join().unwrap()
    }
}

/// Follows a process to its end. None if it has ended before it was looked at.
pub(crate) fn follow(pid: Pid) -> Option<Usage> {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    let started = stat(pid)?.started;
    let began = Instant::now().checked_sub(Duration::from_secs_f64((uptime - started).max(0.0)))?;
    let mut usage = Usage { wall: 0.0, cpu: 0.0, peak: 0 };
    while let Some(now) = stat(pid) {
        usage.wall = began.elapsed().as_secs_f64();
        usage.cpu = now.cpu;
        if now.ended {
            break;
        }
        usage.peak = peak(pid).unwrap_or(usage.peak);
        pause();
    }
    Some(usage)
}

/// The most memory that a process had resident so far, in bytes.
pub(crate) fn peak(pid: Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The time that a process had of all processors so far, in seconds.
pub(crate) fn cpu(pid: Pid) -> Option<f64> {
    stat(pid).map(|stat| stat.cpu)
}

struct Stat {
    ended: bool,
    cpu: f64,
    /// After the machine's start.
    started: f64,
}

fn stat(pid: Pid) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        ended: matches!(*fields.first()?, "Z" | "X"),
        // Its own, and that of the commands that it has run.
        cpu: (ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?) / TICKS,
        started: ticks(19)? / TICKS,
    })
}

#[expect(clippy::disallowed_methods, reason = "processes don't say when they have grown")]
fn pause() {
    thread::sleep(LOOK);
}
