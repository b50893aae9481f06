//! Everything around the rule, and what can happen to it.

use jiff::{SignedDuration, Timestamp};
use nightkeep_domain::{
    cause::Cause,
    identifier::{OperationId, RecordId},
    next::{Act, Ending, Seen, Sight, Step, deployed, next, refused, started},
    operation::{
        Assignment, Kind, Operation, Purged, Report, Restored, SourceArchive, StageName, StageState,
    },
};

use crate::{
    Broken, System,
    ecs::{Agent, Service, Shown, State, Task},
    stored::Stored,
};

/// What a stage may take, in seconds: longer than a task may take to come up.
const LONGEST: i64 = 1000;

/// By how many seconds the clock goes on: a little more than what ECS shows may lag behind, and a little
/// more than a task may take to come up. All that is shorter is the order of events between two ticks.
const TICKS: [i64; 2] = [61, 601];

/// How a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Absent,
    InProgress,
    Success,
    Failed,
}

/// A worker function's invocation. Whatever it has in hand is lost when it is killed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    Idle,
    /// It has read the operation.
    Read(Stored),
    /// It has looked at ECS, too: at the attempt's task, and at the service.
    Looked(Stored, Option<Shown>, Option<Service>),
    /// ECS has answered; this is to be stored.
    Did(Stored, Stored, bool),
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) ticks: u8,
    pub(crate) faults: u8,
    pub(crate) begun: u8,
    pub(crate) operation: Option<Stored>,
    pub(crate) maintenance: bool,
    pub(crate) stuck: bool,
    pub(crate) record: Status,
    pub(crate) safety_backup: Status,
    pub(crate) workers: Vec<Worker>,
    pub(crate) tasks: Vec<(String, Task)>,
    pub(crate) service: Service,
    /// What ECS showed of the service when the clock last went on.
    pub(crate) service_shown: Service,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// Somebody asks for an operation.
    Begin,
    /// The clock goes on. No invocation survives that: Lambda has ended it.
    Tick(i64),
    /// A worker, woken by whatever it may be, reads the operation.
    Read(usize),
    /// It looks at ECS, which shows this.
    Look(usize, Option<Shown>, Option<Service>),
    /// It does what the rule says.
    Step(usize),
    /// It has ECS do what the rule says, but the answer is lost.
    StepUnanswered(usize),
    /// ECS refuses that for good.
    StepRefused(usize),
    /// It stores what came of it.
    Store(usize),
    /// It is killed.
    Kill(usize),
    /// A task comes up.
    Up(usize),
    /// Its agent claims its attempt.
    Claim(usize),
    /// It does, but the answer is lost.
    ClaimUnanswered(usize),
    /// The agent of a restore writes down that data is touched from now on.
    Touch(usize),
    /// The agent reports success, its last act.
    Report(usize),
    /// The agent reports failure, its last act.
    ReportFailure(usize),
    /// A task is killed, whatever it was at.
    Die(usize),
    /// The service's deployment is complete.
    RollOut,
    /// ECS gives the service's deployment up.
    RollBack,
    /// Somebody else deploys the service.
    Deploy,
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + second)
}

fn cause() -> Cause {
    Cause::Unexpected { what: "the agent failed".to_owned() }
}

impl World {
    pub(crate) fn at_rest(system: &System) -> Self {
        let service = Service::at_rest();
        Self {
            now: 0,
            ticks: system.ticks,
            faults: system.faults,
            begun: 0,
            operation: None,
            maintenance: false,
            stuck: false,
            record: Status::Absent,
            safety_backup: Status::Absent,
            workers: vec![Worker::Idle; system.workers],
            tasks: Vec::new(),
            service,
            service_shown: service,
        }
    }

