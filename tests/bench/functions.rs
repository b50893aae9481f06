//! The functions as Lambda runs them, out of the packages that are deployed: how soon they are there, how
//! fast they answer, and what memory they take, beside a function that does nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nightkeep_tests::{
    between::{Service, Who},
    issuer::{AUDIENCE, CLIENT, Issuer},
    lambda::Lambda,
    machine::Machine,
};
use serde_json::{Value, json};

use crate::{
    peers::root,
    process::{cpu, peak},
    results::Results,
};

/// Answers that are measured together, as one takes less than can be measured.
const WARM: u32 = 500;

/// The machine's root certificates.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is asked of a function, and with which variables.
struct Asked {
    event: String,
    environment: BTreeMap<String, String>,
}

/// Measures every function, and the one that does nothing, in turns.
pub(crate) async fn measure(results: &mut Results, rounds: u32) {
    let programs = Programs::unpacked();
    let (machine, issuer) = (Machine::straight().await, Issuer::start().await);
    for number in 0..rounds * 2 {
        for name in ["hello", "nightkeep-api", "nightkeep-worker", "nightkeep-scheduler"] {
            let asked = asked(name, &machine, &issuer);
            let program = programs.of(name);
            let mut function = Lambda::run(&program, asked.environment).await;
            let ready = function.ready().await;
            let first = answered(&function, &asked.event).await;
            let (used, began) = (cpu(function.pid()).unwrap(), Instant::now());
            for _ in 0..WARM {
                answered(&function, &asked.event).await;
            }
            let warm = began.elapsed() / WARM;
            let used = (cpu(function.pid()).unwrap() - used) / f64::from(WARM);
            let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
            // The very first start reads the program from disk.
            if number == 0 {
                continue;
            }
            let took = json!({
                "init": milliseconds(ready), "first": milliseconds(first), "warm": milliseconds(warm),
                "warm_cpu": used * 1e3, "peak": peak(function.pid()).unwrap(), "package": programs.packages[name],
            });
            results.add(&["each", name], took);
        }
        results.add(&["state"], json!({ "alone": state_alone(&machine).await }));
    }
    requests(results, &programs, &issuer).await;
}

/// How long the one request to DynamoDB takes that the state needs, in milliseconds.
async fn state_alone(machine: &Machine) -> f64 {
    let began = Instant::now();
    for _ in 0..WARM {
        machine.ledger().state().await.unwrap();
    }
    (began.elapsed() / WARM).as_secs_f64() * 1e3
}

/// Counts what each call asks of AWS.
async fn requests(results: &mut Results, programs: &Programs, issuer: &Issuer) {
    let machine = Machine::start().await;
    for (name, path) in [
        ("nightkeep-api", "/api/state"),
        ("nightkeep-api", "/api/records"),
        ("nightkeep-api", "/"),
        ("nightkeep-api", "/maintenance"),
        ("nightkeep-worker", ""),
        ("nightkeep-scheduler", ""),
    ] {
        let mut asked = asked(name, &machine, issuer);
        asked.event = asked.event.replace("/api/state", path);
        let function = Lambda::run(&programs.of(name), asked.environment).await;
        for time in ["first", "warm"] {
            machine.between().follow(|_| nightkeep_tests::between::Verdict::Pass);
            answered(&function, &asked.event).await;
            let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
            for call in machine.between().calls() {
                let service = match call.service {
                    Service::DynamoDb => "dynamodb",
                    Service::S3 => "s3",
                    Service::Ecs => "ecs",
                    Service::Ssm => "ssm",
                };
                *calls.entry(service).or_default() += 1;
            }
            results.add(&["requests", &format!("{name} {path}"), time], json!(calls));
        }
    }
}

/// Gives it an event, and says how long the answer took, which has to be a good one.
async fn answered(function: &Lambda, event: &str) -> Duration {
    let began = Instant::now();
    let answer = function.invoke(event).await.unwrap();
    let took = began.elapsed();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert!(answer.is_null() || answer["statusCode"] == 200, "{answer:#}");
    took
}

fn asked(name: &str, machine: &Machine, issuer: &Issuer) -> Asked {
    let who = if name == "nightkeep-worker" { Who::Worker } else { Who::Api };
    let mut environment = machine.environment(who);
    let own = [
        ("NIGHTKEEP_URL", "https://backups.example.com"),
        ("NIGHTKEEP_OIDC_ISSUER", &issuer.url),
        ("NIGHTKEEP_OIDC_CLIENT_ID", CLIENT),
        ("NIGHTKEEP_OIDC_AUDIENCE", AUDIENCE),
        // In Lambda too all are in one file; a folder would have one for each.
        ("SSL_CERT_FILE", ROOTS),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let event = if who == Who::Worker || name == "nightkeep-scheduler" {
        "{}".to_owned()
    } else {
        let text = fs::read_to_string(root().join("tests/events/api-gateway.json")).unwrap();
        let mut event: Value = serde_json::from_str(&text.replace("/maintenance", "/api/state")).unwrap();
        event["headers"]["authorization"] =
            json!(format!("Bearer {}", issuer.bearer(&["nightkeep-viewers"])));
        event.to_string()
    };
    Asked { event, environment }
}

/// The packages as they are deployed, unpacked.
struct Programs {
    folder: PathBuf,
    /// Their sizes in bytes.
    packages: BTreeMap<&'static str, u64>,
}

impl Programs {
    fn unpacked() -> Self {
        let folder = root().join("target/bench/functions");
        let mut packages = BTreeMap::new();
        for name in ["hello", "nightkeep-api", "nightkeep-worker", "nightkeep-scheduler"] {
            let package = root().join("target/lambda").join(name).join("bootstrap.zip");
            packages.insert(name, package.metadata().unwrap().len());
            let into = folder.join(name);
            unpack(&package, &into);
        }
        Self { folder, packages }
    }

    fn of(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("bootstrap")
    }
}

fn unpack(package: &Path, into: &Path) {
    let mut command = Command::new("python3");
    nightkeep_tests::run(command.args(["-m", "zipfile", "--extract"]).arg(package).arg(into));
    // It keeps no modes.
    nightkeep_tests::run(Command::new("chmod").arg("+x").arg(into.join("bootstrap")));
}
