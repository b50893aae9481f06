//! A restart: every service has new tasks, and as many as before.

use std::fs;

use nightkeep_tests::{console::Console, until};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::dump;

/// A service that writes its process identifier into `file` and stays.
fn service(name: &str, file: &std::path::Path, desired: u32) -> String {
    let script = format!("echo $$ >> '{}'; exec sleep 600", file.display());
    format!("[[service]]\nname = \"{name}\"\ncommand = [\"sh\", \"-c\", {script:?}]\ndesired = {desired}\n")
}

fn pids(file: &std::path::Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

async fn restart(console: &Console) -> Value {
    let confirmation = console.confirmation("restart", None).await;
    let answer = console.post("/api/restarts", &json!({ "confirmation": confirmation })).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(console.get("/api/state").await["maintenance"]["on"], true, "R4");
    let activity = console.activity_ended(&path).await;
    let state = console.get("/api/state").await;
    assert_eq!((&state["operation"], &state["maintenance"]["on"]), (&Value::Null, &json!(false)));
    activity
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_s09_every_service_is_replaced_and_one_at_zero_stays_at_zero() {
    let folder = tempfile::tempdir().unwrap();
    let (web, jobs, off) = (folder.path().join("web"), folder.path().join("jobs"), folder.path().join("off"));
    let services = service("web", &web, 2) + &service("jobs", &jobs, 1) + &service("off", &off, 0);
    let console = Console::start(&(dump("data", "echo data") + &services)).await;
    until("the services run", || async { (pids(&web).len() == 2 && pids(&jobs).len() == 1).then_some(()) })
        .await;

    let activity = restart(&console).await;
    assert_eq!(
        (&activity["kind"], &activity["status"]),
        (&json!("restart"), &json!("SUCCESS")),
        "{activity:#}"
    );
    assert_eq!((pids(&web).len(), pids(&jobs).len(), pids(&off).len()), (4, 2, 0));
    for old in pids(&web).iter().take(2).chain(pids(&jobs).iter().take(1)) {
        assert!(!std::path::Path::new(&format!("/proc/{old}")).exists(), "the old task {old} is gone");
    }
    let state = console.get("/api/state").await;
    assert_eq!(state["application"]["services"], json!({ "running": 3, "desired": 3 }));
    assert!(state["usual_seconds"]["restart"].is_u64());
    assert_eq!(console.get("/api/activity").await["activities"][0]["id"], activity["id"]);
    assert_eq!(console.get("/api/records").await["records"], json!([]), "a restart is no row of the table");
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_a_service_that_does_not_come_up_fails_the_restart_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    let script =
        format!("if [ -e '{}' ]; then echo 'no database' >&2; exit 1; fi; exec sleep 600", broken.display());
    let service = format!("[[service]]\nname = \"web\"\ncommand = [\"sh\", \"-c\", {script:?}]\n");
    let console = Console::start(&(dump("data", "echo data") + &service)).await;
    fs::write(&broken, "").unwrap();
    let activity = restart(&console).await;
    assert_eq!(
        (&activity["status"], &activity["failure"]["code"]),
        (&json!("FAILED"), &json!("service_failed")),
        "{activity:#}"
    );
    let happened = activity["failure"]["happened"].as_str().unwrap();
    assert!(happened.contains("“web”"), "{happened}");
    fs::remove_file(&broken).unwrap();
    assert_eq!(restart(&console).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_without_services_a_restart_has_nothing_to_do() {
    let console = Console::start(&dump("data", "echo data")).await;
    assert_eq!(restart(&console).await["status"], "SUCCESS");
}
