//! The addresses of the sign-in: begin it, come back from the provider, sign out.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    cookies,
    flow::{Answer, Finished, Onward},
    notice::Notice,
};
use crate::{
    Api,
    problem::{Body, Parameters, Problem},
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wish {
    /// Where to go afterwards: a path of this site.
    to: Option<String>,
    /// If it is there: as somebody else than whom the provider still knows.
    another: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaveBody {}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaveView {
    /// Where the browser goes now: the provider's page that signs out there too, or the page itself.
    url: String,
}

/// Begins a sign-in: sends the browser to the provider
#[utoipa::path(get, operation_id = "signIn", path = "/sign-in", tag = "sign-in", params(Wish), security(()), responses(
    (status = 303, description = "To the provider"),
    (status = 422, description = "A parameter cannot be used", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    (status = 500, description = "A page that says what went wrong", body = String, content_type = "text/html"),
    (status = 503, description = "A page that says what went wrong", body = String, content_type = "text/html"),
))]
pub(crate) async fn begin(
    State(api): State<Arc<Api>>,
    Parameters(wish): Parameters<Wish>,
    headers: HeaderMap,
) -> Response {
    let Some(door) = api.sign_in.door() else { return see_other("/") };
    match door.begin(wish.to.as_deref(), wish.another.is_some(), (api.clock)()).await {
        Ok(onward) => send(onward),
        Err(notice) => notice.page(&headers),
    }
}

/// The provider sends the browser back
#[utoipa::path(get, operation_id = "finishSignIn", path = "/sign-in/callback", tag = "sign-in", params(Answer), security(()), responses(
    (status = 303, description = "Signed in: to where one was"),
    (status = 400, description = "A page: this sign-in was not begun in this browser", body = String, content_type = "text/html"),
    (status = 403, description = "A page: refused, or no role", body = String, content_type = "text/html"),
    (status = 422, description = "A parameter cannot be used", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    (status = 500, description = "A page that says what went wrong", body = String, content_type = "text/html"),
    (status = 503, description = "A page that says what went wrong", body = String, content_type = "text/html"),
))]
pub(crate) async fn finish(
    State(api): State<Arc<Api>>,
    Parameters(answer): Parameters<Answer>,
    headers: HeaderMap,
) -> Response {
    let Some(door) = api.sign_in.door() else { return see_other("/") };
    let finished = match api.settings.load().await {
        Ok(in_force) => door.finish(&headers, answer, &in_force.settings, (api.clock)()).await,
        Err(error) => {
            tracing::error!("{error}");
            Err(Notice::Broken)
        }
    };
    let Finished { person, onward } = match finished {
        Ok(finished) => finished,
        Err(notice) => return notice.page(&headers),
    };
    let Some(role) = person.role else {
        tracing::warn!(user = person.name, user_id = person.id, "signed in, but without a role");
        let contact = door.checked.config.contact.clone();
        let mut page = Notice::NoRole { name: person.name, contact }.page(&headers);
        cookies::add(page.headers_mut(), onward.cookies);
        return page;
    };
    tracing::info!(user = person.name, user_id = person.id, role = role.word(), "signed in");
    send(onward)
}

/// Signs out: the session's cookie goes, and the answer says where the provider's session ends
#[utoipa::path(post, operation_id = "signOut", path = "/sign-out", tag = "sign-in", request_body = LeaveBody, security(()), responses(
    (status = 200, description = "Signed out here", body = LeaveView),
    (status = 400, description = "The body is no JSON", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "From another site", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    (status = 415, description = "The body is not sent as JSON", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "The body is not as it should be", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn leave(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Body(LeaveBody {}): Body<LeaveBody>,
) -> Result<Response, Problem> {
    let Some(door) = api.sign_in.door() else {
        return Ok(Json(LeaveView { url: "/".to_owned() }).into_response());
    };
    let Onward { to, cookies } = door.leave(&headers, (api.clock)()).await;
    let mut response = Json(LeaveView { url: to }).into_response();
    cookies::add(response.headers_mut(), cookies);
    Ok(response)
}

fn send(Onward { to, cookies }: Onward) -> Response {
    let mut response = see_other(&to);
    cookies::add(response.headers_mut(), cookies);
    response
}

fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_owned())]).into_response()
}
