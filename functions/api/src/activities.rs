//! The activities, and the source archives among them with their links.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};
use jiff::Timestamp;
use nightkeep_domain::{
    activity::{Activity, ActivityKind},
    cause::Failure,
    identifier::RecordId,
    record::Status,
};
use serde::Serialize;

use crate::{
    Api,
    problem::{Parameters, Problem, Segment},
    records::{Range, record_id},
};

/// How long a link can be used. It is made anew at each request, so it need not last.
const LINK: Duration = Duration::from_secs(600);

/// One activity, in the answers that are about one.
#[derive(Debug, Serialize)]
pub(crate) struct ActivityView {
    pub(crate) activity: Activity,
}

#[derive(Debug, Serialize)]
pub(crate) struct ActivitiesView {
    activities: Vec<Activity>,
    next: Option<RecordId>,
}

#[derive(Debug, Serialize)]
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

/// `GET /api/activity?before=&limit=`
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Parameters(range): Parameters<Range>,
) -> Result<Json<ActivitiesView>, Problem> {
    let (before, limit) = range.parse()?;
    let page = api.ledger.activities(before, limit).await?;
    Ok(Json(ActivitiesView { activities: page.activities, next: page.next }))
}

/// `GET /api/activity/{id}`
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    Segment(id): Segment,
) -> Result<Json<ActivityView>, Problem> {
    let found = api.ledger.activity(record_id(&id)?).await?;
    found.map(|activity| Json(ActivityView { activity })).ok_or_else(|| Problem::no_such_record(&id))
}

/// `GET /api/source-archives/{id}`
pub(crate) async fn source_archive(
    State(api): State<Arc<Api>>,
    Segment(id): Segment,
) -> Result<Json<SourceArchiveView>, Problem> {
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
    Ok(Json(SourceArchiveView {
        id: activity.id,
        status: activity.status,
        created_at: activity.created_at,
        size_bytes: activity.source_archive.as_ref().map(|made| made.size_bytes),
        file_name: activity.source_archive.as_ref().map(|made| made.file_name.clone()),
        expires_at: link.as_ref().map(|link| link.expires_at),
        url: link.map(|link| link.url),
        failure: activity.failure,
    }))
}
