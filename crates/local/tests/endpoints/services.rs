//! Services: their deployments, what becomes of tasks that end, and what the program's end means to them.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use aws_sdk_ecs::{
    Client,
    types::{DeploymentRolloutState, Service},
};
use nightkeep_domain::application;
use nightkeep_local::ecs::{Cluster, Config, Ecs, Pace, Services, TaskCommand};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::{
    ecs::runs,
    support::{keys, sdk, serve, until},
};

/// A task that says which process it is, and stays.
const STAYS: &str = "echo $$ >> pids; exec sleep 1000";

/// A task that answers on the port of the service.
const ANSWERS: &str = "echo $$ >> pids; exec perl -MIO::Socket::INET -e '\
    my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => \"127.0.0.1:$ARGV[0]\", ReuseAddr => 1) or die $!; \
    while (my $c = $s->accept) { close $c }' ";

const PACE: Pace = Pace {
    well_after: Duration::from_millis(500),
    well_within: Duration::from_millis(1500),
    look_every: Duration::from_millis(10),
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(200),
};

/// A folder that outlives the starts of the program, and the service `web` whose tasks run a script in it.
struct Site {
    folder: TempDir,
    web: application::Service,
    pace: Pace,
}

/// One start of the program.
struct Start {
    client: Client,
    services: Services,
}

impl Site {
    fn new(script: &str, desired: u32, port: Option<u16>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let script = format!("cd '{place}'; {script}");
        let command = ["/bin/sh", "-c", &script].map(str::to_owned).into();
        let web = application::Service { name: "web".to_owned(), command, desired, port };
        Self { folder, web, pace: PACE }
    }

    async fn start(&self) -> Start {
        let config = Config {
            region: "us-east-1".to_owned(),
            cluster: "nightkeep".to_owned(),
            definition: "nightkeep-agent".to_owned(),
            container: "agent".to_owned(),
            command: TaskCommand {
                program: "/bin/true".into(),
                name: "true".to_owned(),
                arguments: Vec::new(),
                environment: vec![("AWS_SECRET_ACCESS_KEY".to_owned(), "of the agent".to_owned())],
            },
            folder: self.path("ecs"),
            stop_timeout: Duration::from_millis(300),
        };
        let cluster = Cluster::open(config, Arc::default()).unwrap();
        let url = ("NIGHTKEEP_MAINTENANCE_URL".to_owned(), "http://127.0.0.1:1/maintenance".to_owned());
        let services = Services::open(&cluster, std::slice::from_ref(&self.web), &[url], self.pace).unwrap();
        services.start().unwrap();
        let address = serve(Arc::new(Ecs::new(cluster, services.clone()))).await;
        Start { client: Client::new(&sdk(address, &keys())), services }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The processes of the tasks that were started so far, as soon as it is so many.
    async fn pids(&self, count: usize) -> Vec<u32> {
        let what = format!("{count} tasks have said which process they are");
        let file = self.path("pids");
        let read = || fs::read_to_string(&file).unwrap_or_default().lines().flat_map(str::parse).collect();
        until(&what, || async { Some(read()).filter(|pids: &Vec<u32>| pids.len() == count) }).await
    }
}

impl Start {
    async fn see(&self) -> Service {
        let answer = self.client.describe_services().cluster("nightkeep").services("web").send().await;
        answer.unwrap().services()[0].clone()
    }

    async fn when(&self, what: &str, holds: impl Fn(&Service) -> bool) -> Service {
        until(what, || async { Some(self.see().await).filter(|service| holds(service)) }).await
    }

    /// Waits until the service has one deployment, which is complete, and all its tasks.
    async fn steady(&self) -> Service {
        self.when("the service is steady", steady).await
    }

    /// Asks for a new deployment and returns its id.
    async fn redeploy(&self) -> String {
        let update = self.client.update_service().cluster("nightkeep").service("web");
        let answer = update.force_new_deployment(true).send().await.unwrap();
        let service = answer.service().unwrap();
        let deployment = &service.deployments()[0];
        assert_eq!(deployment.status(), Some("PRIMARY"));
        assert_eq!(deployment.rollout_state(), Some(&DeploymentRolloutState::InProgress));
        deployment.id().unwrap().to_owned()
    }

    async fn scale(&self, desired: i32) {
        let update = self.client.update_service().cluster("nightkeep").service("web");
        update.desired_count(desired).send().await.unwrap();
    }

