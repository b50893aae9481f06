//! The OpenAPI document, tried out with thousands of requests as it allows them and as it does not: no
//! answer may be one that it does not name, and none a failure.

use std::{collections::HashSet, fs, path::Path, process::Stdio};

use nightkeep_tests::{console::Console, issuer::Issuer};
use tokio::process::Command;

use crate::dump;

/// Where `tests/run` installs schemathesis.
const SCHEMATHESIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/schemathesis/bin/schemathesis");

const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis/schemathesis.toml");

/// How many requests schemathesis has made, all of them answered as the document says. Its options are
/// these beside those that always are.
async fn tried(console: &Console, document: &Path, options: &[String]) -> usize {
    assert!(Path::new(SCHEMATHESIS).exists(), "{SCHEMATHESIS} is not there: run tests/run");
    let output = Command::new(SCHEMATHESIS)
        .args(["--config-file", CONFIGURATION, "run"])
        .arg(document)
        .args([
            "--url",
            &console.url(""),
            "--checks",
            "all",
            "--mode",
            "all",
            "--workers",
            "2",
            "--seed",
            "1",
        ])
        .args([
            "--max-redirects",
            "0",
            "--generation-database",
            "none",
            "--header",
            "Sec-Fetch-Site: same-origin",
            "--no-color",
            "--continue-on-failure",
        ])
        .args(options)
        .current_dir(document.parent().unwrap())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let generated = said.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse().ok());
    generated.unwrap_or_else(|| panic!("no number of requests:\n{said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_its_document_says_whoever_asks_for_whatever() {
    let issuer = Issuer::start().await;
    let console = Console::start_with(&issuer.options(), &dump("quick", "echo data")).await;
    // Longer than trying it out takes.
    let mut claims = issuer.claims(&["nightkeep-operators"]);
    claims["exp"] = (claims["iat"].as_i64().unwrap() + 3600).into();
    let token = issuer.sign(&serde_json::json!({}), &claims);
    let document = console.client().get(console.url("/api/openapi.json")).bearer_auth(&token);
    let document = document.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();

    // Generators of clients name their methods after these.
    let parsed: serde_json::Value = serde_json::from_str(&document).unwrap();
    let paths = parsed["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let different: HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), different.len(), "{ids:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    fs::write(&file, document).unwrap();

    let header = format!("Authorization: Bearer {token}");
    let signed_in = ["--header", &header, "--max-examples", "150"].map(str::to_owned);
    let by_operator = tried(&console, &file, &signed_in).await;
    let nobody = ["--max-examples", "100"].map(str::to_owned);
    let by_nobody = tried(&console, &file, &nobody).await;
    assert!(by_operator + by_nobody >= 5000, "{by_operator} and {by_nobody} requests");
}