    /// What can happen now.
    pub(crate) fn events(&self, system: &System, events: &mut Vec<Event>) {
        if self.operation.is_none() && self.begun < system.operations {
            events.push(Event::Begin);
        }
        if self.ticks > 0 && self.operation.is_some() {
            events.extend(TICKS.map(Event::Tick));
        }
        for (number, worker) in self.workers.iter().enumerate() {
            match worker {
                // Those that sleep are all alike: it is the first that wakes.
                Worker::Idle if self.workers[..number].contains(&Worker::Idle) => {}
                Worker::Idle if self.operation.is_some() => events.push(Event::Read(number)),
                Worker::Idle => {}
                Worker::Read(operation) => {
                    for task in self.sights(system, operation) {
                        for service in self.service_sights(operation) {
                            events.push(Event::Look(number, task, service));
                        }
                    }
                }
                Worker::Looked(operation, task, service) => {
                    events.push(Event::Step(number));
                    let step = next(&operation.0, &seen(*task, *service), at(self.now));
                    if self.faults > 0
                        && let Step::Act(act) = step
                    {
                        events.push(Event::StepUnanswered(number));
                        let claimed = operation.0.attempt.as_ref().is_some_and(|attempt| attempt.claimed);
                        if !claimed && !matches!(act, Act::StopTask { .. }) {
                            events.push(Event::StepRefused(number));
                        }
                    }
                }
                Worker::Did(..) => events.push(Event::Store(number)),
            }
            // Killed earlier it has done nothing; killed later, ECS's answer is lost.
            if matches!(worker, Worker::Looked(..)) {
                events.push(Event::Kill(number));
            }
        }
        for (number, (_, task)) in self.tasks.iter().enumerate() {
            self.agent_events(number, task, events);
        }
        if self.service.rollout == State::InProgress {
            events.extend([Event::RollOut, Event::RollBack]);
        }
        let redeploying = |stored: &Stored| stored.0.redeployment.is_some();
        if self.faults > 0 && self.operation.as_ref().is_some_and(redeploying) {
            events.push(Event::Deploy);
        }
    }

    fn agent_events(&self, number: usize, task: &Task, events: &mut Vec<Event>) {
        match task.agent {
            Agent::Pending => events.push(Event::Up(number)),
            Agent::Starting => {
                events.push(Event::Claim(number));
                // Claiming again what is claimed changes nothing but the version.
                if self.holds(task) && !self.attempt_claimed() {
                    events.push(Event::ClaimUnanswered(number));
                }
            }
            Agent::AtWork if self.restores(task) => {
                events.extend([Event::Touch(number), Event::ReportFailure(number)]);
            }
            Agent::AtWork | Agent::Writing => {
                events.extend([Event::Report(number), Event::ReportFailure(number)]);
            }
            Agent::Ended => return,
        }
        events.push(Event::Die(number));
    }

    /// The world after an event.
    pub(crate) fn after(&self, system: &System, event: &Event) -> Self {
        let mut world = self.clone();
        match *event {
            Event::Begin => world.begin(system),
            Event::Tick(seconds) => {
                world.ticks -= 1;
                world.tick(seconds);
            }
            Event::Read(worker) => {
                world.workers[worker] = world.operation.clone().map_or(Worker::Idle, Worker::Read);
            }
            Event::Look(worker, task, service) => {
                if let Worker::Read(operation) = &self.workers[worker] {
                    world.workers[worker] = Worker::Looked(operation.clone(), task, service);
                    world.has_shown(operation, task, service);
                }
            }
            Event::Step(worker) => world.step(system, worker, Answer::Comes),
            Event::StepUnanswered(worker) => {
                world.faults -= 1;
                world.step(system, worker, Answer::IsLost);
            }
            Event::StepRefused(worker) => {
                world.faults -= 1;
                world.step(system, worker, Answer::IsNo);
            }
            Event::Store(worker) => {
                if let Worker::Did(read, stored, closes) = &self.workers[worker] {
                    world.save(system, read, stored.clone(), closes.then_some(Status::Failed));
                }
                world.workers[worker] = Worker::Idle;
            }
            Event::Kill(worker) => world.workers[worker] = Worker::Idle,
            Event::Up(task) => world.tasks[task].1.agent = Agent::Starting,
            Event::Claim(task) => world.claim(system, task, Agent::AtWork),
            Event::ClaimUnanswered(task) => world.claim(system, task, Agent::Starting),
            Event::Touch(task) => {
                let touched = world.write_as(task, |operation| operation.touched = true);
                world.tasks[task].1.agent = if touched { Agent::Writing } else { Agent::Ended };
            }
            Event::Report(task) | Event::ReportFailure(task) => {
                let report = match event {
                    Event::Report(_) => world.report_of(task),
                    _ => Report::Failed { cause: cause() },
                };
                if self.operation.as_ref().is_some_and(|stored| stored.0.report.is_none()) {
                    world.write_as(task, |operation| operation.report = Some(report));
                }
                world.tasks[task].1.agent = Agent::Ended;
            }
            Event::Die(task) => world.tasks[task].1.agent = Agent::Ended,
            Event::RollOut => world.service.rollout = State::Completed,
            Event::RollBack => world.service.rollout = State::Failed,
            Event::Deploy => {
                world.faults -= 1;
                world.service.deploy(world.now);
            }
        }
        world
    }

