//! The rules of a service: which task is started or stopped next, when a deployment has come to its end.
//! They know no process and no clock.
//!
//! They must never complete a deployment while a task of an earlier one may still run, nor let a task
//! that fails again and again be started again and again without a pause.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    Pace,
    kept::{Deployment, Kept, Rollout},
};

/// How many tasks of a deployment may fail before it has failed itself: ECS's circuit breaker, whose
/// least number is this.
const FAILURES: u32 = 3;

/// A service and the tasks that it has now.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) kept: Kept,
    pub(super) replicas: Vec<Replica>,
    /// The program is being ended.
    pub(super) closing: bool,
    /// Whether something has changed that is to be kept.
    pub(super) changed: bool,
    failures_in_a_row: u32,
    not_before: Option<Instant>,
    steady: bool,
}

/// A task of a service.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    /// The deployment that it belongs to.
    pub(super) deployment: String,
    pub(super) started: Instant,
    pub(super) phase: Phase,
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It runs, and whether it is well is not known yet.
    Starting,
    Healthy,
    /// It was told to end.
    Stopping,
}

/// Now, for measuring and for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) at: Timestamp,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Start a task of the newest deployment.
    Start,
    /// Tell this task to end.
    Stop(String),
    /// Nothing, until something happens or this moment comes.
    Wait(Option<Instant>),
}

