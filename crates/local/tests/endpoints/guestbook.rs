//! The sample application: what it shows, what it keeps, and that it honours the maintenance flag.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Json, Router, http::StatusCode, routing::get};
use nightkeep_local::guestbook::{self, Options};
use reqwest::{Client, Response, header};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::until;

/// A guest book that is open.
struct GuestBook {
    address: SocketAddr,
    client: Client,
}

impl GuestBook {
    async fn open(folder: &Path, maintenance: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let options = Options { folder: folder.to_owned(), database: None, maintenance };
        tokio::spawn(guestbook::serve(listener, options, std::future::pending()));
        Self { address, client: Client::builder().no_proxy().build().unwrap() }
    }

    async fn show(&self) -> Response {
        self.client.get(format!("http://{}/", self.address)).send().await.unwrap()
    }

    async fn sign(&self, name: &str, message: &str) -> Response {
        let typed = [("name", name), ("message", message)];
        self.client.post(format!("http://{}/", self.address)).form(&typed).send().await.unwrap()
    }
}

/// What stands in for the console: its answer about the flag.
async fn console(on: Arc<AtomicBool>) -> String {
    let answer = move || async move {
        if on.load(Ordering::Relaxed) {
            let body = Json(json!({ "on": true, "message": "Back <soon>." }));
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")], body)
        } else {
            (StatusCode::OK, [(header::RETRY_AFTER, "0")], Json(json!({ "on": false, "message": null })))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/maintenance", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/maintenance")
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn an_entry_is_kept_and_shown_as_text_whatever_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let book = GuestBook::open(folder.path(), None).await;
    assert!(book.show().await.text().await.unwrap().contains("Nobody has signed yet"));
    let signed = book.sign("Zoë \"the\" guest", "</p><script>alert('1 & 2')</script>\nBye").await;
    assert_eq!(signed.status(), StatusCode::OK);
    let page = signed.text().await.unwrap();
    assert!(
        page.contains("&lt;/p&gt;&lt;script&gt;alert(&#39;1 &amp; 2&#39;)&lt;/script&gt;\nBye"),
        "{page}"
    );
    assert!(page.contains("Zoë &quot;the&quot; guest") && !page.contains("<script"), "{page}");
    assert!(page.contains("Running since") && page.contains(&format!("process {}", std::process::id())));
    assert_eq!(entries(folder.path()), 1);
    // It is there for the next start too.
    let again = GuestBook::open(folder.path(), None).await;
    assert!(again.show().await.text().await.unwrap().contains("Zoë"));
}

#[tokio::test]
async fn an_entry_without_a_name_or_too_long_is_refused_and_what_was_typed_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let book = GuestBook::open(folder.path(), None).await;
    for (name, message) in [(" ", "Hello"), ("Ada", ""), ("Ada", "é".repeat(2001).as_str()), ("Ada", "\0")] {
        let refused = book.sign(name, message).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().await.unwrap().contains(&format!("value=\"{name}\"")));
    }
    assert_eq!(entries(folder.path()), 0);
}

#[tokio::test]
async fn under_maintenance_the_guest_book_is_closed_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let on = Arc::new(AtomicBool::new(false));
    let book = GuestBook::open(folder.path(), Some(console(Arc::clone(&on)).await)).await;
    assert_eq!(book.sign("Ada", "Before").await.status(), StatusCode::OK);
    on.store(true, Ordering::Relaxed);
    let closed = until("the guest book is closed", || async {
        Some(book.show().await).filter(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
    })
    .await;
    assert_eq!(closed.headers()[header::RETRY_AFTER], "30");
    assert!(closed.text().await.unwrap().contains("Back &lt;soon&gt;."));
    let refused = book.sign("Ada", "Meanwhile <3").await;
    assert_eq!((refused.status(), entries(folder.path())), (StatusCode::SERVICE_UNAVAILABLE, 1));
    assert_eq!(refused.headers()[header::RETRY_AFTER], "30");
    assert!(refused.text().await.unwrap().contains("Meanwhile &lt;3"));
    on.store(false, Ordering::Relaxed);
    until("the guest book is open", || async {
        (book.show().await.status() == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(book.sign("Ada", "After").await.status(), StatusCode::OK);
    assert_eq!(entries(folder.path()), 2);
}

#[tokio::test]
async fn a_guest_book_that_cannot_learn_the_flag_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let book = GuestBook::open(folder.path(), Some(format!("http://{nobody}/maintenance"))).await;
    assert_eq!(book.show().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(book.sign("Ada", "Hello").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(entries(folder.path()), 0);
}