    fn begin(&mut self, system: &System) {
        let (number, began) = (self.begun, at(self.now));
        let id = OperationId::new(began, [number; 10]);
        let record = RecordId::new(began, [number; 10]);
        let mut operation = Operation::new(id, system.kind, record, "somebody".to_owned(), began);
        if system.kind == Kind::Restore {
            operation.restored = Some(Restored {
                record: RecordId::new(began, [100; 10]),
                snapshots: Vec::new(),
                safety_backup: RecordId::new(began, [200; 10]),
            });
            self.safety_backup = Status::InProgress;
        }
        self.begun += 1;
        self.record = Status::InProgress;
        self.maintenance = system.kind.needs_maintenance() && system.broken != Some(Broken::Maintenance);
        self.operation = Some(Stored::new(operation));
    }

    /// The clock goes on; what ECS shows catches up with what was.
    pub(crate) fn tick(&mut self, seconds: i64) {
        for (_, task) in &mut self.tasks {
            task.shown = task.truth();
        }
        self.service_shown = self.service;
        self.workers.fill(Worker::Idle);
        self.now += seconds;
    }

    /// What ECS may show of an operation's task.
    fn sights(&self, system: &System, operation: &Stored) -> Vec<Option<Shown>> {
        let Some(attempt) = &operation.0.attempt else { return vec![None] };
        let Some(name) = attempt.task.as_ref().filter(|_| operation.0.report.is_none()) else {
            return vec![None];
        };
        let Some((_, task)) = self.tasks.iter().find(|(known, _)| known == name) else {
            return vec![Some(Shown::Missing)];
        };
        let mut sights = vec![task.truth()];
        if task.shown != task.truth() {
            sights.push(task.shown);
        }
        // It may lose sight of a task, but not for longer than it may lag; and what has ended it forgets.
        let hidden = self.faults > 0 && attempt.missing_since.is_none_or(|since| since == at(self.now));
        let forgotten = task.truth() == Shown::Stopped && task.shown == Shown::Stopped;
        if (hidden || forgotten || system.broken == Some(Broken::Lag)) && !sights.contains(&Shown::Missing) {
            sights.push(Shown::Missing);
        }
        sights.into_iter().map(Some).collect()
    }

    /// What ECS may show of the service, to who looks at it.
    fn service_sights(&self, operation: &Stored) -> Vec<Option<Service>> {
        if operation.0.current().is_none_or(|(_, stage)| stage.name != StageName::Redeploy) {
            return vec![None];
        }
        let mut sights = vec![Some(self.service)];
        if self.service_shown != self.service {
            sights.push(Some(self.service_shown));
        }
        sights
    }

    /// ECS does not go back behind what it has shown, but for a fault.
    fn has_shown(&mut self, operation: &Stored, shown: Option<Shown>, service: Option<Service>) {
        let name = operation.0.attempt.as_ref().and_then(|attempt| attempt.task.as_ref());
        let task = self.tasks.iter_mut().find(|(known, _)| Some(known) == name);
        if let Some(((_, task), shown)) = task.zip(shown) {
            if shown == task.truth() {
                task.shown = shown;
            } else if shown != task.shown {
                self.faults = self.faults.saturating_sub(1);
            }
        }
        if let Some(service) = service {
            self.service_shown = service;
        }
    }

