//! The OpenAPI document: made from the handlers, completed with what is the same for all of them.
//!
//! It must never promise less than what can happen: an answer that is not in it is a fault.

use std::sync::{Arc, OnceLock};

use axum::{
    Extension,
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, Ref, RefOr, Response as ResponseDoc, ResponseBuilder,
    path::Operation,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use crate::{
    problem::{MEDIA_TYPE, Problem},
    user::Viewer,
};

/// The document, worked out and written when it is first asked for.
#[derive(Clone)]
pub(crate) struct Document {
    routes: fn() -> OpenApi,
    written: Arc<OnceLock<String>>,
}

impl Document {
    pub(crate) fn new(routes: fn() -> OpenApi) -> Self {
        Self { routes, written: Arc::default() }
    }

    fn text(&self) -> Result<&str, Problem> {
        if let Some(text) = self.written.get() {
            return Ok(text);
        }
        let text = complete((self.routes)()).to_json().map_err(|error| {
            tracing::error!("writing the OpenAPI document: {error}");
            Problem::internal()
        })?;
        Ok(self.written.get_or_init(|| text))
    }
}

/// This document
#[utoipa::path(get, operation_id = "readOpenApi", path = "/openapi.json", tag = "api", responses(
    (status = 200, description = "The OpenAPI document", body = Object),
))]
pub(crate) async fn read(
    Viewer(_): Viewer,
    Extension(document): Extension<Document>,
) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_TYPE, "application/json")], document.text()?.to_owned()).into_response())
}

fn complete(mut document: OpenApi) -> OpenApi {
    document.info = Info::new("Nightkeep", env!("CARGO_PKG_VERSION"));
    document.info.description = Some(
        "Backups, restores and restarts of an application. Times are RFC 3339 in UTC, sizes are in bytes."
            .to_owned(),
    );
    let components = document.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    let session =
        ApiKeyValue::with_description("__Host-nightkeep", "The session of a browser that signed in");
    components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    let none: [&str; 0] = [];
    document.security =
        Some(vec![SecurityRequirement::new("token", none), SecurityRequirement::new("session", none)]);
    for (path, item) in &mut document.paths.paths {
        let reading = item.get.as_mut().map(|operation| (operation, false));
        let changing =
            [&mut item.post, &mut item.patch].into_iter().flatten().map(|operation| (operation, true));
        for (operation, changes) in reading.into_iter().chain(changing) {
            if path.starts_with("/api/") {
                gated(operation, changes);
            }
        }
    }
    document
}

/// What can happen to any request before its handler sees it, or because something behind it is away.
fn gated(operation: &mut Operation, changes: bool) {
    let mut add = |status: &str, description: &str| {
        let all = &mut operation.responses.responses;
        all.entry(status.to_owned()).or_insert_with(|| problem(description));
    };
    add("401", "Not signed in, or the bearer token was not taken");
    add("403", "No role, a role that is too low, or from another site");
    add("500", "Something failed on our side");
    add("503", "Something that is needed is away for the moment");
    if changes {
        add("400", "The body is no JSON");
        add("413", "The body is longer than 64 KB");
        add("415", "The body is not sent as JSON");
        add("422", "The body is not as it should be");
    } else {
        add("304", "As it was before");
    }
}

fn problem(description: &str) -> RefOr<ResponseDoc> {
    let built = ResponseBuilder::new().description(description);
    if description == "As it was before" {
        return built.build().into();
    }
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemBody"))).build();
    built.content(MEDIA_TYPE, content).build().into()
}
