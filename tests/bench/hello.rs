//! A function that does nothing, written as its library's documentation does: what the real ones are
//! compared with.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let hello = |_: Request| async { Ok::<_, Error>(Response::new(Body::Text("Hello.".to_owned()))) };
    lambda_http::run(service_fn(hello)).await
}