    fn step(&mut self, system: &System, worker: usize, answer: Answer) {
        let Worker::Looked(read, task, service) = std::mem::replace(&mut self.workers[worker], Worker::Idle)
        else {
            return;
        };
        let seen = match system.broken {
            // A task that ends is never noticed.
            Some(Broken::Ends) if task == Some(Shown::Stopped) => seen(Some(Shown::Alive), service),
            _ => seen(task, service),
        };
        let now = at(self.now);
        match next(&read.0, &seen, now) {
            Step::Wait => {}
            Step::Save(operation) => self.save(system, &read, Stored::next(&operation), None),
            Step::Close(operation, ending) => {
                self.save(system, &read, stored_after(system, &operation), Some(status(&ending)));
            }
            Step::Settle(_) => self.settle(system, &read),
            Step::Act(Act::StopTask { .. }) => {}
            Step::Act(_) if answer == Answer::IsNo => {
                self.will_store(worker, &read, refused(&read.0, cause(), now));
            }
            Step::Act(Act::RunTask { assignment, token }) => {
                let name = self.run_task(system, assignment, token);
                if answer == Answer::Comes {
                    self.will_store(worker, &read, started(&read.0, name, now));
                }
            }
            Step::Act(Act::Redeploy { .. }) => {
                self.service.deploy(self.now);
                if answer == Answer::Comes {
                    let named = [("web".to_owned(), self.service.deployment.to_string())];
                    self.will_store(worker, &read, deployed(&read.0, &named, now));
                }
            }
        }
    }

    fn will_store(&mut self, worker: usize, read: &Stored, step: Step) {
        let (operation, closes) = match step {
            Step::Save(operation) => (operation, false),
            Step::Close(operation, _) => (operation, true),
            Step::Act(_) | Step::Wait | Step::Settle(_) => return,
        };
        self.workers[worker] = Worker::Did(read.clone(), Stored::next(&operation), closes);
    }

    /// The same token is the same task.
    fn run_task(&mut self, system: &System, assignment: Assignment, token: String) -> String {
        let known = self.tasks.iter().any(|(name, _)| *name == token);
        if known && system.broken != Some(Broken::Tokens) {
            return token;
        }
        let name = if known { format!("{token}-{}", self.tasks.len()) } else { token };
        self.tasks.push((name.clone(), Task::new(assignment)));
        name
    }

    /// Stores an operation, on the condition that it is still the one that was read.
    fn save(&mut self, system: &System, read: &Stored, stored: Stored, safety_backup: Option<Status>) {
        let still = self.operation.as_ref().is_some_and(|now| now.is_still(read));
        if !still && system.broken != Some(Broken::Versions) {
            return;
        }
        self.operation = Some(stored);
        if let Some(status) = safety_backup {
            self.safety_backup = status;
        }
    }

    fn settle(&mut self, system: &System, read: &Stored) {
        if self.operation.as_ref().is_none_or(|now| !now.is_still(read)) {
            return;
        }
        if system.broken != Some(Broken::Records) {
            self.record = if read.0.cause.is_none() { Status::Success } else { Status::Failed };
        }
        self.stuck = read.0.leaves_maintenance_on();
        self.maintenance = self.stuck;
        self.operation = None;
        self.tasks.retain(|(_, task)| task.agent != Agent::Ended);
    }

    pub(crate) fn holds(&self, task: &Task) -> bool {
        self.operation.as_ref().is_some_and(|stored| task.assignment.holds(&stored.0))
    }

    fn attempt_claimed(&self) -> bool {
        let attempt = self.operation.as_ref().and_then(|stored| stored.0.attempt.as_ref());
        attempt.is_some_and(|attempt| attempt.claimed)
    }

    /// Whether a task's stage writes into the application's data.
    pub(crate) fn restores(&self, task: &Task) -> bool {
        matches!(self.stage_of(task), Some(StageName::Restore | StageName::PutBack))
    }

    pub(crate) fn stage_of(&self, task: &Task) -> Option<StageName> {
        let operation = self.operation.as_ref().filter(|stored| stored.0.id == task.assignment.operation)?;
        operation.0.stages.get(task.assignment.stage).map(|stage| stage.name)
    }

    fn claim(&mut self, system: &System, task: usize, then: Agent) {
        let claimed = system.broken == Some(Broken::Claims)
            || self.write_as(task, |operation| {
                if let Some(attempt) = &mut operation.attempt {
                    attempt.claimed = true;
                }
            });
        self.tasks[task].1.agent = if claimed { then } else { Agent::Ended };
    }

