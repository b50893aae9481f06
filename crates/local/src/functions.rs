//! The functions, hosted: the api behind a real HTTP server, the worker woken by the table, by the
//! tasks, and by a timer, the scheduler at the beginning of every minute.
//!
//! It must never lose a wake-up, nor run two at once: one that comes during another means that the
//! worker looks once more.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    serve::ListenerExt,
};
use jiff::Timestamp;
use nightkeep_scheduler::Scheduler;
use nightkeep_worker::{Rest, Worker};
use tokio::{net::TcpListener, sync::Notify, time};

/// How long the worker rests while an operation is in progress, if nothing wakes it.
const WHILE_WAITING: Duration = Duration::from_secs(1);

/// How long it rests otherwise.
const WHILE_IDLE: Duration = Duration::from_secs(20);

/// How often the clock is looked at for a new minute.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// How long it rests after a first failure; twice as long after each further one.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Serves the api and the page on `listener` until `shutdown` resolves. With a `home`, browsers that come by
/// another name of this machine are sent there: a sign-in ends where the provider was told to send them,
/// and cookies don't follow from one name to the other.
///
/// # Errors
/// If the listener fails.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    home: Option<String>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!("setting TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, router.layer(middleware::from_fn_with_state(home, addressed_to_us)))
        .with_graceful_shutdown(shutdown)
        .await
        .context("serving the page")
}

/// Nobody signs in on one machine, so a page from elsewhere that has its name lead to this address must
/// not be taken for ours: requests have to name this machine.
async fn addressed_to_us(State(home): State<Option<String>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match (name, home) {
        ("localhost", Some(home)) if request.method() == Method::GET => {
            let place = request.uri().path_and_query().map_or("/", |place| place.as_str());
            return Redirect::temporary(&format!("{home}{place}")).into_response();
        }
        ("127.0.0.1" | "localhost", _) => return next.run(request).await,
        _ => {}
    }
    (StatusCode::MISDIRECTED_REQUEST, "Nightkeep answers to 127.0.0.1 and localhost only\n").into_response()
}

/// Wakes the worker whenever there is reason to, until `shutdown` resolves. A wake-up under way is then
/// finished first.
pub(crate) async fn drive(worker: Worker, wake: Arc<Notify>, shutdown: impl Future<Output = ()>) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut trouble = Trouble::default();
    loop {
        let (rest, heeds_wake) = match worker.wake(Timestamp::now).await {
            Ok(rest) => {
                trouble.over("the worker");
                (if rest == Rest::Idle { WHILE_IDLE } else { WHILE_WAITING }, true)
            }
            Err(error) => (trouble.pause("the worker", &error), false),
        };
        tokio::select! {
            () = &mut shutdown => return,
            // One that came meanwhile is kept and answered here.
            () = wake.notified(), if heeds_wake => {}
            () = time::sleep(rest) => {}
        }
    }
}

/// Calls the scheduler at the beginning of every minute of the clock, until `shutdown` resolves. The clock
/// is looked at, rather than a minute waited for: it may have been set, or the machine have slept.
pub(crate) async fn tick(scheduler: Scheduler, shutdown: impl Future<Output = ()>) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut trouble = Trouble::default();
    let mut ticked = None;
    loop {
        let minute = Timestamp::now().as_second().div_euclid(60);
        let pause = if ticked == Some(minute) {
            BETWEEN_LOOKS
        } else {
            match scheduler.tick(Timestamp::now).await {
                Ok(()) => {
                    trouble.over("the scheduler");
                    ticked = Some(minute);
                    BETWEEN_LOOKS
                }
                Err(error) => trouble.pause("the scheduler", &error),
            }
        };
        tokio::select! {
            () = &mut shutdown => return,
            () = time::sleep(pause) => {}
        }
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
struct Trouble {
    said: Option<String>,
    failures: u32,
}

impl Trouble {
    /// Logs a failure unless it was the last one too, and says how long to wait.
    fn pause(&mut self, whose: &str, error: &impl fmt::Display) -> Duration {
        let text = error.to_string();
        if self.said.as_ref() != Some(&text) {
            tracing::error!("{whose} goes on as soon as it can: {text}");
            self.said = Some(text);
        }
        let pause = AFTER_FAILURE * (1 << self.failures.min(6));
        self.failures += 1;
        pause.min(WHILE_IDLE)
    }

    fn over(&mut self, whose: &str) {
        if self.said.take().is_some() {
            tracing::info!("{whose} goes on");
        }
        self.failures = 0;
    }
}
