//! A browser as far as a sign-in needs one: it keeps cookies and follows redirects when it is told to.

use std::collections::BTreeMap;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header, redirect::Policy};

use crate::console::Console;

/// A browser's cookies, and the console that it visits.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
    url: String,
    /// By their names.
    pub cookies: BTreeMap<String, String>,
}

/// The session's cookie.
pub const SESSION: &str = "__Host-nightkeep";

/// The cookie of a sign-in that has begun.
pub const TRANSACTION: &str = "__Host-nightkeep-sign-in";

impl Visitor {
    /// Somebody who has never been here.
    pub fn of(console: &Console) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { client, url: console.url(""), cookies: BTreeMap::new() }
    }

    /// Somebody who has signed in.
    pub async fn signed_in(console: &Console) -> Self {
        let mut visitor = Self::of(console);
        let answer = visitor.sign_in("/").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{:?}", answer.text().await);
        visitor
    }

    /// Signs in, wanting to go to `to`: the last answer.
    pub async fn sign_in(&mut self, to: &str) -> Response {
        let back = self.sent_back(to).await;
        self.follow(&back).await
    }

    /// Begins a sign-in, visits the issuer, and gives the address that it sends back to.
    pub async fn sent_back(&mut self, to: &str) -> String {
        let begun = self.get(&format!("/sign-in?to={to}")).await;
        assert_eq!(begun.status(), StatusCode::SEE_OTHER);
        let asked = self.client.get(location(&begun)).send().await.expect("the issuer's answer");
        assert_eq!(asked.status(), StatusCode::FOUND);
        location(&asked)
    }

    /// `GET` at an address of the console, which may be complete.
    pub async fn follow(&mut self, address: &str) -> Response {
        let path = address.strip_prefix(&self.url).expect("an address of the console").to_owned();
        self.get(&path).await
    }

    /// `GET`, as a navigation.
    pub async fn get(&mut self, path: &str) -> Response {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// `POST` with JSON, as one of the page's own requests.
    pub async fn post(&mut self, path: &str, body: &str) -> Response {
        let request = self.request(Method::POST, path).header(header::ORIGIN, self.url.clone());
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_owned());
        self.send(request).await
    }

    /// A request with the cookies, to be changed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.request(method, format!("{}{path}", self.url));
        if pairs.is_empty() { request } else { request.header(header::COOKIE, pairs.join("; ")) }
    }

    /// Sends a request, and keeps the cookies of the answer.
    pub async fn send(&mut self, request: RequestBuilder) -> Response {
        let answer = request.send().await.expect("an answer");
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie in ASCII");
            let (pair, attributes) = cookie.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a name and a value");
            if attributes.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// Where an answer leads.
pub fn location(answer: &Response) -> String {
    answer.headers()[header::LOCATION].to_str().expect("an address").to_owned()
}
