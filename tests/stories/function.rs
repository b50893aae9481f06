//! The api as a function on AWS, behind API Gateway: the same sign-in as everywhere.

use std::time::Instant;

use jiff::Timestamp;
use nightkeep_tests::{
    console::Console,
    issuer::{AUDIENCE, CLIENT, Issuer},
    lambda::Lambda,
};
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};

use crate::dump;

/// Where the function is reached from outside, as it is told.
const URL: &str = "https://backups.example.com";

fn variables(issuer: &Issuer) -> Vec<(&str, &str)> {
    vec![
        ("NIGHTKEEP_URL", URL),
        ("NIGHTKEEP_OIDC_ISSUER", &issuer.url),
        ("NIGHTKEEP_OIDC_CLIENT_ID", CLIENT),
        ("NIGHTKEEP_OIDC_AUDIENCE", AUDIENCE),
        // As the template gives what nobody has set.
        ("NIGHTKEEP_OIDC_SCOPES", ""),
        ("NIGHTKEEP_OIDC_ROLE_CLAIM", ""),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ]
}

/// A request as API Gateway hands it over.
fn event(method: &str, path: &str, headers: &Value, cookies: &[String]) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": headers, "cookies": cookies, "isBase64Encoded": false, "body": "{}",
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "api", "requestId": "request", "routeKey": "$default", "stage": "$default",
            "time": "24/Nov/2026:08:00:00 +0000", "timeEpoch": 1_795_507_200_000_u64,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "a browser" },
        },
    })
    .to_string()
}

