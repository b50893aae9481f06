//! The local program's endpoints over a folder, each behind a [`Between`] for each caller, so that a story
//! decides what becomes of every call.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Output,
    sync::Arc,
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::config::{Credentials, SharedCredentialsProvider};
use nightkeep_domain::application::Service as Described;
use nightkeep_local::{
    ecs::{self, Cluster, Ecs, Pace, Services, TaskCommand},
    endpoint, s3,
    signature::Keys,
    ssm,
    table::Table,
};
use tokio::{net::TcpListener, process::Command, sync::Notify, task::JoinSet};

use crate::{
    between::{Between, Service, Who},
    console::program,
};

/// The names of the table, of the bucket and of the cluster.
pub(crate) const NAME: &str = "nightkeep";

/// The task definition, and its container.
pub(crate) const TASK_DEFINITION: &str = "nightkeep-agent";

/// The repository's.
const PASSWORD: &str = "secret";

/// Where the parameters are.
pub(crate) const PARAMETERS: &str = "/nightkeep";

/// How callers reach the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Each through its [`Between`].
    Guarded,
    /// With nothing in the way, where time is what is looked at.
    Straight,
}

/// The endpoints. Dropped, they are gone; what they keep stays in the folder.
pub(crate) struct Aws {
    folder: PathBuf,
    keys: Keys,
    /// What stands in front of them.
    pub(crate) between: Arc<Between>,
    /// Whom writes of the operation and changes of tasks wake.
    pub(crate) wake: Arc<Notify>,
    parameters: Arc<ssm::Ssm>,
    pub(crate) cluster: Cluster,
    pub(crate) services: Services,
    behind: BTreeMap<Service, SocketAddr>,
    fronts: BTreeMap<(Who, Service), SocketAddr>,
    _serving: JoinSet<()>,
}

impl Aws {
    /// Opens what `folder` keeps, or makes it, with these services of the application.
    pub(crate) async fn over(folder: &Path, services: &[Described], way: Way) -> Self {
        let keys = Keys { access_key: "story".to_owned(), secret_key: "a secret for stories".to_owned() };
        let (between, wake) = (Arc::new(Between::default()), Arc::new(Notify::new()));
        let mut serving = JoinSet::new();
        let (mut listeners, mut behind, mut fronts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for service in [Service::DynamoDb, Service::S3, Service::Ecs, Service::Ssm] {
            let (listener, address) = bind().await;
            listeners.insert(service, listener);
            behind.insert(service, address);
            for who in [Who::Api, Who::Worker, Who::Agent] {
                if way == Way::Straight {
                    fronts.insert((who, service), address);
                    continue;
                }
                let (front, at) = bind().await;
                serving.spawn(Arc::clone(&between).guard(front, address, who, service));
                fronts.insert((who, service), at);
            }
        }

        let table = Table::open(&folder.join("table"), Arc::clone(&wake)).expect("a table");
        table.create(NAME).expect("a table");
        let parameters = ssm::Store::open(&folder.join("parameters")).expect("parameters");
        let parameters = Arc::new(ssm::Ssm::new(parameters, "us-east-1"));
        let environment = environment(folder, &keys, &fronts, Who::Agent).into_iter().collect();
        let cluster = Cluster::open(cluster(folder, environment), Arc::clone(&wake)).expect("a cluster");
        let pace = Pace { well_after: Duration::from_millis(100), ..Pace::default() };
        let services = Services::open(&cluster, services, &[], pace).expect("the services");
        services.start().expect("starting the services");

        let mut take = |service| listeners.remove(&service).expect("each listener is served once");
        let forever = std::future::pending::<()>;
        let (dynamodb, of_table) = (take(Service::DynamoDb), keys.clone());
        serving.spawn(async move {
            served(endpoint::serve(dynamodb, Arc::new(table), of_table, forever()).await)
        });
        let (ssm, shown, of_ssm) = (take(Service::Ssm), Arc::clone(&parameters), keys.clone());
        serving.spawn(async move { served(endpoint::serve(ssm, shown, of_ssm, forever()).await) });
        let ecs = Arc::new(Ecs::new(cluster.clone(), services.clone()));
        let (tasks, of_ecs) = (take(Service::Ecs), keys.clone());
        serving.spawn(async move { served(endpoint::serve(tasks, ecs, of_ecs, forever()).await) });
        let (objects, kept, of_s3) = (take(Service::S3), folder.join("s3"), keys.clone());
        serving.spawn(async move {
            served(s3::serve(objects, kept, of_s3.access_key, of_s3.secret_key, forever()).await);
        });

        let aws = Self {
            folder: folder.to_owned(),
            keys,
            between,
            wake,
            parameters,
            cluster,
            services,
            behind,
            fronts,
            _serving: serving,
        };
        let password = format!("{PARAMETERS}/secrets/repository-password");
        aws.parameters.set_secret(&password, PASSWORD).expect("a password");
        if !folder.join("s3").join(NAME).exists() {
            aws.objects().create_bucket().bucket(NAME).send().await.expect("a bucket");
        }
        aws
    }

    /// Ends the services and the tasks at once. Blocks until they are gone.
    pub(crate) fn end(&self) {
        self.cluster.kill();
        self.services.close();
    }

    /// How a caller's own process finds the endpoints.
    pub(crate) fn environment(&self, who: Who) -> BTreeMap<String, String> {
        environment(&self.folder, &self.keys, &self.fronts, who)
    }

    /// How a service is reached past everything that stands in front of it.
    pub(crate) fn past(&self, service: Service) -> SdkConfig {
        shared(&self.keys, self.behind[&service])
    }

    /// How a service is reached by a caller within this process.
    pub(crate) fn by(&self, who: Who, service: Service) -> SdkConfig {
        shared(&self.keys, self.fronts[&(who, service)])
    }

    /// A client of S3, past everything.
    pub(crate) fn objects(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.past(Service::S3)).force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// Sets settings.
    pub(crate) fn settings(&self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            self.parameters.set(&format!("{PARAMETERS}/{name}"), value).expect("setting a setting");
        }
    }

