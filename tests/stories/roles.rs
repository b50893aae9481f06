//! Every route against everybody who may come: nobody, somebody without a role, a viewer, an operator,
//! and scripts with their tokens.

use std::collections::{BTreeMap, BTreeSet};

use nightkeep_tests::{
    console::Console,
    issuer::{Issuer, maya},
    visitor::Visitor,
};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::dump;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Everybody,
    Viewers,
    Operators,
}

/// All routes, and who may use them. A route that is in the OpenAPI document and not here fails the
/// story, and so does one that is here and not there.
const ROUTES: [(&str, &str, For); 18] = [
    ("get", "/api/activity", For::Viewers),
    ("get", "/api/activity/{id}", For::Viewers),
    ("get", "/api/openapi.json", For::Viewers),
    ("get", "/api/records", For::Viewers),
    ("get", "/api/records/{id}", For::Viewers),
    ("get", "/api/source-archives/{id}", For::Viewers),
    ("get", "/api/state", For::Viewers),
    ("get", "/maintenance", For::Everybody),
    ("get", "/sign-in", For::Everybody),
    ("get", "/sign-in/callback", For::Everybody),
    ("patch", "/api/records/{id}", For::Operators),
    ("post", "/api/backups", For::Operators),
    ("post", "/api/confirmations", For::Operators),
    ("post", "/api/maintenance/end", For::Operators),
    ("post", "/api/restarts", For::Operators),
    ("post", "/api/restores", For::Operators),
    ("post", "/api/source-archives", For::Operators),
    ("post", "/sign-out", For::Everybody),
];

const VIEWERS: &str = "nightkeep-viewers";
const OPERATORS: &str = "nightkeep-operators";
const ID: &str = "019ab1d2-6c40-7e1a-9b07-51c2e8d0f3a4";

