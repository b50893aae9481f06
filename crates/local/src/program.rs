//! The program from start to end: opens the state folder, starts the endpoints and the functions, waits
//! for the signal to end, and ends them in order.
//!
//! It must never serve the page before everything behind it works, nor leave a process of a task behind
//! when it ends in order.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use jiff::Timestamp;
use nightkeep_api::Api;
use nightkeep_cloud::{Archives, Ledger, Metrics, Secrets, SettingsStore, TaskConfig, Tasks};
use nightkeep_domain::settings::Settings;
use nightkeep_scheduler::Scheduler;
use nightkeep_worker::Worker;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{Notify, watch},
    task::{JoinSet, spawn_blocking},
    time,
};

use crate::{
    Refused, application,
    ecs::{self, Cluster, Ecs, Pace, Services, TaskCommand},
    endpoint, files,
    folder::Folder,
    functions,
    names::{self, Addresses},
    s3,
    sample::Sample,
    sign_in,
    signature::Keys,
    ssm::{self, Ssm},
    table::Table,
};

/// How long a task that is to stop may take, as on ECS.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How often items whose time to live has passed are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How long connections may take to finish at the end.
const GRACE: Duration = Duration::from_secs(10);

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The page's port, 0 for any.
    pub port: u16,
    /// The state folder.
    pub state: PathBuf,
    /// The application's description, if it is not the sample.
    pub application: Option<PathBuf>,
    /// How people sign in.
    pub provider: sign_in::Provider,
    /// The settings that were given, by their names.
    pub settings: Vec<(&'static str, String)>,
}

/// Runs Nightkeep until it is told to end.
///
/// # Errors
/// [`Refused`] if it does not start for a reason that its user can put right; otherwise what failed.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    check_settings(&options.settings)?;
    let folder = Folder::open(&options.state)?;
    let provider = options.provider;
    let described = application::describe(options.application.as_deref(), &folder, options.port)?;
    let page = bind_page(options.port).await?;
    let keys = folder.keys()?;
    let listeners = Listeners::bind().await?;
    let addresses = listeners.addresses()?;
    let environment = names::environment(&folder, &keys, addresses);

    // Before anything else can touch the data: what a killed program left running.
    let wake = Arc::new(Notify::new());
    let config = cluster(&folder, environment.clone());
    let cluster = spawn_blocking({
        let wake = Arc::clone(&wake);
        move || Cluster::open(config, wake)
    })
    .await
    .context("opening the cluster")??;

    let address = page.local_addr().context("reading the page’s address")?;
    let maintenance = (names::MAINTENANCE_URL.to_owned(), format!("http://{address}/maintenance"));
    let services = Services::open(&cluster, &described.services, &[maintenance], Pace::default())?;

    let table = Arc::new(Table::open(&folder.database(), Arc::clone(&wake))?);
    table.create(names::TABLE)?;
    let ssm = Arc::new(Ssm::new(ssm::Store::open(&folder.parameters())?, names::REGION));
    let password = folder.password(ssm.value(names::PASSWORD_PARAMETER))?;
    ssm.set_secret(names::PASSWORD_PARAMETER, &password)?;
    sign_in::make_session_key(&ssm)?;
    for (name, value) in [("application", described.text)].iter().chain(&options.settings) {
        ssm.set(&format!("{}/{name}", names::PARAMETERS), value)?;
    }
    files::replace(&folder.environment(), names::shell(&environment).as_bytes())?;

    // Two ends: the functions end first, the endpoints once the last task has.
    let (functions_end, functions_told) = watch::channel(());
    let (endpoints_end, endpoints_told) = watch::channel(());
    let mut endpoints = JoinSet::new();
    let told = || ended(endpoints_told.clone());
    endpoints.spawn(endpoint::serve(listeners.dynamodb, Arc::clone(&table), keys.clone(), told()));
    endpoints.spawn(endpoint::serve(listeners.ssm, ssm, keys.clone(), told()));
    let ecs = Arc::new(Ecs::new(cluster.clone(), services.clone()));
    endpoints.spawn(endpoint::serve(listeners.ecs, ecs, keys.clone(), told()));
    let (access_key, secret_key) = (keys.access_key.clone(), keys.secret_key.clone());
    endpoints.spawn(s3::serve(listeners.s3, folder.objects(), access_key, secret_key, told()));
    endpoints.spawn(sweep(table, told()));

    let clients = Clients { keys, addresses };
    clients.create_bucket().await?;
    let ledger = Ledger::new(&clients.config(addresses.dynamodb), names::TABLE);
    let settings = SettingsStore::new(&clients.config(addresses.ssm), names::PARAMETERS);
    let metrics = Metrics::to(files::Bounded::open(&folder.metrics())?, names::TABLE);
    let worker = Worker {
        ledger: ledger.clone(),
        tasks: Tasks::new(&clients.config(addresses.ecs), task_config()),
        services: nightkeep_cloud::Services::new(&clients.config(addresses.ecs), names::CLUSTER),
        settings: settings.clone(),
        metrics: metrics.clone(),
    };
    let scheduler = Scheduler { ledger: ledger.clone(), settings: settings.clone(), metrics };
    let archives = Archives::new(&clients.config(addresses.s3), names::BUCKET);
    let secrets = Secrets::new(&clients.config(addresses.ssm), names::PARAMETERS);
    let home = provider.oidc_issuer.is_some().then(|| format!("http://{address}"));
    let sign_in = provider.sign_in(address, secrets).map_err(|error| Refused(format!("{error:#}")))?;
    let router = nightkeep_api::router(Api { ledger, archives, settings, sign_in, clock: Timestamp::now });
    let mut functions = JoinSet::new();
    let told = || ended(functions_told.clone());
    functions.spawn(functions::serve(page, router, home, told()));
    let driven = functions::drive(worker, wake, told());
    functions.spawn(async move {
        driven.await;
        Ok(())
    });

    let ticked = functions::tick(scheduler, told());
    functions.spawn(async move {
        ticked.await;
        Ok(())
    });

    // From here on there may be processes of services: nothing returns before they are ended.
    let outcome = match services.start() {
        Ok(()) => {
            greet(&described.name, described.sample.as_ref(), address, &folder);
            until_the_end(&mut signals, &mut functions, &mut endpoints).await
        }
        Err(error) => Err(error),
    };
    drop(functions_end);
    drain(&mut functions).await;
    close(&cluster, &services, &mut signals).await;
    drop(endpoints_end);
    drain(&mut endpoints).await;
    outcome
}

