//! Signing in and out, what goes wrong with it, and what is in no log.

use jiff::{SignedDuration, Timestamp};
use nightkeep_tests::{
    console::Console,
    issuer::{Issuer, Key, maya},
    visitor::{SESSION, TRANSACTION, Visitor, location},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::dump;

async fn begin(issuer: &Issuer) -> Console {
    Console::start_with(&issuer.options(), &dump("quick", "echo data")).await
}

async fn state(visitor: &mut Visitor) -> Value {
    let answer = visitor.get("/api/state").await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signs_in_is_back_where_one_was_and_signs_out() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut visitor = Visitor::of(&console);
    let answer = visitor.sign_in("/activity").await;
    assert_eq!((answer.status(), location(&answer).as_str()), (StatusCode::SEE_OTHER, "/activity"));
    assert!(!visitor.cookies.contains_key(TRANSACTION), "it has served its purpose");
    assert_eq!(
        state(&mut visitor).await["user"],
        json!({ "name": "Maya Lindqvist", "role": "operator", "signed_in": true })
    );
    let left = visitor.post("/sign-out", "{}").await;
    let url: Value = left.json().await.unwrap();
    let url = url["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/end?id_token_hint=ey", issuer.url)), "{url}");
    assert!(url.contains("&client_id=nightkeep&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1"), "{url}");
    assert_eq!(visitor.get("/api/state").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(visitor.post("/sign-out", "{}").await.status(), StatusCode::OK, "twice does no harm");
    // One can come back at once.
    visitor.sign_in("/").await;
    state(&mut visitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_an_answer_brings_after_the_sign_out_is_no_session() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut visitor = Visitor::signed_in(&console).await;
    let late = visitor.cookies[SESSION].clone();
    visitor.post("/sign-out", "{}").await;
    visitor.cookies.insert(SESSION.to_owned(), late.clone());
    assert_eq!(visitor.get("/api/state").await.status(), StatusCode::UNAUTHORIZED);
    // A stolen copy is what a session without a list of sessions cannot tell from the real one: it holds
    // until its end. ARCHITECTURE.md says so.
    let mut thief = Visitor::of(&console);
    thief.cookies.insert(SESSION.to_owned(), late);
    state(&mut thief).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_leads_to_no_other_site() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    for to in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%2F%09%2Fevil.example",
        "%2F%0A%2Fevil.example",
        "javascript%3Aalert(1)",
        "%2F%0D%0Aset-cookie%3A%20a%3Db",
        "",
    ] {
        let answer = Visitor::of(&console).sign_in(to).await;
        assert_eq!((answer.status(), location(&answer).as_str()), (StatusCode::SEE_OTHER, "/"), "{to}");
        assert!(!answer.headers().get_all("set-cookie").iter().any(|cookie| cookie == "a=b"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_browser_that_began_a_sign_in_can_finish_it_and_once() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let (mut attacker, mut victim) = (Visitor::of(&console), Visitor::of(&console));
    let back = attacker.sent_back("/").await;
    // Nothing begun, something else begun, and with another state.
    assert_eq!(victim.follow(&back).await.status(), StatusCode::BAD_REQUEST);
    victim.get("/sign-in").await;
    assert_eq!(victim.follow(&back).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(attacker.follow(&back.replace("state=", "state=x")).await.status(), StatusCode::BAD_REQUEST);
    assert!(!victim.cookies.contains_key(SESSION) && !attacker.cookies.contains_key(SESSION));
    // Sent back by another provider than the one that was asked.
    let mixed_up = format!("{}&iss=https%3A%2F%2Fevil.example", back.split("&iss=").next().unwrap());
    assert_eq!(attacker.follow(&mixed_up).await.status(), StatusCode::FORBIDDEN);
    let used = attacker.cookies[TRANSACTION].clone();
    assert_eq!(attacker.follow(&back).await.status(), StatusCode::SEE_OTHER);
    attacker.cookies.remove(SESSION);
    attacker.cookies.insert(TRANSACTION.to_owned(), used);
    assert_eq!(attacker.follow(&back).await.status(), StatusCode::FORBIDDEN, "the code was used");
    assert!(!attacker.cookies.contains_key(SESSION));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_went_wrong_is_shown_by_our_own_page() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut visitor = Visitor::of(&console);
    let back = visitor.sent_back("/").await;
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let refused =
        format!("/sign-in/callback?error=access_denied&error_description=%3Cscript%3E&state={state}");
    let answer = visitor.get(&refused).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let page = answer.text().await.unwrap();
    assert!(page.contains("You were not signed in") && !page.contains("script"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_secret_shows_it_to_the_provider() {
    let issuer = Issuer::start().await;
    issuer.secret("a secret: of the client");
    let without = begin(&issuer).await;
    assert_eq!(Visitor::of(&without).sign_in("/").await.status(), StatusCode::FORBIDDEN);
    let with = begin(&issuer).await;
    with.keep_secret("oidc-client-secret", "a secret: of the client").await;
    Visitor::signed_in(&with).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_is_asked_when_somebody_signs_in_and_never_because_of_a_session() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut nobody = Visitor::of(&console);
    for path in ["/", "/api/state", "/maintenance"] {
        nobody.get(path).await;
    }
    assert_eq!(issuer.requests(), 0, "the start does not pay for it");
    let mut visitor = Visitor::signed_in(&console).await;
    assert_eq!(issuer.requests(), 3, "what it is, its keys, and the code for a token");
    for _ in 0..20 {
        state(&mut visitor).await;
    }
    let token = issuer.bearer(&["nightkeep-viewers"]);
    for _ in 0..20 {
        let request = nobody.request(Method::GET, "/api/state").bearer_auth(&token);
        assert_eq!(nobody.send(request).await.status(), StatusCode::OK);
    }
    assert_eq!(issuer.requests(), 3, "neither sessions nor tokens of known keys ask it");
    // Rubbish, and tokens of keys that nobody knows, cannot have it asked again and again.
    for number in 0..50 {
        let header = json!({ "alg": "ES256", "kid": format!("made-up-{number}") });
        let token = Key::ec().sign(&header, &issuer.claims(&["nightkeep-operators"]));
        let request = nobody.request(Method::GET, "/api/state").bearer_auth(&token);
        assert_eq!(nobody.send(request).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(issuer.requests(), 4, "once for its keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_the_provider_is_found_at_the_first_token_that_names_it() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut visitor = Visitor::signed_in(&console).await;
    let old = issuer.bearer(&["nightkeep-viewers"]);
    issuer.rotate("second", Key::ec());
    Visitor::signed_in(&console).await;
    let with = async |token: &str| {
        let request = Visitor::of(&console).request(Method::GET, "/api/state").bearer_auth(token);
        request.send().await.unwrap().status()
    };
    assert_eq!(with(&issuer.bearer(&["nightkeep-viewers"])).await, StatusCode::OK);
    assert_eq!(with(&old).await, StatusCode::UNAUTHORIZED, "the old key is no key any more");
    state(&mut visitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_is_away_sessions_go_on_and_a_sign_in_says_so() {
    let issuer = Issuer::start().await;
    issuer.down(true);
    let console = begin(&issuer).await;
    let mut visitor = Visitor::of(&console);
    let answer = visitor.get("/sign-in").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().await.unwrap().contains("Signing in is not possible at the moment"));
    let request =
        visitor.request(Method::GET, "/sign-in").header("accept-language", "de-AT,de;q=0.9,en;q=0.8");
    let german = visitor.send(request).await.text().await.unwrap();
    assert!(german.contains("Die Anmeldung ist im Moment nicht möglich"), "{german}");
    let token = issuer.bearer(&["nightkeep-viewers"]);
    let request = visitor.request(Method::GET, "/api/state").bearer_auth(token);
    assert_eq!(visitor.send(request).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(issuer.requests(), 1, "it is left alone for a while");

    issuer.down(false);
    nightkeep_tests::until("signing in is possible again", || async {
        let mut visitor = Visitor::of(&console);
        (visitor.get("/sign-in").await.status() == StatusCode::SEE_OTHER).then_some(())
    })
    .await;
    let mut visitor = Visitor::signed_in(&console).await;
    let known = issuer.bearer(&["nightkeep-viewers"]);
    issuer.rotate("second", Key::ec());
    let unknown = issuer.bearer(&["nightkeep-viewers"]);
    issuer.down(true);
    state(&mut visitor).await;
    // A token of a key that is not known yet may be good: it is not called wrong.
    for (token, expected) in [
        (&known, StatusCode::OK),
        (&unknown, StatusCode::SERVICE_UNAVAILABLE),
        (&unknown, StatusCode::SERVICE_UNAVAILABLE),
        (&known, StatusCode::OK),
    ] {
        let request = Visitor::of(&console).request(Method::GET, "/api/state").bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), expected);
    }
    assert_eq!(visitor.post("/sign-out", "{}").await.status(), StatusCode::OK);
    assert_eq!(visitor.get("/api/state").await.status(), StatusCode::UNAUTHORIZED);
}

/// The same browser at a console that was started again, and so has another address.
fn moved(visitor: &Visitor, console: &Console) -> Visitor {
    let mut moved = Visitor::of(console);
    moved.cookies = visitor.cookies.clone();
    moved
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_key_can_be_exchanged_while_people_work() {
    let issuer = Issuer::start().await;
    let mut console = begin(&issuer).await;
    let first = Visitor::signed_in(&console).await;
    let [old, new] =
        [console.secret("session-key").await, "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE=".to_owned()];
    console.keep_secret("session-key-old", &old).await;
    console.keep_secret("session-key", &new).await;
    console.kill();
    console.start_again();
    state(&mut moved(&first, &console)).await;
    let second = Visitor::signed_in(&console).await;

    // Once the old one is gone, nothing that it sealed opens.
    console.forget_secret("session-key-old").await;
    console.kill();
    console.start_again();
    assert_eq!(moved(&first, &console).get("/api/state").await.status(), StatusCode::UNAUTHORIZED);
    state(&mut moved(&second, &console)).await;

    // A function that has read its keys a while ago meets a cookie that another one has sealed with a new
    // one: it looks for newer keys before it refuses.
    console.keep_secret("session-key-old", &new).await;
    console.keep_secret("session-key", &old).await;
    nightkeep_tests::until("the new key is found without a new start", || async {
        (moved(&first, &console).get("/api/state").await.status() == StatusCode::OK).then_some(())
    })
    .await;
    state(&mut moved(&second, &console)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_session_key_nobody_gets_in_though_it_was_known_a_while_ago() {
    let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
    let issuer = Issuer::start().await;
    issuer.now(start);
    let console = Console::start_at(start, &issuer.options(), &dump("quick", "echo data")).await;
    let visitor = Visitor::signed_in(&console).await;
    let key = console.secret("session-key").await;
    let at = |second: i64| console.clock().set(start + SignedDuration::from_secs(second));
    let status = async || visitor.clone().get("/api/state").await.status();
    console.forget_secret("session-key").await;
    assert_eq!(status().await, StatusCode::OK, "it was read just now");
    at(6 * 60);
    assert_eq!(status().await, StatusCode::INTERNAL_SERVER_ERROR);
    console.keep_secret("session-key", "no key at all").await;
    at(7 * 60);
    assert_eq!(status().await, StatusCode::INTERNAL_SERVER_ERROR);
    console.keep_secret("session-key", &key).await;
    at(8 * 60);
    assert_eq!(status().await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_by_another_name_of_this_machine_is_sent_to_where_the_sign_in_ends() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut visitor = Visitor::of(&console);
    let by_name = console.url("").replace("http://127.0.0.1", "localhost");
    let request = visitor.request(Method::GET, "/sign-in?to=/%23here").header("host", by_name);
    let answer = visitor.send(request).await;
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(location(&answer), console.url("/sign-in?to=/%23here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_keep_who_wrote_them_and_when() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let mut visitor = Visitor::signed_in(&console).await;
    issuer.person(json!({ "sub": "jonas", "name": "Jonas Okafor", "groups": ["nightkeep-operators"] }));
    let jonas = Visitor::signed_in(&console).await;
    let begun = visitor.post("/api/backups", "{\"notes\": \"before the move\"}").await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let begun: Value = begun.json().await.unwrap();
    assert_eq!(begun["record"]["requested_by"], "Maya Lindqvist");
    assert_eq!(begun["record"]["requested_by_id"], "maya");
    assert_eq!(begun["record"]["notes_edited"], Value::Null);
    let path = format!("/api/records/{}", begun["record"]["id"].as_str().unwrap());
    for (number, notes) in ["after the move", "after all"].into_iter().enumerate() {
        let request = jonas.request(Method::PATCH, &path).header("sec-fetch-site", "same-origin");
        let request =
            request.header("if-match", format!("\"{}\"", number + 1)).json(&json!({ "notes": notes }));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["record"]["notes_edited"]["by"], "Jonas Okafor");
        assert_eq!(body["record"]["notes_edited"]["by_id"], "jonas");
        assert!(body["record"].get("notes_history").is_none(), "only who asks for one record gets it");
    }
    let one: Value = visitor.get(&path).await.json().await.unwrap();
    let history: Vec<_> = one["record"]["notes_history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|older| ["notes", "by", "by_id"].map(|name| older[name].as_str().unwrap()))
        .collect();
    let expected =
        [["after the move", "Jonas Okafor", "jonas"], ["before the move", "Maya Lindqvist", "maya"]];
    assert_eq!(history, expected);
    let same = jonas.request(Method::PATCH, &path).header("sec-fetch-site", "same-origin");
    let same: Value = same.json(&json!({ "notes": "after all" })).send().await.unwrap().json().await.unwrap();
    assert_eq!(same["record"]["notes_version"], 3, "the same text again is no change");
    let list: Value = visitor.get("/api/records").await.json().await.unwrap();
    assert!(list["records"][0].get("notes_history").is_none(), "{list:#}");
    assert_eq!(list["records"][0]["notes_edited"]["by"], "Jonas Okafor");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_who_did_what_and_nothing_secret() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let key = console.secret("session-key").await;
    console.keep_secret("oidc-client-secret", "the-clients-own-secret").await;
    issuer.secret("the-clients-own-secret");
    let mut visitor = Visitor::of(&console);
    let back = visitor.sent_back("/").await;
    let mut secrets = vec![key, "the-clients-own-secret".to_owned(), visitor.cookies[TRANSACTION].clone()];
    visitor.follow(&back).await;
    secrets.extend(visitor.cookies.values().cloned());
    let password = console.secret("repository-password").await;
    secrets.push(password);
    // Every way to be refused, each with something secret in it.
    visitor.follow(&back).await;
    Visitor::of(&console).follow(&back).await;
    for token in [issuer.bearer(&["staff"]), issuer.sign(&json!({ "kid": "x" }), &issuer.claims(&[]))] {
        let request = Visitor::of(&console).request(Method::GET, "/api/state").bearer_auth(&token);
        request.send().await.unwrap();
    }
    let confirmation = visitor.post("/api/confirmations", "{\"action\": \"restart\"}").await;
    let confirmation: Value = confirmation.json().await.unwrap();
    secrets.push(confirmation["code"].as_str().unwrap().to_owned());
    let wrong = json!({ "confirmation": { "id": confirmation["id"], "code": "WRONG2" } }).to_string();
    visitor.post("/api/restarts", &wrong).await;
    let begun = visitor.post("/api/backups", "{}").await;
    let begun: Value = begun.json().await.unwrap();
    let record = begun["record"]["id"].as_str().unwrap().to_owned();
    nightkeep_tests::until("the backup ends", || async {
        let mut visitor = visitor.clone();
        let one: Value = visitor.get(&format!("/api/records/{record}")).await.json().await.unwrap();
        (one["record"]["status"] != "IN_PROGRESS").then_some(())
    })
    .await;
    visitor.post("/sign-out", "{}").await;
    issuer.person(maya(&[]));
    visitor.sign_in("/").await;
    secrets.extend(visitor.cookies.values().filter(|value| value.len() > 20).cloned());
    secrets.extend(issuer.secrets());

    let log = console.log();
    for secret in &secrets {
        assert!(!secret.is_empty() && !log.contains(secret.as_str()), "the log holds {secret}:\n{log}");
    }
    let begun = log.lines().find(|line| line.contains("operation begun")).unwrap();
    for part in ["request=\"", "user=\"Maya Lindqvist\"", "user_id=\"maya\"", "operation="] {
        assert!(begun.contains(part), "{part}: {begun}");
    }
    for said in ["signed in", "a sign-in failed", "a bearer token was refused", "without a role"] {
        assert!(log.contains(said), "{said}:\n{log}");
    }
}