    /// A write of an agent, on the condition that its assignment holds. Whether it did.
    fn write_as(&mut self, task: usize, change: impl FnOnce(&mut Operation)) -> bool {
        if !self.holds(&self.tasks[task].1) {
            return false;
        }
        let Some(stored) = &self.operation else { return false };
        let mut operation = (*stored.0).clone();
        change(&mut operation);
        self.operation = Some(Stored::next(&operation));
        true
    }

    fn report_of(&self, task: usize) -> Report {
        match self.stage_of(&self.tasks[task].1) {
            Some(StageName::Restore | StageName::PutBack) => Report::Restored,
            Some(StageName::Archive) => {
                let (key, file_name) = ("source-archives/a".to_owned(), "a.tar.gz".to_owned());
                Report::Archived { source_archive: SourceArchive { key, size_bytes: 1, file_name } }
            }
            Some(StageName::Purge) => Report::Purged { purged: Purged::default() },
            Some(StageName::Backup | StageName::Redeploy) | None => {
                Report::BackedUp { snapshots: Vec::new() }
            }
        }
    }

    /// Whether the operation comes to its end if nothing more goes wrong from here on.
    pub(crate) fn comes_to_an_end(&self, system: &System) -> bool {
        let mut world = self.clone();
        world.workers.fill(Worker::Idle);
        world.faults = 0;
        // Each round is a minute in which a worker is woken and goes as far as it can.
        for _ in 0..60 {
            loop {
                if world.operation.is_none() {
                    return true;
                }
                let before = (world.operation.clone(), world.tasks.clone(), world.service);
                world.all_agents_go_on(system);
                world.first_worker_looks_and_acts(system);
                if before == (world.operation.clone(), world.tasks.clone(), world.service) {
                    break;
                }
            }
            world.tick(TICKS[0]);
        }
        false
    }

    fn all_agents_go_on(&mut self, system: &System) {
        for number in 0..self.tasks.len() {
            let stopping = self.operation.as_ref().is_some_and(|stored| {
                let attempt = stored.0.attempt.as_ref().filter(|attempt| attempt.stopping.is_some());
                attempt.is_some_and(|attempt| attempt.task.as_ref() == Some(&self.tasks[number].0))
            });
            if stopping {
                self.tasks[number].1.agent = Agent::Ended;
            }
            let mut events = Vec::new();
            self.agent_events(number, &self.tasks[number].1, &mut events);
            let good = |event: &&Event| {
                matches!(event, Event::Up(_) | Event::Claim(_) | Event::Touch(_) | Event::Report(_))
            };
            if let Some(event) = events.iter().find(good) {
                *self = self.after(system, event);
            }
        }
        if self.service.rollout == State::InProgress {
            self.service.rollout = State::Completed;
        }
    }

    fn first_worker_looks_and_acts(&mut self, system: &System) {
        *self = self.after(system, &Event::Read(0));
        if let Worker::Read(operation) = self.workers[0].clone() {
            let task = self.sights(system, &operation)[0];
            let service = self.service_sights(&operation)[0];
            *self = self.after(system, &Event::Look(0, task, service));
        }
        *self = self.after(system, &Event::Step(0));
        if matches!(self.workers[0], Worker::Did(..)) {
            *self = self.after(system, &Event::Store(0));
        }
    }
}

/// What comes of asking ECS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Comes,
    IsLost,
    IsNo,
}

fn seen(task: Option<Shown>, service: Option<Service>) -> Seen {
    Seen {
        task: task.map_or(Sight::NotLooked, Shown::sight),
        services: service.map(|service| Ok(vec![service.seen()])),
        longest_stage: SignedDuration::from_secs(LONGEST),
    }
}

fn status(ending: &Ending) -> Status {
    if ending.outcome.is_ok() { Status::Success } else { Status::Failed }
}

/// What is stored with the ending of a restore's safety backup.
fn stored_after(system: &System, operation: &Operation) -> Stored {
    let mut operation = operation.clone();
    let failed = operation.stages.iter().any(|stage| stage.state == StageState::Failed);
    if system.broken == Some(Broken::SafetyBackup) && failed {
        // The restore goes on without it.
        operation.cause = None;
        operation.stages = Operation::new(
            operation.id,
            operation.kind,
            operation.record_id,
            String::new(),
            operation.started_at,
        )
        .stages;
        operation.stages[0].state = StageState::Done;
    }
    Stored::next(&operation)
}