impl Service {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            replicas: Vec::new(),
            closing: false,
            changed: true,
            failures_in_a_row: 0,
            not_before: None,
            steady: false,
        }
    }

    /// How many tasks of a deployment are in a phase.
    pub(super) fn count(&self, deployment: &str, phase: Phase) -> u32 {
        let counted = |replica: &&Replica| replica.deployment == deployment && replica.phase == phase;
        u32::try_from(self.replicas.iter().filter(counted).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn next(&self, now: Now, pace: &Pace) -> Step {
        let stop = |replica: &Replica| Step::Stop(replica.id.clone());
        let live = || self.replicas.iter().filter(|replica| replica.phase != Phase::Stopping);
        if self.closing {
            return live().next().map_or(Step::Wait(None), stop);
        }
        let primary = &self.kept.primary.id;
        let desired = usize::try_from(self.kept.desired).unwrap_or(usize::MAX);
        let (new, old): (Vec<_>, Vec<_>) = live().partition(|replica| replica.deployment == *primary);
        // An earlier task makes room once a new one has taken its place, as with a minimumHealthyPercent of
        // 100. Two tasks cannot listen on one port, however, so with a port the earlier one ends first, as
        // with a minimumHealthyPercent of 0 and a maximumPercent of 100.
        let healthy = new.iter().filter(|replica| replica.phase == Phase::Healthy).count();
        let alone = self.kept.described.port.is_some();
        let still_needed = if alone { 0 } else { desired.saturating_sub(healthy) };
        if let Some(replica) = old.get(still_needed) {
            return stop(replica);
        }
        if let Some(replica) = new.get(desired) {
            return stop(replica);
        }
        let starting = new.iter().any(|replica| replica.phase == Phase::Starting);
        let look = starting.then(|| now.instant + pace.look_every);
        if new.len() >= desired || (alone && !self.replicas.is_empty()) {
            return Step::Wait(look);
        }
        match self.not_before.filter(|moment| *moment > now.instant) {
            Some(moment) => Step::Wait(Some(look.map_or(moment, |look| look.min(moment)))),
            None => Step::Start,
        }
    }

    /// A new deployment of as many tasks as there should be.
    pub(super) fn deploy(&mut self, id: String, at: Timestamp) {
        let fresh = Deployment::new(id, self.kept.revision, at);
        let former = std::mem::replace(&mut self.kept.primary, fresh);
        self.kept.others.insert(0, former);
        self.failures_in_a_row = 0;
        self.not_before = None;
        self.disturbed();
    }

    /// From now on it should have so many tasks.
    pub(super) fn scale(&mut self, desired: u32, at: Timestamp) {
        if desired != self.kept.desired {
            self.kept.desired = desired;
            self.kept.primary.updated_at = at;
            self.disturbed();
        }
    }

    pub(super) fn started(&mut self, id: String, now: Now) {
        self.kept.say(now.at, &format!("has started 1 tasks: (task {id})."));
        let deployment = self.kept.primary.id.clone();
        self.replicas.push(Replica { id, deployment, started: now.instant, phase: Phase::Starting });
        self.disturbed();
    }

    /// A task of it could not be started.
    pub(super) fn not_started(&mut self, why: &str, now: Now, pace: &Pace) {
        let primary = self.kept.primary.id.clone();
        self.failed(&primary, &format!("was unable to start a task: {why}."), Duration::ZERO, now, pace);
    }

    /// A task is well, for all that can be seen.
    pub(super) fn healthy(&mut self, id: &str) {
        self.enter(id, Phase::Healthy);
    }

    /// A task was told to end.
    pub(super) fn stopping(&mut self, id: &str, at: Timestamp) {
        self.kept.say(at, &format!("has stopped 1 running tasks: (task {id})."));
        self.enter(id, Phase::Stopping);
    }

    /// A task did not become well in time, and was told to end.
    pub(super) fn unhealthy(&mut self, id: &str, why: &str, now: Now, pace: &Pace) {
        self.enter(id, Phase::Stopping);
        let Some(replica) = self.replicas.iter().find(|replica| replica.id == id) else { return };
        let deployment = replica.deployment.clone();
        self.failed(&deployment, &format!("(task {id}) was stopped: {why}."), Duration::ZERO, now, pace);
    }

    /// Nothing of a task runs any more. `how` it ended matters if nobody asked it to.
    pub(super) fn ended(&mut self, id: &str, how: &str, now: Now, pace: &Pace) {
        let Some(position) = self.replicas.iter().position(|replica| replica.id == id) else { return };
        let replica = self.replicas.remove(position);
        self.disturbed();
        if replica.phase != Phase::Stopping {
            let lived = now.instant.duration_since(replica.started);
            self.failed(&replica.deployment, &format!("(task {id}) {how}."), lived, now, pace);
        }
    }

    /// Ends what has come to its end: earlier deployments without a task, the newest one that has all.
    pub(super) fn settle(&mut self, at: Timestamp) {
        let Self { kept, replicas, .. } = self;
        let before = kept.others.len();
        kept.others.retain(|other| replicas.iter().any(|replica| replica.deployment == other.id));
        self.changed |= self.kept.others.len() != before;
        let id = self.kept.primary.id.clone();
        let whole = self.count(&id, Phase::Healthy) == self.kept.desired
            && self
                .replicas
                .iter()
                .all(|replica| replica.phase == Phase::Healthy && replica.deployment == id);
        if !whole || self.steady || self.closing {
            return;
        }
        if self.kept.primary.rollout == Rollout::InProgress {
            self.kept.primary.turn(Rollout::Completed, format!("ECS deployment {id} completed."), at);
            self.kept.say(at, &format!("(deployment {id}) deployment completed."));
        }
        self.kept.say(at, "has reached a steady state.");
        self.steady = true;
        self.changed = true;
    }

    fn enter(&mut self, id: &str, phase: Phase) {
        if let Some(replica) = self.replicas.iter_mut().find(|replica| replica.id == id) {
            replica.phase = phase;
            self.disturbed();
        }
    }

    fn failed(&mut self, deployment: &str, what: &str, lived: Duration, now: Now, pace: &Pace) {
        self.kept.say(now.at, what);
        self.disturbed();
        let primary = &mut self.kept.primary;
        if primary.id != deployment {
            return;
        }
        if primary.rollout != Rollout::Completed {
            primary.failed_tasks += 1;
        }
        if primary.rollout == Rollout::InProgress && primary.failed_tasks >= FAILURES {
            let reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
            primary.turn(Rollout::Failed, reason, now.at);
            let said = format!("(deployment {deployment}) deployment failed: tasks failed to start.");
            self.kept.say(now.at, &said);
        }
        if lived >= pace.longest_pause {
            self.failures_in_a_row = 0;
        }
        // At once after the first failure, then after a pause that doubles. Nobody waits for a deployment
        // that was given up.
        let doubled = match self.failures_in_a_row.checked_sub(1) {
            _ if self.kept.primary.rollout == Rollout::Failed => pace.longest_pause,
            None => Duration::ZERO,
            Some(doublings) => pace.first_pause * (1 << doublings.min(16)),
        };
        self.failures_in_a_row += 1;
        self.not_before = Some(now.instant + doubled.min(pace.longest_pause));
    }

    fn disturbed(&mut self) {
        self.steady = false;
        self.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::kept::{Described, Kept},
        *,
    };

    /// A service of so many tasks, and a clock that the test moves.
    struct Run {
        service: Service,
        now: Now,
        started: u32,
    }

    const PACE: Pace = Pace {
        well_after: Duration::from_secs(2),
        well_within: Duration::from_secs(60),
        look_every: Duration::from_millis(100),
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(60),
    };

    impl Run {
        fn new(desired: u32, port: Option<u16>) -> Self {
            let described = Described { command: vec!["serve".to_owned()], port, desired };
            let kept = Kept::new("web", described, "ecs-svc/1".to_owned(), Timestamp::UNIX_EPOCH);
            let now = Now { instant: Instant::now(), at: Timestamp::UNIX_EPOCH };
            Self { service: Service::new(kept), now, started: 0 }
        }

        /// Does what the rules say until they wait, and returns until when.
        fn go(&mut self) -> Option<Instant> {
            loop {
                self.service.settle(self.now.at);
                match self.service.next(self.now, &PACE) {
                    Step::Start => {
                        self.started += 1;
                        self.service.started(self.started.to_string(), self.now);
                    }
                    Step::Stop(task) => self.service.stopping(&task, self.now.at),
                    Step::Wait(until) => return until,
                }
            }
        }

        fn phases(&self) -> Vec<(&str, Phase)> {
            self.service.replicas.iter().map(|replica| (replica.id.as_str(), replica.phase)).collect()
        }

        fn healthy(&mut self, task: &str) {
            self.service.healthy(task);
            self.go();
        }

        fn dies(&mut self, task: u32) {
            self.service.ended(&task.to_string(), "ended by itself with exit code 1", self.now, &PACE);
        }
    }

    #[test]
    fn a_service_that_crashes_all_day_is_started_about_once_a_minute() {
        for in_progress in [true, false] {
            let mut run = Run::new(1, Some(8090));
            run.go();
            if !in_progress {
                run.healthy("1");
            }
            let end = run.now.instant + Duration::from_secs(3600);
            while run.now.instant < end {
                run.dies(run.started);
                if let Some(moment) = run.go() {
                    run.now.instant = run.now.instant.max(moment);
                }
            }
            assert!((60..75).contains(&run.started), "{} starts in an hour", run.started);
            let expected = if in_progress { Rollout::Failed } else { Rollout::Completed };
            assert_eq!(run.service.kept.primary.rollout, expected);
        }
    }

    #[test]
    fn one_old_task_makes_room_for_each_new_one_that_is_well() {
        use Phase::{Healthy, Starting, Stopping};
        let mut run = Run::new(2, None);
        run.go();
        run.healthy("1");
        run.healthy("2");
        run.service.deploy("ecs-svc/2".to_owned(), run.now.at);
        run.go();
        assert_eq!(run.phases(), [("1", Healthy), ("2", Healthy), ("3", Starting), ("4", Starting)]);
        run.healthy("3");
        assert_eq!(run.phases(), [("1", Healthy), ("2", Stopping), ("3", Healthy), ("4", Starting)]);
        run.healthy("4");
        run.dies(2);
        run.go();
        assert_eq!(run.service.kept.primary.rollout, Rollout::InProgress, "an old task still runs");
        run.dies(1);
        run.go();
        assert_eq!(run.service.kept.primary.rollout, Rollout::Completed);
        assert_eq!(run.service.kept.others, []);
    }

    #[test]
    fn on_a_port_the_old_task_is_gone_before_the_new_one_is_started() {
        let mut run = Run::new(1, Some(8090));
        run.go();
        run.healthy("1");
        run.service.deploy("ecs-svc/2".to_owned(), run.now.at);
        run.go();
        assert_eq!(run.phases(), [("1", Phase::Stopping)]);
        run.dies(1);
        run.go();
        assert_eq!(run.phases(), [("2", Phase::Starting)]);
        assert_eq!(run.service.kept.primary.failed_tasks, 0);
    }
}
