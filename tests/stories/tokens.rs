//! Tokens and cookies that somebody has tampered with, or that were made for something else.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use nightkeep_tests::{
    console::Console,
    issuer::{AUDIENCE, CLIENT, Issuer, Key, Twist, sign_with_secret, unsigned},
    visitor::{SESSION, TRANSACTION, Visitor},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::dump;

async fn begin(issuer: &Issuer) -> Console {
    Console::start_with(&issuer.options(), &dump("quick", "echo data")).await
}

/// How a bearer token is answered.
async fn bearer(console: &Console, token: &str) -> (StatusCode, String) {
    let request = Visitor::of(console).request(Method::GET, "/api/state").bearer_auth(token);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    (
        status,
        body["type"].as_str().unwrap_or_default().trim_start_matches("urn:nightkeep:problem:").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_gets_in_with_a_token_and_what_it_does_has_its_name() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let nobody = Visitor::of(&console);
    let token = issuer.bearer(&["nightkeep-operators"]);
    // No browser made it: it needs no origin.
    let begun =
        nobody.request(Method::POST, "/api/backups").bearer_auth(&token).json(&json!({})).send().await;
    let begun = begun.unwrap();
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let body: Value = begun.json().await.unwrap();
    assert_eq!(body["record"]["requested_by"], "nightly-script");
    assert_eq!(body["record"]["requested_by_id"], "script");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_that_is_not_exactly_right_is_refused() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let good = issuer.claims(&["nightkeep-operators"]);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let now = Timestamp::now().as_second();
    let sign = |claims: &Value| issuer.sign(&json!({ "typ": "at+jwt" }), claims);
    let header = |algorithm: &str| json!({ "alg": algorithm, "kid": "first", "typ": "at+jwt" });
    let secret = issuer.public_bytes();
    let whole = sign(&good);
    let parts: Vec<&str> = whole.split('.').collect();
    let other_claims = unsigned(&json!({}), &with("groups", json!(["nightkeep-operators", "more"])));
    let mut id_token = good.clone();
    id_token["aud"] = json!(CLIENT);
    id_token["nonce"] = json!("a");
    let wrong = BTreeMap::from([
        ("another's signature", Key::rsa().sign(&header("RS256"), &good)),
        ("another kind of key", Key::ec().sign(&header("RS256"), &good)),
        ("an unknown key", Key::ec().sign(&json!({ "alg": "ES256", "kid": "second" }), &good)),
        ("encrypted, it says", issuer.sign(&json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }), &good)),
        (
            "encrypted with a shared key, it says",
            issuer.sign(&json!({ "alg": "dir", "enc": "A256GCM" }), &good),
        ),
        ("an algorithm that nobody knows", issuer.sign(&header("XS1"), &good)),
        ("no signature", format!("{}.", unsigned(&header("none"), &good))),
        ("no signature, spelt otherwise", format!("{}.", unsigned(&header("None"), &good))),
        ("none, but signed", issuer.sign(&header("none"), &good)),
        ("HS256 with the public key", sign_with_secret(&secret, &header("HS256"), &good)),
        ("HS256 with nothing", sign_with_secret(&[], &header("HS256"), &good)),
        (
            "another's claims under this signature",
            format!("{}.{}.{}", parts[0], other_claims.split('.').nth(1).unwrap(), parts[2]),
        ),
        ("without the signature", format!("{}.{}", parts[0], parts[1])),
        ("with an empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("cut", whole[..whole.len() - 2].to_owned()),
        ("a key of its own", issuer.sign(&json!({ "typ": "at+jwt", "jwk": {} , "crit": ["jwk"] }), &good)),
        ("another issuer", sign(&with("iss", json!("https://evil.example")))),
        ("an issuer with a slash more", sign(&with("iss", json!(format!("{}/", issuer.url))))),
        ("no issuer", sign(&with("iss", Value::Null))),
        ("another audience", sign(&with("aud", json!("another-api")))),
        ("an audience that begins the same", sign(&with("aud", json!(format!("{AUDIENCE}-2"))))),
        ("no audience", sign(&with("aud", json!([])))),
        ("an ID token of a browser", issuer.sign(&json!({ "typ": "JWT" }), &id_token)),
        ("another client's ID token, by its nonce", sign(&with("nonce", json!("a")))),
        ("another client's ID token, by its access token's hash", sign(&with("at_hash", json!("a")))),
        ("another client's ID token, by its code's hash", sign(&with("c_hash", json!("a")))),
        ("another client's ID token, by its own word", sign(&with("typ", json!("ID")))),
        ("another type", issuer.sign(&json!({ "typ": "logout+jwt" }), &good)),
        ("expired", sign(&with("exp", json!(now - 60)))),
        ("expired long ago", sign(&with("exp", json!(0)))),
        ("no expiry", sign(&with("exp", Value::Null))),
        ("not yet valid", sign(&with("nbf", json!(now + 120)))),
        ("valid nobody knows when", sign(&with("nbf", json!("tomorrow")))),
        ("issued in the future", sign(&with("iat", json!(now + 120)))),
        ("no subject", sign(&with("sub", Value::Null))),
        ("rubbish", "rubbish".to_owned()),
        ("three points", "...".to_owned()),
        ("too long", "a".repeat(20_000)),
    ]);
    for (what, token) in wrong {
        assert_eq!(
            bearer(&console, &token).await,
            (StatusCode::UNAUTHORIZED, "wrong-token".to_owned()),
            "{what}"
        );
    }
    // The means to tell: the very same claims, signed as they should be, are taken.
    assert_eq!(bearer(&console, &whole).await.0, StatusCode::OK);
    let several = with("aud", json!(["account", AUDIENCE]));
    assert_eq!(bearer(&console, &sign(&several)).await.0, StatusCode::OK);
    let clocks_differ = json!({ "exp": now - 5, "nbf": now + 5, "iat": now + 5 });
    let mut slightly_off = good.clone();
    for (name, value) in clocks_differ.as_object().unwrap() {
        slightly_off[name] = value.clone();
    }
    assert_eq!(bearer(&console, &sign(&slightly_off)).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_to_authorize_oneself_is_none() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let maya = Visitor::signed_in(&console).await;
    // A token that is wrong is not made good by a session.
    for value in ["Basic YTpi", "Bearer", "Bearer ", "bearer a b", "Token x", ""] {
        let answer =
            maya.request(Method::GET, "/api/state").header("authorization", value).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{value:?}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_that_is_not_exactly_right_signs_nobody_in() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let wrong: [(&str, Twist); 15] = [
        ("none", |header, _| header["alg"] = json!("none")),
        ("HS256 with the public key", |header, _| header["alg"] = json!("HS256")),
        ("an unknown key", |header, _| header["kid"] = json!("unknown")),
        ("another type", |header, _| header["typ"] = json!("at+jwt")),
        ("what must be understood", |header, _| header["crit"] = json!(["b64"])),
        ("another issuer", |_, claims| claims["iss"] = json!("https://evil.example")),
        ("another audience", |_, claims| claims["aud"] = json!("another")),
        ("another audience beside ours", |_, claims| claims["aud"] = json!([CLIENT, "another"])),
        ("another client's", |_, claims| claims["azp"] = json!("another")),
        ("another nonce", |_, claims| claims["nonce"] = json!("another")),
        ("no nonce", |_, claims| claims["nonce"] = Value::Null),
        ("expired", |_, claims| claims["exp"] = json!(1_000_000_000)),
        ("not yet valid", |_, claims| claims["nbf"] = json!(4_000_000_000_u64)),
        ("issued in the future", |_, claims| claims["iat"] = json!(4_000_000_000_u64)),
        ("no subject", |_, claims| claims["sub"] = Value::Null),
    ];
    for (what, twist) in wrong {
        issuer.twist(Some(twist));
        let mut visitor = Visitor::of(&console);
        let answer = visitor.sign_in("/").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{what}");
        assert!(!visitor.cookies.contains_key(SESSION), "{what}");
    }
    issuer.twist(None);
    Visitor::signed_in(&console).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_s_cookie_in_which_anything_was_changed_is_none() {
    let issuer = Issuer::start().await;
    let console = begin(&issuer).await;
    let maya = Visitor::signed_in(&console).await;
    let cookie = maya.cookies[SESSION].clone();
    let refused = async |value: &str| {
        let mut visitor = Visitor::of(&console);
        visitor.cookies.insert(SESSION.to_owned(), value.to_owned());
        visitor.get("/api/state").await.status() == StatusCode::UNAUTHORIZED
    };
    for at in 0..cookie.len() {
        let mut bytes = cookie.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(refused(&changed).await, "character {at} changed");
    }
    for length in [0, 1, 15, 16, 17, 40, cookie.len() / 2, cookie.len() - 1] {
        assert!(refused(&cookie[..length]).await, "cut to {length}");
    }
    assert!(refused(&format!("{cookie}A")).await && refused(&format!("{cookie}{cookie}")).await);
    // A sign-in that has begun is no session, nor the other way round.
    let mut visitor = Visitor::of(&console);
    visitor.get("/sign-in").await;
    assert!(refused(&visitor.cookies[TRANSACTION]).await);
    let mut mixed = Visitor::of(&console);
    let back = mixed.sent_back("/").await;
    mixed.cookies.insert(TRANSACTION.to_owned(), cookie.clone());
    assert_eq!(mixed.follow(&back).await.status(), StatusCode::BAD_REQUEST);
    // Of two, nobody can tell which is ours.
    let twice = maya.request(Method::GET, "/api/state").header("cookie", format!("{SESSION}=x")).send().await;
    assert_eq!(twice.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(!refused(&cookie).await, "unchanged it is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_s_cookie_of_another_console_is_none() {
    let issuer = Issuer::start().await;
    let (console, other) = (begin(&issuer).await, begin(&issuer).await);
    let mut visitor = Visitor::of(&other);
    visitor.cookies = Visitor::signed_in(&console).await.cookies;
    assert_eq!(visitor.get("/api/state").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_an_hour_without_a_request_and_after_eight_hours_anyway() {
    let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
    let issuer = Issuer::start().await;
    issuer.now(start);
    let console = Console::start_at(start, &issuer.options(), &dump("quick", "echo data")).await;
    let mut busy = Visitor::signed_in(&console).await;
    let left_open = busy.clone();
    let mut untouched = busy.clone();
    let at = |minute: i64| console.clock().set(start + SignedDuration::from_mins(minute));
    // Each look is one of a cookie that nobody has renewed since the sign-in.
    let idle = async || left_open.clone().get("/api/state").await.status();
    for minute in [30, 59, 61, 110, 160, 210, 260, 310, 360, 410, 460, 479] {
        at(minute);
        let expected = if minute < 60 { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(idle().await, expected, "minute {minute}");
        // However often a page asks that nobody touches, that renews nothing.
        let request = untouched.request(Method::GET, "/api/state").header("nightkeep-unattended", "1");
        assert_eq!(untouched.send(request).await.status(), expected, "minute {minute}");
        assert_eq!(busy.get("/api/state").await.status(), StatusCode::OK, "minute {minute}");
    }
    at(481);
    assert_eq!(busy.get("/api/state").await.status(), StatusCode::UNAUTHORIZED);
}
