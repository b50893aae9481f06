//! The sample application: a guest book with a page of its own, whose entries are files and, if it has a
//! database, rows too. It is there to be backed up, spoilt and restored, and shows how an application
//! honours the maintenance flag.
//!
//! It must never write while it is under maintenance.

mod book;
mod database;
mod maintenance;
mod page;

use std::{future::Future, net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time,
};

use self::{
    book::Book,
    database::Database,
    maintenance::{Flag, Standing},
    page::Page,
};

/// The longest form that is read, in bytes.
const LONGEST_FORM: usize = 64 * 1024;

/// How many characters a name and a message may have.
const LONGEST_NAME: usize = 80;
const LONGEST_MESSAGE: usize = 2000;

/// How long connections may take to finish at the end.
const GRACE: Duration = Duration::from_secs(5);

/// What the page may load: its style sheet.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Where the guest book keeps its entries and whom it asks.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the entries.
    pub folder: PathBuf,
    /// The URL of a PostgreSQL database that keeps them too.
    pub database: Option<String>,
    /// Where to ask whether it is under maintenance; without it, it never is.
    pub maintenance: Option<String>,
}

struct GuestBook {
    book: Book,
    flag: Flag,
    page: Page,
}

/// An entry as it was typed.
#[derive(Debug, Default, Deserialize)]
struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

/// Serves the guest book on `port` of this machine until the process is told to end.
///
/// # Errors
/// If the port is not free, or what `options` name cannot be used.
pub async fn run(port: u16, options: Options) -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("listening for the signals that end the guest book");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.with_context(|| format!("listening on port {port}"))?;
    tracing::info!("the guest book is open on http://{}", listener.local_addr()?);
    serve(listener, options, async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await
}

/// Serves the guest book on `listener` until `shutdown` resolves.
///
/// # Errors
/// If the listener fails, or what `options` name cannot be used.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let database = options.database.as_deref().map(Database::new).transpose()?;
    let shared = Arc::new(GuestBook {
        book: Book::open(options.folder, database)?,
        flag: Flag::new(options.maintenance)?,
        page: Page { started_at: Timestamp::now(), process: std::process::id() },
    });
    let router = Router::new()
        .route("/", get(show).post(sign))
        .route("/style.css", get(style))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .with_state(shared);
    let (end, told) = oneshot::channel();
    let graceful = async move {
        shutdown.await;
        // Who listens for it may be gone with the server.
        let _told = end.send(());
    };
    let late = async move {
        let _ended = told.await;
        time::sleep(GRACE).await;
    };
    tokio::select! {
        served = axum::serve(listener, router).with_graceful_shutdown(graceful) => {
            served.context("serving the guest book")
        }
        () = late => Ok(()),
    }
}

async fn show(State(guest_book): State<Arc<GuestBook>>) -> Response {
    if let Standing::On { message, retry_after } = guest_book.flag.standing().await {
        return closed(guest_book.page.closed(&message, None), &retry_after);
    }
    guest_book.opened(StatusCode::OK, &Typed::default(), None).await
}

async fn sign(State(guest_book): State<Arc<GuestBook>>, Form(typed): Form<Typed>) -> Response {
    if let Standing::On { message, retry_after } = guest_book.flag.standing().await {
        return closed(guest_book.page.closed(&message, Some(&typed)), &retry_after);
    }
    if let Err(wrong) = typed.check() {
        return guest_book.opened(StatusCode::UNPROCESSABLE_ENTITY, &typed, Some(&wrong)).await;
    }
    match guest_book.book.sign(typed.name.trim(), typed.message.trim()).await {
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => {
            tracing::error!("{error:#}");
            let wrong = "The entry could not be kept. Please try again.";
            guest_book.opened(StatusCode::INTERNAL_SERVER_ERROR, &typed, Some(wrong)).await
        }
    }
}

async fn style() -> Response {
    let media_type = HeaderValue::from_static("text/css; charset=utf-8");
    ([(header::CONTENT_TYPE, media_type)], page::STYLE).into_response()
}

impl GuestBook {
    async fn opened(&self, status: StatusCode, typed: &Typed, wrong: Option<&str>) -> Response {
        match self.book.entries().await {
            Ok(entries) => (status, html(self.page.opened(&entries, typed, wrong))).into_response(),
            Err(error) => {
                tracing::error!("{error:#}");
                (StatusCode::INTERNAL_SERVER_ERROR, html(self.page.broken())).into_response()
            }
        }
    }
}

impl Typed {
    fn check(&self) -> Result<(), String> {
        for (what, text, longest) in
            [("name", &self.name, LONGEST_NAME), ("message", &self.message, LONGEST_MESSAGE)]
        {
            if text.trim().is_empty() {
                return Err(format!("Please give a {what}."));
            }
            if text.chars().count() > longest {
                return Err(format!("The {what} may have {longest} characters at most."));
            }
            // PostgreSQL cannot keep it.
            if text.contains('\0') {
                return Err(format!("The {what} has a character that cannot be kept."));
            }
        }
        Ok(())
    }
}

fn closed(page: String, retry_after: &HeaderValue) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, retry_after.clone())], html(page))
        .into_response()
}

fn html(page: String) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(page))
}