    /// As an end of the program in order.
    async fn close(self) {
        spawn_blocking(move || self.services.close()).await.unwrap();
    }
}

fn steady(service: &Service) -> bool {
    let [deployment] = service.deployments() else { return false };
    deployment.rollout_state() == Some(&DeploymentRolloutState::Completed)
        && service.running_count() == service.desired_count()
        && service.pending_count() == 0
}

fn failed(service: &Service) -> bool {
    service.deployments()[0].rollout_state() == Some(&DeploymentRolloutState::Failed)
}

fn id(service: &Service) -> &str {
    service.deployments()[0].id().unwrap()
}

/// The newest three events, as the worker tells them.
fn events(service: &Service) -> String {
    let events = service.events().iter().take(3);
    events.map(|event| event.message().unwrap()).collect::<Vec<_>>().join("; ")
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_new_deployment_replaces_every_task_and_ends_alone_and_complete() {
    let site = Site::new(STAYS, 2, None);
    let start = site.start().await;
    let before = start.steady().await;
    let old = site.pids(2).await;
    let deployment = start.redeploy().await;
    assert!(deployment.strip_prefix("ecs-svc/").is_some_and(|digits| digits.len() == 19), "{deployment}");
    assert_ne!(deployment, id(&before));
    // Without a port the old tasks stay until the new ones are well.
    let after = start
        .when("the deployment is complete", |service| {
            assert!(service.running_count() >= 2, "{service:?}");
            steady(service)
        })
        .await;
    assert_eq!(id(&after), deployment);
    assert!(events(&after).contains("has reached a steady state"), "{after:?}");
    let new = site.pids(4).await.split_off(2);
    assert!(new.iter().all(|pid| runs(*pid)));
    assert!(!old.iter().any(|pid| runs(*pid)));
    start.close().await;
}

#[tokio::test]
async fn a_service_with_a_port_has_one_task_at_a_time_on_it() {
    let port = free_port();
    let site = Site::new(&format!("{ANSWERS}{port}"), 1, Some(port));
    let start = site.start().await;
    start.steady().await;
    let deployment = start.redeploy().await;
    let after = start.steady().await;
    assert_eq!((id(&after), after.deployments()[0].failed_tasks()), (deployment.as_str(), 0));
    assert_eq!(site.pids(2).await.into_iter().map(runs).collect::<Vec<_>>(), [false, true]);
    let update = start.client.update_service().cluster("nightkeep").service("web").desired_count(2);
    assert!(update.send().await.unwrap_err().into_service_error().is_invalid_parameter_exception());
    start.close().await;
}

#[tokio::test]
async fn s9_a_service_at_0_stays_at_0() {
    let site = Site::new(STAYS, 1, None);
    let start = site.start().await;
    start.steady().await;
    start.scale(0).await;
    let scaled =
        start.when("the task is stopped", |service| steady(service) && service.desired_count() == 0).await;
    assert_eq!(id(&scaled), id(&start.see().await));
    let deployment = start.redeploy().await;
    assert_eq!(id(&start.steady().await), deployment);
    start.close().await;

    let start = site.start().await;
    let service = start.steady().await;
    assert_eq!((id(&service), service.desired_count()), (deployment.as_str(), 0));
    site.pids(1).await;
    start.scale(1).await;
    start.when("it has a task again", |service| service.running_count() == 1).await;
    site.pids(2).await;
    start.close().await;
}

#[tokio::test]
async fn a_deployment_whose_tasks_crash_fails_and_says_why_and_goes_on_trying() {
    let site =
        Site::new(&format!("test -e broken && echo 'the database is not there' && exit 3; {STAYS}"), 1, None);
    let start = site.start().await;
    let before = start.steady().await;
    let old = site.pids(1).await[0];
    fs::write(site.path("broken"), "").unwrap();
    let deployment = start.redeploy().await;
    let service = start.when("the deployment has failed", failed).await;
    assert_eq!(id(&service), deployment);
    let reason = service.deployments()[0].rollout_state_reason().unwrap();
    assert_eq!(reason, "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(service.deployments()[0].failed_tasks(), 3);
    assert!(events(&service).contains("deployment failed: tasks failed to start"), "{service:?}");
    assert!(
        events(&service).contains("exit code 3; its last words: the database is not there"),
        "{service:?}"
    );
    // Nothing is rolled back, but the old task serves on.
    assert_eq!(service.deployments()[1].id(), Some(id(&before)));
    assert!(runs(old));

    fs::remove_file(site.path("broken")).unwrap();
    let service = start.when("it runs after all", |service| service.deployments().len() == 1).await;
    assert!(failed(&service));
    let deployment = start.redeploy().await;
    assert_eq!(id(&start.steady().await), deployment);
    start.close().await;
}

#[tokio::test]
async fn a_task_that_does_not_answer_or_cannot_be_started_fails_its_deployment() {
    let port = free_port();
    let silent = Site::new(STAYS, 1, Some(port));
    let mut missing = Site::new(STAYS, 1, None);
    missing.web.command = vec!["/nowhere/program".to_owned()];
    let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = stranger.local_addr().unwrap().port();
    let crowded = Site::new(STAYS, 1, Some(taken));
    let cases = [
        (silent, format!("it did not answer on port {port}")),
        (missing, "/nowhere/program".to_owned()),
        (crowded, format!("port {taken} is in use by another program")),
    ];
    for (site, expected) in cases {
        let start = site.start().await;
        let service = start.when("the deployment has failed", failed).await;
        assert!(events(&service).contains(&expected), "{service:?}");
        start.close().await;
    }
}

#[tokio::test]
async fn a_task_that_dies_is_started_again_in_the_same_deployment() {
    let site = Site::new(STAYS, 1, None);
    let start = site.start().await;
    let before = start.steady().await;
    let first = site.pids(1).await[0];
    kill_process(Pid::from_raw(first.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    let second = site.pids(2).await[1];
    let after = start.steady().await;
    assert_eq!(id(&after), id(&before));
    assert!(!runs(first) && runs(second));
    let told = after.events().iter().any(|event| event.message().unwrap().contains("exit code 137"));
    assert!(told, "{after:?}");
    start.close().await;
}

#[tokio::test]
async fn services_end_with_the_program_and_are_asked_first() {
    let scripts = [
        (1, "trap 'touch asked; exit 0' TERM; echo $$ >> pids; while :; do sleep 0.01; done"),
        (
            2,
            "trap '' TERM; touch asked; sleep 1000 & echo $! >> pids; echo $$ >> pids; while :; do sleep 9; done",
        ),
    ];
    for (processes, script) in scripts {
        let site = Site::new(script, 1, None);
        let start = site.start().await;
        start.steady().await;
        let pids = site.pids(processes).await;
        start.close().await;
        assert!(!pids.iter().any(|pid| runs(*pid)), "{script}");
        assert!(site.path("asked").exists(), "{script}");
    }
}

#[tokio::test]
async fn what_an_earlier_start_left_of_a_service_is_killed_and_its_deployment_goes_on() {
    let mut site = Site::new(STAYS, 1, None);
    site.pace.well_after = Duration::from_secs(3600);
    let start = site.start().await;
    start.when("a task was started", |service| service.pending_count() == 1).await;
    let deployment = start.redeploy().await;
    start.when("its task was started", |service| service.deployments().len() == 1).await;
    start.close().await;
    // As it was left by a start that was killed.
    let task = |mark: &Path| {
        let mut command = Command::new("sleep");
        command.arg("1000").env("NIGHTKEEP_TASK", mark).spawn().unwrap()
    };
    let mut left = task(&site.path("ecs/services/web/0123456789abcdef0123456789abcdef"));

    site.pace = PACE;
    let start = site.start().await;
    assert!(!runs(left.id()));
    left.wait().unwrap();
    let service = start.steady().await;
    assert_eq!(id(&service), deployment);
    start.close().await;
}

#[tokio::test]
async fn services_are_listed_page_by_page_and_an_unknown_one_is_missing() {
    let site = Site::new(STAYS, 0, None);
    let start = site.start().await;
    let listed = start.client.list_services().cluster("nightkeep").max_results(1).send().await.unwrap();
    assert_eq!(listed.service_arns(), ["arn:aws:ecs:us-east-1:000000000000:service/nightkeep/web"]);
    assert_eq!(listed.next_token(), None);
    let arn = &listed.service_arns()[0];
    let describe = start.client.describe_services().cluster("nightkeep").services(arn).services("other");
    let described = describe.send().await.unwrap();
    assert_eq!(described.services()[0].service_name(), Some("web"));
    assert_eq!(described.failures()[0].reason(), Some("MISSING"));
    let update =
        start.client.update_service().cluster("nightkeep").service("other").force_new_deployment(true);
    assert!(update.send().await.unwrap_err().into_service_error().is_service_not_found_exception());
    start.close().await;
}

/// The variable by which this test knows that it runs inside itself, where the program's environment is
/// what it should be: nobody can change that of a process with threads.
const INSIDE: &str = "INSIDE_THE_TEST";

#[tokio::test]
async fn a_service_gets_the_program_s_environment_without_the_console_s_secrets() {
    if std::env::var_os(INSIDE).is_none() {
        let this = "services::a_service_gets_the_program_s_environment_without_the_console_s_secrets";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", this]).env(INSIDE, "yes").env("PGHOST", "the database");
        for secret in ["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3", "RESTIC_PASSWORD", "NIGHTKEEP_TABLE"] {
            command.env(secret, "a secret");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let site = Site::new("env > unready && mv unready environment; exec sleep 1000", 1, None);
    let start = site.start().await;
    start.steady().await;
    let environment = until("the task has said what its environment is", || async {
        fs::read_to_string(site.path("environment")).ok()
    })
    .await;
    let prefixes = ["AWS_", "RESTIC_", "NIGHTKEEP_"];
    let of_ours = environment.lines().filter(|line| prefixes.iter().any(|prefix| line.starts_with(prefix)));
    let mut names: Vec<&str> = of_ours.filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["NIGHTKEEP_MAINTENANCE_URL", "NIGHTKEEP_TASK"], "{environment}");
    assert!(environment.lines().any(|line| line == "PGHOST=the database"), "{environment}");
    assert!(!environment.contains("secret"), "{environment}");
    start.close().await;
}
