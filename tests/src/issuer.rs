//! An OpenID Connect provider of the stories' own, in this process: it signs whatever it is told to, the
//! right and the wrong, and remembers what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_lc_rs::{
    digest, hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use axum::{
    Form, Json, Router,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the console is known as.
pub const CLIENT: &str = "nightkeep";

/// What bearer tokens are made for.
pub const AUDIENCE: &str = "nightkeep-api";

/// A key of the issuer.
pub enum Key {
    /// ECDSA on P-256.
    Ec(EcdsaKeyPair),
    /// RSA of 2048 bits.
    Rsa(Box<RsaKeyPair>),
}

impl Key {
    /// A new one.
    pub fn ec() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self::Ec(pair)
    }

    /// A new one.
    pub fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    /// As it is published.
    fn published(&self, id: &str) -> Value {
        match self {
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y), "kid": id, "use": "sig" })
            }
            Self::Rsa(pair) => {
                // Of 2048 bits, in DER: nine bytes, the modulus, five bytes, the exponent 65537.
                let n = BASE64.encode(&pair.public_key().as_ref()[9..265]);
                json!({ "kty": "RSA", "n": n, "e": "AQAB", "kid": id, "use": "sig" })
            }
        }
    }

    /// What everybody knows of it, as bytes: a shared secret to who mistakes it for one.
    pub fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Self::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// A token with this header and these claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ec(pair) => pair.sign(&random, text.as_bytes()).expect("a signature").as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).expect("a signature");
                signature
            }
        };
        format!("{text}.{}", BASE64.encode(signature))
    }
}

/// A token as if `secret` were shared with the console.
pub fn sign_with_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", BASE64.encode(tag))
}

/// The first two parts of a token.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

/// The issuer; it ends with the story's runtime.
pub struct Issuer {
    /// Its address, which is its name.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    url: String,
    keys: Vec<(String, Key)>,
    /// Who signs in next: the claims beside those that every token has.
    person: Value,
    /// Changed in the next ID token.
    twist: Option<Twist>,
    codes: BTreeMap<String, BTreeMap<String, String>>,
    /// The client's secret, if it has to have one.
    secret: Option<String>,
    requests: Vec<String>,
    down: bool,
    /// Everything that must not be in a log.
    secrets: Vec<String>,
    now: Option<Timestamp>,
}

/// What the issuer does wrong in an ID token.
pub type Twist = fn(&mut Value, &mut Value);

impl Issuer {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let shared = Arc::new(Mutex::new(Shared {
            url: url.clone(),
            keys: vec![("first".to_owned(), Key::rsa())],
            person: maya(&["nightkeep-operators"]),
            twist: None,
            codes: BTreeMap::new(),
            secret: None,
            requests: Vec::new(),
            down: false,
            secrets: Vec::new(),
            now: None,
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), heard))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no story panics meanwhile")
    }

    /// The options by which a console knows it.
    pub fn options(&self) -> Vec<&str> {
        vec!["--oidc-issuer", &self.url, "--oidc-audience", AUDIENCE, "--oidc-contact", "it@example.com"]
    }

    /// Who signs in next, beside what every token says.
    pub fn person(&self, claims: Value) {
        self.shared().person = claims;
    }

    /// What is wrong with the ID tokens from now on.
    pub fn twist(&self, twist: Option<Twist>) {
        self.shared().twist = twist;
    }

    /// Whether it answers nobody.
    pub fn down(&self, down: bool) {
        self.shared().down = down;
    }

    /// Whether the client needs a secret.
    pub fn secret(&self, secret: &str) {
        self.shared().secret = Some(secret.to_owned());
    }

    /// Lives at another time.
    pub fn now(&self, now: Timestamp) {
        self.shared().now = Some(now);
    }

    /// Replaces all keys.
    pub fn rotate(&self, id: &str, key: Key) {
        self.shared().keys = vec![(id.to_owned(), key)];
    }

    /// How often it was asked for anything by the console: browsers' visits aren't counted.
    pub fn requests(&self) -> usize {
        self.shared().requests.iter().filter(|path| *path != "/authorize").count()
    }

    /// Everything that it has given out and that must be in no log.
    pub fn secrets(&self) -> Vec<String> {
        self.shared().secrets.clone()
    }

    /// The claims of a bearer token for members of `groups`.
    pub fn claims(&self, groups: &[&str]) -> Value {
        let now = self.shared().now();
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "script", "client_id": "nightly-script", "groups": groups,
            "iat": now, "exp": now + 600,
        })
    }

    /// A bearer token for members of `groups`.
    pub fn bearer(&self, groups: &[&str]) -> String {
        self.sign(&json!({ "typ": "at+jwt" }), &self.claims(groups))
    }

    /// A token signed with the current key, whose name and algorithm the header gets unless it has them.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.shared().sign(header, claims)
    }

    /// What everybody knows of the current key.
    pub fn public_bytes(&self) -> Vec<u8> {
        self.shared().keys[0].1.public_bytes()
    }
}