async fn ask(function: &Lambda, method: &str, path: &str, headers: Value, cookies: &[String]) -> Value {
    let answer = function.invoke(&event(method, path, &headers, cookies)).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

/// The cookies of an answer, as a browser gives them back.
fn cookies(answer: &Value) -> Vec<String> {
    let set = answer["cookies"].as_array().unwrap().iter().map(|cookie| cookie.as_str().unwrap());
    let kept = set.filter(|cookie| !cookie.contains("Max-Age=0"));
    kept.map(|cookie| cookie.split(';').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_does_not_start_without_a_sign_in_that_can_work() {
    let issuer = Issuer::start().await;
    let console = Console::start_at(Timestamp::now(), &[], &dump("quick", "echo data")).await;
    for (name, value) in [
        ("NIGHTKEEP_URL", ""),
        ("NIGHTKEEP_URL", "http://backups.example.com"),
        ("NIGHTKEEP_OIDC_ISSUER", ""),
        ("NIGHTKEEP_OIDC_ISSUER", "http://id.example.com"),
        ("NIGHTKEEP_OIDC_CLIENT_ID", ""),
        ("NIGHTKEEP_OIDC_AUDIENCE", CLIENT),
        ("NIGHTKEEP_OIDC_OPERATORS", ","),
    ] {
        let mut variables = variables(&issuer);
        variables.push((name, value));
        Lambda::start_with("nightkeep-api", &console, &variables).await.refused().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signs_in_behind_api_gateway_and_the_start_does_not_pay_for_it() {
    let issuer = Issuer::start().await;
    let console = Console::start_at(Timestamp::now(), &[], &dump("quick", "echo data")).await;
    let started = Instant::now();
    let function = Lambda::start_with("nightkeep-api", &console, &variables(&issuer)).await;
    let refused = ask(&function, "GET", "/api/state", json!({ "host": "evil.example" }), &[]).await;
    let cold = started.elapsed();
    assert_eq!(refused["statusCode"], 401);
    assert!(refused["headers"]["strict-transport-security"].as_str().unwrap().starts_with("max-age="));
    assert_eq!(issuer.requests(), 0, "nobody has asked the provider yet");

    let begun = ask(&function, "GET", "/sign-in?to=%2Factivity", json!({}), &[]).await;
    let to = begun["headers"]["location"].as_str().unwrap();
    assert!(to.contains("redirect_uri=https%3A%2F%2Fbackups.example.com%2Fsign-in%2Fcallback"), "{to}");
    let browser = Client::builder().redirect(Policy::none()).build().unwrap();
    let back = browser.get(to).send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let back = back.strip_prefix(URL).unwrap();
    let finished = ask(&function, "GET", back, json!({}), &cookies(&begun)).await;
    assert_eq!(
        (&finished["statusCode"], &finished["headers"]["location"]),
        (&json!(303), &json!("/activity"))
    );
    let session = cookies(&finished);
    let asked = issuer.requests();

    let warm = Instant::now();
    let state = ask(&function, "GET", "/api/state", json!({}), &session).await;
    let warm = warm.elapsed();
    assert_eq!(state["statusCode"], 200);
    let state: Value = serde_json::from_str(state["body"].as_str().unwrap()).unwrap();
    assert_eq!(state["user"]["name"], "Maya Lindqvist");
    let changing = |origin: &str| json!({ "content-type": "application/json", "origin": origin });
    let foreign = changing("https://api.execute-api.us-east-1.amazonaws.com");
    let foreign = ask(&function, "POST", "/api/backups", foreign, &session).await;
    assert_eq!(foreign["statusCode"], 403);
    let begun = ask(&function, "POST", "/api/backups", changing(URL), &session).await;
    assert_eq!(begun["statusCode"], 202, "{begun:#}");
    assert_eq!(issuer.requests(), asked, "a session asks nobody");

    // Each line of the log is JSON, and tells whose request it is.
    let output = function.output();
    let mut lines = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let begun = lines.rfind(|line| line["fields"]["message"] == "operation begun").unwrap();
    let span = &begun["span"];
    assert_eq!((&span["user"], &span["user_id"]), (&json!("Maya Lindqvist"), &json!("maya")), "{begun:#}");
    assert!(span["operation"].is_string() && span["request"].as_str().unwrap().len() == 36, "{begun:#}");
    println!("from the function's start to its first answer {cold:?}, a warm answer with a session {warm:?}");
}

/// Every place within an event, as JSON pointers.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        places(value, &at, all);
        all.push(at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_api_gateway_that_nobody_would_send_begin_nothing_and_stop_nothing() {
    let issuer = Issuer::start().await;
    let console = Console::start_at(Timestamp::now(), &[], &dump("quick", "echo data")).await;
    let function = Lambda::start_with("nightkeep-api", &console, &variables(&issuer)).await;
    let bearer = format!("Bearer {}", issuer.bearer(&["nightkeep-operators"]));
    let headers = json!({ "authorization": bearer, "content-type": "application/json", "x-odd": "odd" });
    let good: Value =
        serde_json::from_str(&event("GET", "/api/state?odd=1", &headers, &["a=b".to_owned()])).unwrap();
    let state = |answer: &str| serde_json::from_str::<Value>(answer).unwrap()["statusCode"].clone();
    assert_eq!(state(&function.invoke(&good.to_string()).await.unwrap()), 200);
    let mut all = Vec::new();
    places(&good, "", &mut all);
    let odd = [
        Value::Null,
        json!(-7),
        json!(1e300),
        json!(""),
        json!("\u{0} ☃ \r\nx: y"),
        json!([]),
        json!([[{}]]),
        json!({}),
        json!({ "": null }),
        json!("x".repeat(100_000)),
    ];
    let mut events = vec![
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "\"\"".to_owned(),
        String::new(),
        "{".to_owned(),
    ];
    for place in &all {
        for value in &odd {
            let mut event = good.clone();
            *event.pointer_mut(place).unwrap() = value.clone();
            events.push(event.to_string());
        }
    }
    let mut not_base64 = good.clone();
    (not_base64["isBase64Encoded"], not_base64["body"]) = (json!(true), json!("{\"notes\":…"));
    events.push(not_base64.to_string());
    let (mut answered, mut refused) = (0, 0);
    for event in &events {
        match function.invoke(event).await {
            Ok(answer) => {
                let status = state(&answer).as_u64().unwrap();
                assert!(status < 500, "{status}: {event:.2000}");
                answered += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert_eq!(state(&function.invoke(&good.to_string()).await.unwrap()), 200, "it still serves");
    assert_eq!(console.get("/api/records").await["records"], json!([]));
    println!("figure: {} odd events of API Gateway: {answered} answered, {refused} refused", events.len());
}
