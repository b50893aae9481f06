//! The records: a page of them, one of them, and their notes.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use nightkeep_cloud::Edit;
use nightkeep_domain::{
    identifier::RecordId,
    notes::Notes,
    record::{OlderNotes, Record},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Api,
    problem::{Body, Parameters, Problem, ProblemBody, Segment},
    user::{Operator, Viewer},
};

/// Records on a page unless the request says otherwise.
const USUAL_LIMIT: usize = 50;
/// Records on a page at most.
const HIGHEST_LIMIT: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    /// Only what is older than this one
    #[param(value_type = Option<uuid::Uuid>)]
    before: Option<String>,
    /// At most so many
    #[param(minimum = 1, maximum = 200, default = 50)]
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

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageView {
    records: Vec<Record>,
    next: Option<RecordId>,
}

/// One record, with the history of its notes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DetailView {
    record: Detail,
}

#[derive(Debug, Serialize, ToSchema)]
struct Detail {
    #[serde(flatten)]
    record: Record,
    /// What the notes were before, newest first
    notes_history: Vec<OlderNotes>,
}

/// One record, in the answers to what changed or made it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordView {
    record: Record,
}

impl RecordView {
    /// Without its history.
    pub(crate) fn new(mut record: Record) -> Self {
        record.notes_history.clear();
        Self { record }
    }
}

/// On what condition notes are replaced, as the OpenAPI document tells of it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the header is read by itself")]
pub(crate) struct Condition {
    /// The `notes_version`, in quotes, that they are to replace
    #[param(rename = "if-match", required = false, pattern = r#"^(\*|"[0-9]{1,15}")$"#)]
    if_match: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotesBody {
    #[schema(value_type = Notes)]
    notes: String,
}

/// The records, newest first
#[utoipa::path(get, operation_id = "listRecords", path = "/records", tag = "records", params(Range), responses(
    (status = 200, description = "A page of them", body = PageView),
    (status = 422, description = "A parameter cannot be used", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Parameters(range): Parameters<Range>,
) -> Result<Json<PageView>, Problem> {
    let (before, limit) = range.parse()?;
    let page = api.ledger.records(before, limit).await?;
    Ok(Json(PageView { records: page.records, next: page.next }))
}

/// One record, with the history of its notes
#[utoipa::path(get, operation_id = "readRecord", path = "/records/{id}", tag = "records", params(("id" = uuid::Uuid, Path)), responses(
    (status = 200, description = "The record", body = DetailView),
    (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    _: Viewer,
    Segment(id): Segment,
) -> Result<Json<DetailView>, Problem> {
    let found = api.ledger.record(record_id(&id)?).await?;
    let mut record = found.ok_or_else(|| Problem::no_such_record(&id))?;
    let notes_history = std::mem::take(&mut record.notes_history);
    Ok(Json(DetailView { record: Detail { record, notes_history } }))
}

/// Replaces the notes of a record
#[utoipa::path(patch, operation_id = "editRecord", path = "/records/{id}", tag = "records", request_body = NotesBody, params(
    ("id" = uuid::Uuid, Path),
    Condition,
), responses(
    (status = 200, description = "The record as it is now", body = RecordView),
    (status = 404, description = "There is none", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Somebody else changed them meanwhile; the record as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(crate) async fn edit(
    State(api): State<Arc<Api>>,
    Operator(user): Operator,
    Segment(id): Segment,
    headers: HeaderMap,
    Body(body): Body<NotesBody>,
) -> Result<Json<RecordView>, Problem> {
    let record_id = record_id(&id)?;
    let expected = expected_version(&headers)?;
    let notes = Notes::new(&body.notes)?;
    match api.ledger.edit_notes(record_id, &notes, expected, &user.actor(), (api.clock)()).await? {
        Edit::Saved(record) => {
            tracing::info!(record = %id, "notes edited");
            Ok(Json(RecordView::new(*record)))
        }
        Edit::Changed(record) => Err(Problem::notes_changed(*record)),
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