impl Shared {
    fn now(&self) -> i64 {
        self.now.unwrap_or_else(Timestamp::now).as_second()
    }

    fn sign(&mut self, header: &Value, claims: &Value) -> String {
        let (id, key) = &self.keys[0];
        let mut whole = json!({ "alg": key.algorithm(), "kid": id });
        for (name, value) in header.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        let token = key.sign(&whole, claims);
        self.secrets.push(token.clone());
        token
    }
}

/// A person with a name.
pub fn maya(groups: &[&str]) -> Value {
    json!({ "sub": "maya", "name": "Maya Lindqvist", "groups": groups })
}

type Held = State<Arc<Mutex<Shared>>>;

async fn heard(State(shared): Held, request: Request, next: Next) -> Response {
    let down = {
        let mut shared = shared.lock().expect("no story panics meanwhile");
        shared.requests.push(request.uri().path().to_owned());
        shared.down
    };
    if down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    next.run(request).await
}

async fn discovery(State(shared): Held) -> Json<Value> {
    let url = &shared.lock().expect("no story panics meanwhile").url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "end_session_endpoint": format!("{url}/end"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // More than the console takes.
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
    }))
}

async fn keys(State(shared): Held) -> Json<Value> {
    let shared = shared.lock().expect("no story panics meanwhile");
    let keys: Vec<_> = shared.keys.iter().map(|(id, key)| key.published(id)).collect();
    Json(json!({ "keys": keys }))
}

/// Whoever comes is taken for the person of the moment.
async fn authorize(State(shared): Held, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let mut shared = shared.lock().expect("no story panics meanwhile");
    let wanted = [("response_type", "code"), ("client_id", CLIENT), ("code_challenge_method", "S256")];
    if wanted.iter().any(|(name, value)| asked.get(*name).map(String::as_str) != Some(*value)) {
        return (StatusCode::BAD_REQUEST, format!("not a request of the code flow: {asked:?}"))
            .into_response();
    }
    let code = BASE64.encode(digest::digest(&digest::SHA256, format!("{asked:?}").as_bytes()));
    let back = format!("{}?code={code}&state={}&iss={}", asked["redirect_uri"], asked["state"], shared.url);
    let told = ["state", "nonce"].map(|name| asked[name].clone());
    shared.secrets.extend(told);
    shared.secrets.push(code.clone());
    shared.codes.insert(code, asked);
    (StatusCode::FOUND, [(header::LOCATION, back)]).into_response()
}

async fn token(
    State(shared): Held,
    headers: HeaderMap,
    Form(sent): Form<BTreeMap<String, String>>,
) -> Response {
    let refused = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
    let mut shared = shared.lock().expect("no story panics meanwhile");
    if let Some(secret) = &shared.secret {
        // RFC 6749, 2.3.1: it is encoded as in a form first.
        let secret = secret.replace(':', "%3A").replace(' ', "+");
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:{secret}")));
        if headers.get(header::AUTHORIZATION).is_none_or(|given| *given != *basic) {
            return refused("invalid_client");
        }
    }
    let of = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let Some(asked) = shared.codes.remove(&of("code")) else { return refused("invalid_grant") };
    let challenge = BASE64.encode(digest::digest(&digest::SHA256, of("code_verifier").as_bytes()));
    if challenge != asked["code_challenge"] || of("redirect_uri") != asked["redirect_uri"] {
        return refused("invalid_grant");
    }
    shared.secrets.push(of("code_verifier"));
    let now = shared.now();
    let mut claims =
        json!({ "iss": shared.url, "aud": CLIENT, "nonce": asked["nonce"], "iat": now, "exp": now + 60 });
    for (name, value) in shared.person.clone().as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let mut header = json!({ "typ": "JWT" });
    if let Some(twist) = shared.twist {
        twist(&mut header, &mut claims);
    }
    let id_token = match header["alg"].as_str() {
        Some("none") => format!("{}.", unsigned(&header, &claims)),
        Some("HS256") => sign_with_secret(&shared.keys[0].1.public_bytes(), &header, &claims),
        Some(_) | None => shared.sign(&header, &claims),
    };
    let access_token = shared.sign(&json!({}), &json!({ "sub": "an access token", "at": now }));
    Json(json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 60, "id_token": id_token }))
        .into_response()
}
