//! The moment before an operation, the same for every run of it, and the endings that it may have.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use nightkeep_domain::{
    operation::Kind,
    record::{RecordKind, Status},
};
use nightkeep_tests::{
    files::noise,
    machine::{Ending, Machine},
};

/// How many machines run at once: more than there are processors, since they wait most of the time.
pub(crate) const AT_ONCE: usize = 4;

/// Every kind of operation.
pub(crate) const KINDS: [Kind; 5] =
    [Kind::Backup, Kind::Restore, Kind::Restart, Kind::SourceArchive, Kind::Purge];

/// A machine with an application, a backup that has expired, one that has not, and data that has changed
/// since.
pub(crate) async fn prepared() -> Machine {
    let mut machine = Machine::start().await;
    let tree = machine.tree();
    fs::write(tree.join("constant"), noise(1, 300_000)).unwrap();
    fs::write(tree.join("folder/changing"), noise(2, 50_000)).unwrap();
    machine.write_book("the first entry\n");
    machine.aged_backup(100).await;
    fs::write(tree.join("folder/changing"), noise(3, 50_000)).unwrap();
    fs::write(tree.join("removed later"), "by somebody").unwrap();
    machine.write_book("the first entry\nthe second entry\n");
    machine.aged_backup(1).await;
    fs::write(tree.join("folder/changing"), noise(4, 60_000)).unwrap();
    fs::write(tree.join("added later"), "by somebody").unwrap();
    fs::remove_file(tree.join("removed later")).unwrap();
    machine.write_book("something else\n");
    machine.ending().await;
    machine
}

/// Runs for 1, 2, 3 and so on, several at once, until a run says that there was nothing for its number. How
/// many there were.
pub(crate) async fn one_by_one<F: Future<Output = bool> + Send>(
    run: impl Fn(usize) -> F + Clone + Send + 'static,
) -> usize {
    let next = Arc::new(AtomicUsize::new(1));
    let running = (0..AT_ONCE).map(|_| {
        let (run, next) = (run.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, SeqCst);
                if !run(number).await {
                    return number - 1;
                }
            }
        })
    });
    let mut least = usize::MAX;
    for one in running.collect::<Vec<_>>() {
        least = least.min(one.await.unwrap());
    }
    least
}

/// How an operation may end: as if nothing had happened, or, for a restore that was stopped while it
/// wrote, with everything put back.
pub(crate) struct Endings {
    /// As it was before.
    pub(crate) before: Ending,
    /// As the operation leaves it.
    pub(crate) good: Ending,
}

impl Endings {
    /// Of an operation of `kind` that nothing disturbs.
    pub(crate) async fn of(prepared: &Machine, kind: Kind) -> Self {
        let mut machine = prepared.copy().await;
        let before = machine.ending().await;
        machine.begin(kind).await.unwrap();
        machine.settled().await;
        let good = machine.ending().await;
        let last = match kind {
            Kind::Backup | Kind::Restore => good.records[0].status,
            Kind::Restart | Kind::SourceArchive | Kind::Purge => good.activities[0].1,
        };
        assert_eq!(last, Status::Success, "{good:#?}");
        Self { before, good }
    }

    /// Fails unless a disturbed operation has ended well.
    pub(crate) fn expect(&self, ending: &Ending, disturbed: &str) {
        if ending == &self.good {
            return;
        }
        // A restore that was stopped while it wrote is put back, and says so.
        let (mut records, put_back) = (self.good.records.clone(), &ending.records[0]);
        let said = put_back.code.as_deref() == Some("task_vanished");
        if put_back.kind == RecordKind::Restore && put_back.put_back == Some(true) && said {
            records[0] = put_back.clone();
            let expected = Ending { records, ..self.before.clone() };
            if ending == &expected {
                return;
            }
        }
        panic!("{disturbed}\nended as\n{ending:#?}\ninstead of\n{:#?}", self.good);
    }

    /// Fails unless a disturbed operation has ended well, or has failed well: it says why, and the data are
    /// as they were.
    pub(crate) fn expect_or_failed(&self, ending: &Ending, disturbed: &str) {
        if ending == &self.good {
            return;
        }
        let why = format!("{disturbed}\nended as\n{ending:#?}\nafter\n{:#?}", self.before);
        let records = ending.records.iter().filter(|record| !self.before.records.contains(record));
        let activities =
            ending.activities.iter().filter(|activity| !self.before.activities.contains(activity));
        let failed = records.map(|record| (record.status, record.code.is_some()));
        let failed = failed.chain(activities.map(|activity| (activity.1, true)));
        let newest = failed.clone().next();
        assert_eq!(newest, Some((Status::Failed, true)), "{why}");
        assert_eq!((&ending.tree, &ending.book), (&self.before.tree, &self.before.book), "{why}");
    }
}
