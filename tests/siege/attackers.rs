//! Those who write, ask and kill. Whatever they are answered has to be an answer: that it is done, that it
//! cannot be done now, or, while the program is dead, none.

use std::{fmt, sync::Arc, time::Duration};

use nightkeep_tests::console::Console;
use reqwest::StatusCode;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Siege;

/// What was asked for, and taken.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    requests: u64,
    begun: u64,
    busy: u64,
    unanswered: u64,
}

/// Whom the killer met.
#[derive(Debug, Default)]
pub(crate) struct Killed {
    agents: u64,
    services: u64,
    programs: u64,
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, begun, busy, unanswered } = self;
        write!(
            formatter,
            "{requests} requests by three clients, of which {begun} began an operation, {busy} "
        )?;
        write!(formatter, "found one in progress, and {unanswered} were cut off")
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agents, services, programs } = self;
        write!(formatter, "{agents} processes of agents, {services} of services, {programs} times everything")
    }
}

impl Asked {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.begun += other.begun;
        self.busy += other.busy;
        self.unanswered += other.unanswered;
    }
}

/// Signs the guest book, which takes an entry only while it is not under maintenance. How many it took.
pub(crate) async fn write(siege: Arc<Siege>) -> u64 {
    let mut signed = 0;
    for number in 0_u64.. {
        if siege.over() {
            break;
        }
        sleep(Duration::from_millis(50 + siege.chance.below(400, &[1, number]))).await;
        let message = "a word ".repeat(1 + usize::try_from(siege.chance.below(100, &[2, number])).unwrap());
        signed += u64::from(sign(&siege, &message).await);
    }
    signed
}

/// Signs the guest book. Whether it took the entry.
pub(crate) async fn sign(siege: &Siege, message: &str) -> bool {
    let entry = [("name", "A guest"), ("message", message)];
    let answer = siege.client.post(&siege.guest_book).form(&entry).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// Asks for anything, for as long as the siege lasts.
pub(crate) async fn ask(siege: Arc<Siege>, client: u64) -> Asked {
    let mut asked = Asked::default();
    for number in 0_u64.. {
        if siege.over() {
            break;
        }
        sleep(Duration::from_millis(200 + siege.chance.below(2500, &[3, client, number]))).await;
        asked.requests += 1;
        match request(&siege, &[4, client, number]).await {
            Some(StatusCode::ACCEPTED) => asked.begun += 1,
            Some(StatusCode::CONFLICT) => asked.busy += 1,
            // Notes that were changed; a record that has expired or a confirmation that was late.
            Some(StatusCode::OK | StatusCode::PRECONDITION_FAILED | StatusCode::UNPROCESSABLE_ENTITY) => {}
            Some(other) => panic!("client {client}, request {number}: {other}"),
            None => asked.unanswered += 1,
        }
    }
    asked
}

/// One request; none if there was no answer.
async fn request(siege: &Siege, place: &[u64]) -> Option<StatusCode> {
    let post = |path: &'static str, body: Value| async move {
        let request = siege.client.post(siege.url(path).await).json(&body);
        request.send().await.ok()
    };
    let chosen = siege.chance.below(10, place);
    if chosen <= 3 {
        return Some(post("/api/backups", json!({ "notes": "in the siege" })).await?.status());
    }
    if chosen == 4 {
        return Some(post("/api/source-archives", json!({})).await?.status());
    }
    let records = siege.client.get(siege.url("/api/records").await).send().await.ok()?;
    let records: Value = records.json().await.ok()?;
    let records = records["records"].as_array()?;
    if records.is_empty() {
        return Some(StatusCode::OK);
    }
    let any = siege.chance.one_of(records, place);
    if chosen == 9 {
        let path = format!("/api/records/{}", any["id"].as_str()?);
        let request = siege.client.patch(siege.url(&path).await);
        let request = request.header("if-match", format!("\"{}\"", any["notes_version"]));
        let body = json!({ "notes": format!("edited: {place:?}") });
        return Some(request.json(&body).send().await.ok()?.status());
    }
    let (action, record) = match chosen {
        5 => ("restart", None),
        _ => {
            let kept: Vec<&Value> = records
                .iter()
                .filter(|record| record["kind"] == "backup" && record["status"] == "SUCCESS")
                .collect();
            if kept.is_empty() {
                return Some(StatusCode::OK);
            }
            ("restore", Some(siege.chance.one_of(&kept, place)["id"].clone()))
        }
    };
    let given = post("/api/confirmations", json!({ "action": action, "record_id": record })).await?;
    if given.status() != StatusCode::CREATED {
        return Some(given.status());
    }
    let given: Value = given.json().await.ok()?;
    let confirmation = json!({ "id": given["id"], "code": given["code"] });
    let answer = match record {
        None => post("/api/restarts", json!({ "confirmation": confirmation })).await?,
        Some(record) => {
            post("/api/restores", json!({ "record_id": record, "confirmation": confirmation })).await?
        }
    };
    Some(answer.status())
}

/// Kills agents, services and the program, for as long as the siege lasts.
pub(crate) async fn kill(siege: Arc<Siege>) -> Killed {
    let mut killed = Killed::default();
    for number in 0_u64.. {
        sleep(Duration::from_millis(2000 + siege.chance.below(10_000, &[5, number]))).await;
        if siege.over() {
            break;
        }
        let mut console = siege.console.lock().await;
        match siege.chance.below(4, &[6, number]) {
            0 | 1 => {
                for agent in console.agents() {
                    // It may have ended by itself meanwhile.
                    killed.agents += u64::from(kill_process(agent, Signal::KILL).is_ok());
                }
            }
            2 => {
                for service in console.services() {
                    killed.services += u64::from(kill_process(service, Signal::KILL).is_ok());
                }
            }
            _ => {
                siege.address.send_replace(String::new());
                console.kill();
                killed.programs += 1;
                sleep(Duration::from_millis(siege.chance.below(3000, &[7, number]))).await;
                tokio::task::block_in_place(|| Console::start_again(&mut console));
                siege.address.send_replace(console.url(""));
            }
        }
    }
    killed
}