/// How a route answers, as far as it is about who asks: the status, and what a refusal is called.
async fn answer(visitor: &Visitor, token: Option<&str>, method: &str, path: &str) -> (StatusCode, String) {
    let method: Method = method.to_uppercase().parse().unwrap();
    let mut request = visitor.request(method.clone(), &path.replace("{id}", ID));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    // Only behind the gate a token makes it needless to say whose page asks.
    if method != Method::GET && (token.is_none() || !path.starts_with("/api/")) {
        request = request.header("sec-fetch-site", "same-origin");
    }
    if method != Method::GET {
        // What no route takes: it gets as far as it may, and changes nothing.
        request = request.header("content-type", "application/json").body("{\"unknown\": 1}");
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let kind = answer.json::<Value>().await.ok().and_then(|body| {
        Some(body["type"].as_str()?.trim_start_matches("urn:nightkeep:problem:").to_owned())
    });
    (status, kind.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_those_and_only_those_that_the_table_says() {
    let issuer = Issuer::start().await;
    let console = Console::start_with(&issuer.options(), &dump("quick", "echo data")).await;
    let mut visitors = BTreeMap::from([("nobody", Visitor::of(&console))]);
    for (who, groups) in
        [("no role", vec!["staff"]), ("viewer", vec![VIEWERS]), ("operator", vec![OPERATORS])]
    {
        issuer.person(maya(&groups));
        let mut visitor = Visitor::of(&console);
        visitor.sign_in("/").await;
        visitors.insert(who, visitor);
    }
    let scripts = [
        ("no role", issuer.bearer(&["staff"])),
        ("viewer", issuer.bearer(&[VIEWERS])),
        ("operator", issuer.bearer(&[OPERATORS])),
    ];
    let nobody = &visitors["nobody"];

    let document = nobody.request(Method::GET, "/api/openapi.json").bearer_auth(&scripts[1].1);
    let document: Value = document.send().await.unwrap().json().await.unwrap();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let in_table =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented, in_table, "every route has a row of the table, and every row a route");

    for (method, path, whose) in ROUTES {
        let refusal = |who: &str| match (whose, who) {
            (For::Everybody, _) | (_, "operator") | (For::Viewers, "viewer") => None,
            (For::Operators, "viewer") => Some((StatusCode::FORBIDDEN, "role-too-low")),
            (_, "no role") => Some((StatusCode::FORBIDDEN, "no-role")),
            _ => Some((StatusCode::UNAUTHORIZED, "signed-out")),
        };
        let cases = visitors
            .iter()
            .map(|(who, visitor)| (*who, visitor, None))
            .chain(scripts.iter().map(|(who, token)| (*who, nobody, Some(token.as_str()))));
        for (who, visitor, token) in cases {
            let (status, kind) = answer(visitor, token, method, path).await;
            let by = if token.is_some() { "token" } else { "session" };
            let what = format!("{method} {path} by {who} ({by}): {status} {kind}");
            match refusal(who) {
                Some(expected) => assert_eq!((status, kind.as_str()), expected, "{what}"),
                None => {
                    let refused = ["signed-out", "no-role", "role-too-low", "cross-origin", "wrong-token"];
                    assert!(!refused.contains(&kind.as_str()) && !status.is_server_error(), "{what}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_nowhere_under_the_api_is_told_to_nobody_who_may_not_ask() {
    let issuer = Issuer::start().await;
    let console = Console::start_with(&issuer.options(), &dump("quick", "echo data")).await;
    let mut nobody = Visitor::of(&console);
    assert_eq!(nobody.get("/api/nowhere").await.status(), StatusCode::UNAUTHORIZED);
    for path in ["/", "/main.js", "/style.css", "/logo.svg", "/sign-in.css"] {
        assert_eq!(nobody.get(path).await.status(), StatusCode::OK, "{path} is public");
    }
    let mut maya = Visitor::signed_in(&console).await;
    assert_eq!(maya.get("/api/nowhere").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_role_is_told_whom_to_ask() {
    let issuer = Issuer::start().await;
    issuer.person(maya(&[]));
    let console = Console::start_with(&issuer.options(), &dump("quick", "echo data")).await;
    let mut visitor = Visitor::of(&console);
    let page = visitor.sign_in("/").await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    let page = page.text().await.unwrap();
    assert!(page.contains("Maya Lindqvist") && page.contains("it@example.com"), "{page}");
    let refused: Value = visitor.get("/api/state").await.json().await.unwrap();
    assert_eq!(refused["contact"], "it@example.com", "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_changes_something_is_taken_from_our_own_page_only() {
    let issuer = Issuer::start().await;
    let console = Console::start_with(&issuer.options(), &dump("quick", "echo data")).await;
    let maya = Visitor::signed_in(&console).await;
    let ours = console.url("");
    let sibling = ours.replace("127.0.0.1", "evil.127.0.0.1");
    let wrong: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", &sibling)],
        &[("origin", &ours.replace("http:", "https:"))],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", &ours)],
        // What a Host header or a proxy's says is never believed.
        &[("origin", "http://evil.example"), ("x-forwarded-host", "evil.example")],
    ];
    for (method, path, whose) in ROUTES {
        if method == "get" {
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        for headers in wrong {
            let mut request = maya.request(method.clone(), &path.replace("{id}", ID));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = request.header("content-type", "application/json").body("{}").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path} with {headers:?}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(
                problem["type"], "urn:nightkeep:problem:cross-origin",
                "{method} {path} with {headers:?}"
            );
        }
        // What a form of another page could send, if it could say that it is ours.
        for form in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/plain"] {
            let request = maya.request(method.clone(), &path.replace("{id}", ID)).header("origin", &ours);
            let answer = request.header("content-type", form).body("{}").send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{method} {path} ({whose:?})");
        }
    }
    let state: Value = maya.clone().get("/api/state").await.json().await.unwrap();
    assert_eq!(state["operation"], Value::Null, "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_ours_is_refused_with_a_session_too() {
    let issuer = Issuer::start().await;
    let console = Console::start_with(&issuer.options(), &dump("quick", "echo data")).await;
    let maya = Visitor::signed_in(&console).await;
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""] {
        let answer = maya.request(Method::GET, "/api/state").header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{host:?}");
    }
    // Nor does a sign-in lead where the request's headers say.
    let begun = maya
        .request(Method::GET, "/sign-in")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .send()
        .await
        .unwrap();
    let to = nightkeep_tests::visitor::location(&begun);
    assert!(to.starts_with(&issuer.url) && !to.contains("evil"), "{to}");
}