/// Refuses settings that cannot be used: who starts the program is there to put them right.
fn check_settings(given: &[(&'static str, String)]) -> Result<(), Refused> {
    for (name, value) in given {
        Settings::default()
            .set(name, value)
            .map_err(|expected| Refused(format!("--{name} is “{value}”, but it has to be {expected}")))?;
    }
    Ok(())
}

/// Waits for the signal to end.
async fn until_the_end(
    signals: &mut Signals,
    functions: &mut JoinSet<anyhow::Result<()>>,
    endpoints: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tokio::select! {
        name = signals.next() => {
            tracing::info!("{name}: ending");
            Ok(())
        }
        // None of them ends by itself: if one has, something is wrong.
        Some(ended) = functions.join_next() => early(ended),
        Some(ended) = endpoints.join_next() => early(ended),
    }
}

/// Stops the tasks and the services, which may take them a while; a second signal kills them.
async fn close(cluster: &Cluster, services: &Services, signals: &mut Signals) {
    let (tasks, others) = (cluster.clone(), services.clone());
    let mut closed = spawn_blocking(move || {
        thread::scope(|scope| {
            scope.spawn(|| others.close());
            tasks.close("Nightkeep itself was ended while this task ran");
        });
    });
    loop {
        tokio::select! {
            ended = &mut closed => {
                if let Err(error) = ended {
                    tracing::error!("stopping the tasks: {error}");
                }
                return;
            }
            name = signals.next() => {
                tracing::warn!("{name} again: the tasks are killed");
                cluster.kill();
                services.kill();
            }
        }
    }
}

async fn sweep(table: Arc<Table>, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            () = time::sleep(SWEEP_EVERY) => {}
        }
        let table = Arc::clone(&table);
        let swept = spawn_blocking(move || table.sweep()).await.context("deleting expired items")?;
        if let Err(error) = swept {
            tracing::warn!("{error:#}");
        }
    }
}

/// Resolves when the sender has been dropped.
async fn ended(mut told: watch::Receiver<()>) {
    while told.changed().await.is_ok() {}
}

fn early(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    ended.context("a part of the program broke")??;
    anyhow::bail!("a part of the program ended by itself")
}

async fn drain(parts: &mut JoinSet<anyhow::Result<()>>) {
    let all = async {
        while let Some(ended) = parts.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("{error:#}"),
                Err(error) => tracing::error!("{error}"),
            }
        }
    };
    if time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("connections were still open at the end and were cut");
        parts.shutdown().await;
    }
}

