//! Tasks: their tokens, their ends, and what must not be left of them.

use std::{fs, net::SocketAddr, path::Path, process::Command, sync::Arc, time::Duration};

use aws_sdk_ecs::{
    Client,
    operation::run_task::{RunTaskError, RunTaskOutput},
    types::{ContainerOverride, KeyValuePair, Task, TaskOverride, TaskStopCode},
};
use nightkeep_local::ecs::{Cluster, Config, Ecs, Pace, Services, TaskCommand};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{keys, sdk, serve, until};

/// A cluster whose tasks run a script, and the folder that outlives it.
pub(crate) struct Machine {
    folder: TempDir,
    command: TaskCommand,
}

impl Machine {
    pub(crate) fn new(script: &str) -> Self {
        let command = TaskCommand {
            program: "/bin/sh".into(),
            name: "sh".to_owned(),
            arguments: vec!["-c".into(), script.into()],
            environment: Vec::new(),
        };
        Self { folder: tempfile::tempdir().unwrap(), command }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the endpoint, as a start of the program does.
    pub(crate) async fn start(&self) -> SocketAddr {
        let config = Config {
            region: "us-east-1".to_owned(),
            cluster: "nightkeep".to_owned(),
            definition: "nightkeep-agent".to_owned(),
            container: "agent".to_owned(),
            command: self.command.clone(),
            folder: self.folder().to_owned(),
            stop_timeout: Duration::from_millis(300),
        };
        let cluster = Cluster::open(config, Arc::default()).unwrap();
        let services = Services::open(&cluster, &[], &[], Pace::default()).unwrap();
        serve(Arc::new(Ecs::new(cluster, services))).await
    }

    async fn client(&self) -> Client {
        Client::new(&sdk(self.start().await, &keys()))
    }

    /// The process that the script wrote into this file of the folder.
    async fn process(&self, file: &str) -> u32 {
        let path = self.folder().join(file);
        until("the script writes its process id", || async {
            fs::read_to_string(&path).ok()?.trim_end_matches('\n').parse().ok()
        })
        .await
    }

    fn log(&self, task: &str) -> String {
        let id = task.rsplit('/').next().unwrap();
        fs::read_to_string(self.folder().join(format!("logs/{id}.log"))).unwrap()
    }
}

async fn run(client: &Client, token: &str, operation: &str) -> Result<RunTaskOutput, RunTaskError> {
    let variable = KeyValuePair::builder().name("NIGHTKEEP_OPERATION").value(operation).build();
    let container = ContainerOverride::builder().name("agent").environment(variable).build();
    client
        .run_task()
        .cluster("nightkeep")
        .task_definition("nightkeep-agent")
        .client_token(token)
        .overrides(TaskOverride::builder().container_overrides(container).build())
        .send()
        .await
        .map_err(|error| error.into_service_error())
}

/// Starts a task and returns its ARN.
async fn started(client: &Client, token: &str) -> String {
    run(client, token, "an operation").await.unwrap().tasks()[0].task_arn().unwrap().to_owned()
}

async fn describe(client: &Client, task: &str) -> Task {
    let answer = client.describe_tasks().cluster("nightkeep").tasks(task).send().await.unwrap();
    answer.tasks()[0].clone()
}

async fn stopped(client: &Client, task: &str) -> Task {
    until("the task is stopped", || async {
        Some(describe(client, task).await).filter(|task| task.last_status() == Some("STOPPED"))
    })
    .await
}

fn exit_code(task: &Task) -> Option<i32> {
    task.containers()[0].exit_code()
}

pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[tokio::test]
async fn a_token_names_one_task_across_a_restart_and_refuses_other_parameters() {
    let machine = Machine::new("echo $NIGHTKEEP_OPERATION");
    let first = machine.client().await;
    let task = started(&first, "token").await;
    assert_eq!(started(&first, "token").await, task);
    let another = started(&first, "another").await;
    assert_ne!(another, task);
    let other = run(&first, "token", "another operation").await.unwrap_err();
    assert!(other.is_conflict_exception(), "{other:?}");
    stopped(&first, &task).await;
    stopped(&first, &another).await;

    let second = machine.client().await;
    assert_eq!(started(&second, "token").await, task);
    assert!(run(&second, "token", "another operation").await.unwrap_err().is_conflict_exception());
    assert_eq!(machine.log(&task), "an operation\n");
}

#[tokio::test]
async fn a_task_that_ends_by_itself_tells_its_exit_code() {
    let machine = Machine::new("exit 3");
    let client = machine.client().await;
    let task = stopped(&client, &started(&client, "token").await).await;
    assert_eq!(exit_code(&task), Some(3));
    assert_eq!(task.stop_code(), Some(&TaskStopCode::EssentialContainerExited));
    let unknown = client.describe_tasks().cluster("nightkeep").tasks("unknown").send().await.unwrap();
    assert_eq!(unknown.failures()[0].reason(), Some("MISSING"));
}

#[tokio::test]
async fn a_task_that_is_stopped_is_asked_first_and_then_killed() {
    let cases = [
        ("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done", 7),
        ("echo ready; exec sleep 1000", 143),
        ("trap '' TERM; echo ready; while :; do sleep 1000; done", 137),
    ];
    for (script, expected) in cases {
        let machine = Machine::new(script);
        let client = machine.client().await;
        let task = started(&client, "token").await;
        until("the script is ready", || async { (machine.log(&task) == "ready\n").then_some(()) }).await;
        let stop = client.stop_task().cluster("nightkeep").task(&task).reason("enough").send().await.unwrap();
        assert_eq!(stop.task().unwrap().desired_status(), Some("STOPPED"));
        let task = stopped(&client, &task).await;
        assert_eq!(exit_code(&task), Some(expected), "{script}");
        assert_eq!(task.stop_code(), Some(&TaskStopCode::UserInitiated));
        assert_eq!(task.stopped_reason(), Some("enough"));
    }
}

#[tokio::test]
async fn nothing_of_a_task_runs_once_it_is_shown_as_stopped() {
    let mut machine = Machine::new(
        "cd \"$HOME\"; sleep 1000 & echo $! > same-group; \
         setsid sh -c 'echo $$ > own-session; exec sleep 1000' & \
         while ! test -s own-session; do sleep 0.01; done",
    );
    machine.command.environment = vec![("HOME".to_owned(), machine.folder().to_str().unwrap().to_owned())];
    let client = machine.client().await;
    let task = started(&client, "token").await;
    let processes = [machine.process("same-group").await, machine.process("own-session").await];
    stopped(&client, &task).await;
    assert_eq!(processes.map(runs), [false, false]);
}

#[tokio::test]
async fn what_an_earlier_start_left_running_is_killed_at_the_next() {
    let machine = Machine::new("exit 0");
    let client = machine.client().await;
    let task = started(&client, "token").await;
    stopped(&client, &task).await;
    // As it was left by a start that was killed while the task ran: its file, and two processes.
    let file = machine.folder().join("tasks").join(task.rsplit('/').next().unwrap());
    let mut kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for (field, value) in [("status", json!("RUNNING")), ("stopped_at", Value::Null), ("stop", Value::Null)] {
        kept[field] = value;
    }
    fs::write(&file, kept.to_string()).unwrap();
    let script = "cd \"$0\"; sleep 1000 & echo $! > child; wait";
    let start = |mark: &Path, script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(machine.folder()).env("NIGHTKEEP_TASK", mark).spawn().unwrap()
    };
    let mut left = start(&file, script);
    let mut stranger = start(Path::new("/elsewhere/tasks/1"), "exec sleep 1000");
    let processes = [left.id(), machine.process("child").await];
    assert_eq!(processes.map(runs), [true, true]);

    let client = machine.client().await;
    assert_eq!(processes.map(runs), [false, false]);
    let task = describe(&client, &task).await;
    assert_eq!(task.last_status(), Some("STOPPED"));
    assert_eq!(task.stop_code(), Some(&TaskStopCode::TerminationNotice));
    assert_eq!(exit_code(&task), Some(137));
    assert!(runs(stranger.id()), "a process of somebody else was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    left.wait().unwrap();
}

#[tokio::test]
async fn a_task_whose_program_is_not_there_is_shown_as_stopped_and_says_why() {
    let mut machine = Machine::new("");
    machine.command.program = "/nowhere/agent".into();
    let client = machine.client().await;
    let task = describe(&client, &started(&client, "token").await).await;
    assert_eq!(task.last_status(), Some("STOPPED"));
    assert_eq!(task.stop_code(), Some(&TaskStopCode::TaskFailedToStart));
    assert_eq!(exit_code(&task), None);
    assert!(task.containers()[0].reason().unwrap().contains("/nowhere/agent"));
}