    /// Runs plain restic on the repository, past everything.
    pub(crate) async fn restic(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("restic");
        command.args(["--no-cache", "--no-lock"]).args(arguments);
        command.env_clear().envs(self.environment(Who::Agent)).env("HOME", "/nonexistent");
        let repository = format!("s3:http://{}/{NAME}/repository", self.behind[&Service::S3]);
        command.env("RESTIC_REPOSITORY", repository).env("RESTIC_PASSWORD", PASSWORD);
        let output = command.output().await.expect("starting restic");
        assert!(output.status.success(), "{command:?}: {output:?}");
        output
    }

    /// Checks the whole repository, all data included, and returns what restic says.
    pub(crate) async fn check(&self) -> String {
        let output = self.restic(&["check", "--read-data"]).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("no errors were found"), "{text}");
        text + &String::from_utf8_lossy(&output.stderr)
    }
}

fn environment(
    folder: &Path,
    keys: &Keys,
    fronts: &BTreeMap<(Who, Service), SocketAddr>,
    who: Who,
) -> BTreeMap<String, String> {
    let url = |service| format!("http://{}", fronts[&(who, service)]);
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", url(Service::DynamoDb)),
        ("AWS_ENDPOINT_URL_S3", url(Service::S3)),
        ("AWS_ENDPOINT_URL_ECS", url(Service::Ecs)),
        ("AWS_ENDPOINT_URL_SSM", url(Service::Ssm)),
        ("AWS_ACCESS_KEY_ID", keys.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_key.clone()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("NIGHTKEEP_TABLE", NAME.to_owned()),
        ("NIGHTKEEP_BUCKET", NAME.to_owned()),
        ("NIGHTKEEP_PARAMETERS", PARAMETERS.to_owned()),
        ("NIGHTKEEP_CLUSTER", NAME.to_owned()),
        ("NIGHTKEEP_SERVICES_CLUSTER", NAME.to_owned()),
        ("NIGHTKEEP_TASK_DEFINITION", TASK_DEFINITION.to_owned()),
        ("NIGHTKEEP_CONTAINER", "agent".to_owned()),
        ("NIGHTKEEP_CACHE", folder.join("cache").display().to_string()),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ];
    // As the agent's task definition has it.
    let agent = (who == Who::Agent).then(|| ("MALLOC_ARENA_MAX", "2".to_owned()));
    variables.into_iter().chain(agent).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn cluster(folder: &Path, environment: Vec<(String, String)>) -> ecs::Config {
    ecs::Config {
        region: "us-east-1".to_owned(),
        cluster: NAME.to_owned(),
        definition: TASK_DEFINITION.to_owned(),
        container: "agent".to_owned(),
        command: TaskCommand {
            program: program(),
            name: "nightkeep".to_owned(),
            arguments: vec!["agent".into()],
            environment,
        },
        folder: folder.join("ecs"),
        stop_timeout: Duration::from_secs(30),
    }
}

fn shared(keys: &Keys, endpoint: SocketAddr) -> SdkConfig {
    let credentials = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "story");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{endpoint}"))
        .build()
}

/// They are served for as long as the story lasts.
fn served(outcome: Result<(), impl std::fmt::Debug>) {
    outcome.expect("serving an endpoint");
}

/// A free port of this machine.
pub(crate) async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}