async fn bind_page(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Refused(format!(
            "port {port} is in use by another program; choose another with --port, or any free one with --port 0"
        ))
        .into(),
        io::ErrorKind::PermissionDenied => Refused(format!(
            "port {port} may not be used by this user; choose one above 1023 with --port"
        ))
        .into(),
        _ => anyhow::Error::new(error).context(format!("listening on port {port}")),
    })
}

struct Listeners {
    dynamodb: TcpListener,
    s3: TcpListener,
    ecs: TcpListener,
    ssm: TcpListener,
}

impl Listeners {
    async fn bind() -> anyhow::Result<Self> {
        let any = || async {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .context("listening on a free port of this machine")
        };
        Ok(Self { dynamodb: any().await?, s3: any().await?, ecs: any().await?, ssm: any().await? })
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        let address = |listener: &TcpListener| listener.local_addr().context("reading an endpoint’s address");
        Ok(Addresses {
            dynamodb: address(&self.dynamodb)?,
            s3: address(&self.s3)?,
            ecs: address(&self.ecs)?,
            ssm: address(&self.ssm)?,
        })
    }
}

/// The means to call the endpoints as the functions do.
struct Clients {
    keys: Keys,
    addresses: Addresses,
}

impl Clients {
    /// Nothing of it comes from the environment, where the values of an earlier start may still be.
    fn config(&self, endpoint: SocketAddr) -> SdkConfig {
        let credentials =
            Credentials::new(&self.keys.access_key, &self.keys.secret_key, None, None, "nightkeep");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(names::REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(format!("http://{endpoint}"))
            .build()
    }

    async fn create_bucket(&self) -> anyhow::Result<()> {
        let config =
            aws_sdk_s3::config::Builder::from(&self.config(self.addresses.s3)).force_path_style(true).build();
        let created =
            aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(names::BUCKET).send().await;
        match created.map_err(aws_sdk_s3::Error::from) {
            Ok(_)
            | Err(
                aws_sdk_s3::Error::BucketAlreadyOwnedByYou(_) | aws_sdk_s3::Error::BucketAlreadyExists(_),
            ) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("making the bucket {}", names::BUCKET)),
        }
    }
}

fn cluster(folder: &Folder, environment: Vec<(String, String)>) -> ecs::Config {
    let mut environment = environment;
    environment.push(("NIGHTKEEP_CACHE".to_owned(), folder.cache().to_string_lossy().into_owned()));
    environment.extend(nightkeep_agent::ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())));
    ecs::Config {
        region: names::REGION.to_owned(),
        cluster: names::CLUSTER.to_owned(),
        definition: names::TASK_DEFINITION.to_owned(),
        container: names::CONTAINER.to_owned(),
        command: TaskCommand {
            // This very program, even if its file has been replaced by a newer build meanwhile.
            program: PathBuf::from("/proc/self/exe"),
            name: "nightkeep".to_owned(),
            arguments: vec!["agent".into()],
            environment,
        },
        folder: folder.cluster(),
        stop_timeout: STOP_TIMEOUT,
    }
}

fn task_config() -> TaskConfig {
    TaskConfig {
        cluster: names::CLUSTER.to_owned(),
        definition: names::TASK_DEFINITION.to_owned(),
        container: names::CONTAINER.to_owned(),
        subnets: Vec::new(),
        security_groups: Vec::new(),
        fargate: false,
        public_address: false,
    }
}

fn greet(name: &str, sample: Option<&Sample>, address: SocketAddr, folder: &Folder) {
    let (subject, guest_book) = match sample {
        Some(sample) => (
            format!(
                "the sample application “{name}” in {}\n  (describe your own in a file: --application FILE.toml)",
                sample.home.display()
            ),
            format!("  Sign   http://127.0.0.1:{} (the guest book)\n", sample.port),
        ),
        None => (format!("“{name}”"), String::new()),
    };
    let environment = folder.environment();
    let text = format!(
        "Nightkeep looks after {subject}\n\n  \
         Open   http://{address}\n\
         {guest_book}  \
         Stop   Ctrl-C\n  \
         State  {}\n         \
         (for AWS clients and restic: source {})\n",
        folder.path().display(),
        environment.display()
    );
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!("greeting: {error}");
    }
}

/// The signals that end the program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening for the signals that end the program");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupted",
            _ = self.terminate.recv() => "told to terminate",
        }
    }
}
