//! The activities, and the source archives among them with their links.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use jiff::Timestamp;
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    failure::Failure,
    identifier::RecordId,
    record::Status,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    problem::{Parameters, Problem, ProblemBody, Segment},
    records::{Range, record_id},
    user::Viewer,
};

/// How long a link can be used. It is made anew at each request, so it need not last.
const LINK: Duration = Duration::from_secs(600);

/// One activity, in the answers that are about one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivityView {
    pub(crate) activity: Activity,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivitiesView {
    activities: Vec<Activity>,
    next: Option<RecordId>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceArchiveView {
    id: RecordId,
    status: Status,
    created_at: Timestamp,
    size_bytes: Option<u64>,
    file_name: Option<String>,
    url: Option<String>,
    expires_at: Option<Timestamp>,
    failure: Option<Failure>,
}

/// What is no record: restarts, source archives, purges, maintenance ended by hand; newest first
#[utoipa::path(get, operation_id = "listActivity", path = "/activity", tag = "activity", params(Range), responses(
    (status = 200, description = "A page of them", body = ActivitiesView),
    (status = 422, description = "A parameter cannot be used", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Parameters(range): Parameters<Range>,
) -> Result<Json<ActivitiesView>, Problem> {
    let (before, limit) = range.parse()?;
    let page = api.ledger.activities(before, limit).await?;
    Ok(Json(ActivitiesView { activities: page.activities, next: page.next }))
}

/// One of them
#[utoipa::path(get, operation_id = "readActivity", path = "/activity/{id}", tag = "activity", params(("id" = uuid::Uuid, Path)), responses(
    (status = 200, description = "The activity", body = ActivityView),
    (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Segment(id): Segment,
) -> Result<Json<ActivityView>, Problem> {
    let found = api.ledger.activity(record_id(&id)?).await?;
    found.map(|activity| Json(ActivityView { activity })).ok_or_else(|| Problem::no_such_record(&id))
}

/// A source archive, with a link that is made for this answer and valid for ten minutes
#[utoipa::path(get, operation_id = "readSourceArchive", path = "/source-archives/{id}", tag = "activity", params(("id" = uuid::Uuid, Path)), responses(
    (status = 200, description = "The source archive", body = SourceArchiveView),
    (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn source_archive(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Segment(id): Segment,
) -> Result<([(HeaderName, &'static str); 1], Json<SourceArchiveView>), Problem> {
    let found = api.ledger.activity(record_id(&id)?).await?;
    let activity = found.filter(|activity| activity.kind == ActivityKind::SourceArchive);
    let activity = activity.ok_or_else(|| Problem::no_such_record(&id))?;
    // Only the newest is kept, and not for ever.
    let link = match &activity.source_archive {
        Some(made) if api.archives.size(&made.key).await?.is_some() => {
            Some(api.archives.link(&made.key, &made.file_name, LINK, (api.clock)()).await?)
        }
        Some(_) | None => None,
    };
    let view = SourceArchiveView {
        id: activity.id,
        status: activity.status,
        created_at: activity.created_at,
        size_bytes: activity.source_archive.as_ref().map(|made| made.size_bytes),
        file_name: activity.source_archive.as_ref().map(|made| made.file_name.clone()),
        expires_at: link.as_ref().map(|link| link.expires_at),
        url: link.map(|link| link.url),
        failure: activity.failure,
    };
    // Whoever has the link can download.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(view)))
}
