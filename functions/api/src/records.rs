//! The records: a page of them, one of them, and their notes.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use nightkeep_cloud::Edit;
use nightkeep_domain::{identifier::RecordId, notes::Notes, record::Record};
use serde::{Deserialize, Serialize};

use crate::{
    Api,
    problem::{Body, Parameters, Problem, Segment},
};

/// Records on a page unless the request says otherwise.
const USUAL_LIMIT: usize = 50;
/// Records on a page at most.
const HIGHEST_LIMIT: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    before: Option<String>,
    limit: Option<usize>,
}

impl Range {
    /// Where the page begins, and how long it is at most.
    pub(crate) fn parse(self) -> Result<(Option<RecordId>, usize), Problem> {
        let before = self.before.map(|id| id.parse()).transpose().map_err(wrong_parameter)?;
        let limit = self.limit.unwrap_or(USUAL_LIMIT);
        if !(1..=HIGHEST_LIMIT).contains(&limit) {
            return Err(Problem::wrong_parameter(format!(
                "“limit” has to be from 1 to {HIGHEST_LIMIT}, not {limit}."
            )));
        }
        Ok((before, limit))
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct PageView {
    records: Vec<Record>,
    next: Option<RecordId>,
}

/// One record, in the answers that are about one.
#[derive(Debug, Serialize)]
pub(crate) struct RecordView {
    pub(crate) record: Record,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotesBody {
    notes: String,
}

/// `GET /api/records?before=&limit=`
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Parameters(range): Parameters<Range>,
) -> Result<Json<PageView>, Problem> {
    let (before, limit) = range.parse()?;
    let page = api.ledger.records(before, limit).await?;
    Ok(Json(PageView { records: page.records, next: page.next }))
}

/// `GET /api/records/{id}`
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    Segment(id): Segment,
) -> Result<Json<RecordView>, Problem> {
    let found = api.ledger.record(record_id(&id)?).await?;
    found.map(|record| Json(RecordView { record })).ok_or_else(|| Problem::no_such_record(&id))
}

/// `PATCH /api/records/{id}`, with `If-Match: "<notes_version>"`
pub(crate) async fn edit(
    State(api): State<Arc<Api>>,
    Segment(id): Segment,
    headers: HeaderMap,
    Body(body): Body<NotesBody>,
) -> Result<Json<RecordView>, Problem> {
    let record_id = record_id(&id)?;
    let expected = expected_version(&headers)?;
    let notes = Notes::new(&body.notes)?;
    match api.ledger.edit_notes(record_id, &notes, expected).await? {
        Edit::Saved(record) => {
            tracing::info!(record = %id, user = api.user.name, "notes edited");
            Ok(Json(RecordView { record: *record }))
        }
        Edit::Changed(record) => Err(Problem::notes_changed(&record)),
        Edit::NotFound => Err(Problem::no_such_record(&id)),
    }
}

pub(crate) fn record_id(text: &str) -> Result<RecordId, Problem> {
    text.parse().map_err(|_| Problem::no_such_record(text))
}

/// The version in `If-Match`; none if there is no such header, or it is `*`.
fn expected_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    if value == "*" {
        return Ok(None);
    }
    let version =
        value.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version.map(Some).ok_or_else(|| {
        wrong_parameter("“If-Match” has to be the record’s notes_version in quotes, such as \"3\"")
    })
}

fn wrong_parameter(error: impl std::fmt::Display) -> Problem {
    Problem::wrong_parameter(format!("{error}."))
}
