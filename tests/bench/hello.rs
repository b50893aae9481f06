//! The least that a function with this library can be: what the real ones are compared with.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let hello = |_: Request| async { Ok::<_, Error>(Response::new(Body::Text("Hello.".to_owned()))) };
    lambda_http::run(service_fn(hello)).await
}
