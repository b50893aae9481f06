//! Every error of the API, as problem+json (RFC 9457) with a stable `type`.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use nightkeep_cloud::{Error, Kind};
use nightkeep_domain::{notes::NotesError, record::Record};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{state::OperationView, user::Role};

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// An error (RFC 9457). Some kinds have more members.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the OpenAPI document is made from it")]
pub(crate) struct ProblemBody {
    /// A name that stays the same: `urn:nightkeep:problem:` and the kind
    #[schema(example = "urn:nightkeep:problem:busy")]
    r#type: String,
    title: String,
    status: u16,
    /// What happened, for people
    detail: String,
}

/// An error as the client sees it. What is only for the log is logged where the problem is made.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    more: Map<String, Value>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), more: Map::new() }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn internal() -> Self {
        let detail = "Something failed on our side; the log has the cause. Nothing was changed. Try again.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-path",
            "No such path",
            format!("There is nothing at {path}."),
        )
    }

    pub(crate) fn no_such_record(id: &str) -> Self {
        let id: String = id.chars().take(100).collect();
        let detail = format!("There is no record {id}. It may have been removed because of its age.");
        Self::new(StatusCode::NOT_FOUND, "no-such-record", "No such record", detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "This method is not available here. Records are never deleted by hand.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
    }

    pub(crate) fn busy(operation: Option<OperationView>) -> Self {
        let detail = match &operation {
            Some(operation) => format!(
                "{} started a {} at {}. Nothing else was started. Try again when it has ended.",
                operation.requested_by,
                operation.kind.word(),
                operation.started_at
            ),
            None => "Another operation was in progress and has just ended. Nothing was started. Try again."
                .to_owned(),
        };
        let operation = serde_json::to_value(operation).unwrap_or(Value::Null);
        Self::new(StatusCode::CONFLICT, "busy", "An operation is in progress", detail)
            .with("operation", operation)
    }

    pub(crate) fn unconfirmed() -> Self {
        let detail = "The characters did not match, have been used, or have expired. Nothing was started.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-confirmed", "Not confirmed", detail)
    }

    pub(crate) fn not_restorable() -> Self {
        let detail = "Only a backup with the status SUCCESS can be restored. Nothing was started.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-restorable", "This cannot be restored", detail)
    }

    pub(crate) fn notes_changed(mut record: Record) -> Self {
        record.notes_history.clear();
        let detail = "Somebody else changed these notes meanwhile. Yours were not saved.";
        Self::new(StatusCode::PRECONDITION_FAILED, "notes-changed", "The notes were changed", detail)
            .with("record", json!(record))
    }

    pub(crate) fn signed_out() -> Self {
        let detail = "You are not signed in, or were signed out. Nothing was changed. Sign in again.";
        Self::new(StatusCode::UNAUTHORIZED, "signed-out", "Signed out", detail)
    }

    pub(crate) fn wrong_token(why: &str) -> Self {
        let detail = format!("The bearer token was not taken: {why}. Nothing was changed.");
        Self::new(StatusCode::UNAUTHORIZED, "wrong-token", "The bearer token was not taken", detail)
    }

    pub(crate) fn no_role(name: &str, contact: &str) -> Self {
        let detail = format!("{name} has no role here. Nothing was changed. Ask {contact} for one.");
        Self::new(StatusCode::FORBIDDEN, "no-role", "No role", detail).with("contact", json!(contact))
    }

    pub(crate) fn role_too_low(role: Role) -> Self {
        let detail = format!("Your role is {}. Nothing was changed. Ask an operator.", role.word());
        Self::new(StatusCode::FORBIDDEN, "role-too-low", "The role is too low", detail)
    }

    pub(crate) fn cross_origin() -> Self {
        let detail = "The request does not come from a page of this console. Nothing was changed.";
        Self::new(StatusCode::FORBIDDEN, "cross-origin", "From another site", detail)
    }

    pub(crate) fn provider_unreachable() -> Self {
        let detail = "The issuer of the token could not be reached to check it. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment", detail)
    }

    pub(crate) fn wrong_parameter(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-parameter", "A parameter cannot be used", detail)
    }
}

impl From<NotesError> for Problem {
    fn from(error: NotesError) -> Self {
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong-notes",
            "The notes cannot be saved",
            format!("Nothing was saved: {error}."),
        );
        match error {
            NotesError::TooLong { by } => problem.with("too_long_by", json!(by)),
            NotesError::ControlCharacter { .. } => problem,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        tracing::error!("{error}");
        match error.kind {
            Kind::Throttled | Kind::Unavailable | Kind::Conflict | Kind::Contended => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Not available at the moment",
                "The console’s table could not be reached in time. Try again in a moment.",
            ),
            Kind::NotFound | Kind::Denied | Kind::Corrupt => Self::internal(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.more;
        body.insert("type".to_owned(), json!(format!("urn:nightkeep:problem:{}", self.kind)));
        body.insert("title".to_owned(), json!(self.title));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("detail".to_owned(), json!(self.detail));
        let mut response = (self.status, Json(Value::Object(body))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// A JSON body whose faults are problems.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(value) =
            Json::<Value>::from_request(request, state).await.map_err(|rejection: JsonRejection| {
                let (kind, title) = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The request is too large"),
                    StatusCode::UNSUPPORTED_MEDIA_TYPE => ("not-json", "The request is not JSON"),
                    _ => ("wrong-body", WRONG_BODY),
                };
                Problem::new(rejection.status(), kind, title, rejection.body_text())
            })?;
        let wrong = |why: String| {
            let detail = format!("The body was not understood: {why}. Nothing was changed.");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-body", WRONG_BODY, detail)
        };
        // Serde would take a list for its values in order.
        if !value.is_object() {
            return Err(wrong("it has to be an object".to_owned()));
        }
        serde_json::from_value(value).map(Self).map_err(|error| wrong(error.to_string()))
    }
}

const WRONG_BODY: &str = "The request’s body cannot be used";

/// Parameters of the query whose faults are problems.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection: QueryRejection| Problem::wrong_parameter(rejection.body_text()))?;
        Ok(Self(value))
    }
}

/// A segment of the path whose faults are problems.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state)
            .await
            .map_err(|rejection: PathRejection| Problem::wrong_parameter(rejection.body_text()))?;
        Ok(Self(value))
    }
}
