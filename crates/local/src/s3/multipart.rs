//! Multipart uploads: objects that arrive in parts and become one at the end.
//!
//! ```text
//! uploads/<id>/upload.json     the key, what the client said about the object, and when
//! uploads/<id>/<number>        each part, in the form of an object's file
//! ```
//!
//! An upload appears and vanishes with one rename of its folder. It must never show as an object
//! before it is complete, and an id must never lead out of `uploads`.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::CompletedPart;
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::conditions::Condition;
use super::digests::{Expected, checksums_of};
use super::errors::Explain;
use super::object::{self, Attributes, Metadata, Stored};
use super::store::{Bucket, sync};
use super::write::{Writing, Written};

/// S3's smallest part, unless it is the last one.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// S3's highest number of a part.
const HIGHEST_PART: i32 = 10_000;

/// The file that describes an upload.
const DESCRIPTION: &str = "upload.json";

/// What is known about an upload from its beginning.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Description {
    pub(super) key: String,
    pub(super) attributes: Attributes,
    /// In seconds since 1970.
    pub(super) initiated: u64,
}

/// An upload under way.
#[derive(Debug)]
pub(super) struct Upload {
    bucket: Bucket,
    pub(super) id: String,
    folder: PathBuf,
    pub(super) description: Description,
}

impl Bucket {
    /// Begins an upload and returns its id.
    pub(super) fn begin_upload(&self, key: String, attributes: Attributes) -> S3Result<String> {
        let id = Uuid::now_v7().simple().to_string();
        let preparing = self.temporary().join(&id);
        let description = Description { key, attributes, initiated: object::now() };
        let begin = || {
            fs::create_dir(&preparing)?;
            let file = File::create_new(preparing.join(DESCRIPTION))?;
            serde_json::to_writer(&file, &description)?;
            file.sync_all()?;
            sync(&preparing, &preparing)?;
            fs::rename(&preparing, self.uploads().join(&id))?;
            sync(&self.uploads(), &self.uploads())
        };
        begin().explain(|| format!("beginning a multipart upload of the object {:?}", description.key))?;
        Ok(id)
    }

    /// The upload `id` of the object `key`.
    pub(super) fn upload(&self, id: &str, key: &str) -> S3Result<Upload> {
        // Only what is an id of ours becomes part of a path.
        let id = Uuid::try_parse(id).map_err(|_| no_such_upload(id))?.simple().to_string();
        let upload = self.read_upload(id.clone()).explain(|| format!("reading the multipart upload {id}"))?;
        upload.filter(|upload| upload.description.key == key).ok_or_else(|| no_such_upload(&id))
    }

    /// The uploads under way, ordered by key and then by when they began.
    pub(super) fn uploads_under_way(&self) -> S3Result<Vec<Upload>> {
        let read = || {
            let mut uploads = Vec::new();
            for entry in fs::read_dir(self.uploads())? {
                if let Ok(id) = entry?.file_name().into_string()
                    && let Some(upload) = self.read_upload(id)?
                {
                    uploads.push(upload);
                }
            }
            Ok(uploads)
        };
        let mut uploads: Vec<Upload> = read().explain(|| "listing the multipart uploads".to_owned())?;
        uploads
            .sort_by(|one, other| (&one.description.key, &one.id).cmp(&(&other.description.key, &other.id)));
        Ok(uploads)
    }

    fn read_upload(&self, id: String) -> io::Result<Option<Upload>> {
        let folder = self.uploads().join(&id);
        let json = match fs::read(folder.join(DESCRIPTION)) {
            Err(error) if is_missing(&error) => return Ok(None),
            json => json?,
        };
        let description = serde_json::from_slice(&json)?;
        Ok(Some(Upload { bucket: self.clone(), id, folder, description }))
    }
}

impl Upload {
    /// Keeps a part, in place of one that came under the same number before.
    pub(super) fn keep_part(&self, number: i32, written: Written) -> S3Result<Metadata> {
        match fs::rename(written.temporary.path(), self.part(number)) {
            // It was completed or aborted while the part came.
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_such_upload(&self.id)),
            renamed => renamed.and_then(|()| sync(&self.folder, &self.folder)),
        }
        .explain(|| format!("keeping part {number} of the multipart upload {}", self.id))?;
        Ok(written.metadata)
    }

    /// At most `limit` of the parts there are after number `after`, in order, and whether there are
    /// more.
    pub(super) fn parts(&self, after: i32, limit: usize) -> S3Result<(Vec<(i32, Metadata)>, bool)> {
        let doing = || format!("listing the parts of the multipart upload {}", self.id);
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if is_missing(&error) => return Err(no_such_upload(&self.id)),
            entries => entries.explain(doing)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.explain(doing)?.file_name();
            numbers.extend(
                name.to_str().and_then(|name| name.parse::<i32>().ok()).filter(|number| *number > after),
            );
        }
        numbers.sort_unstable();
        let more = numbers.len() > limit;
        numbers.truncate(limit);
        let parts = numbers.into_iter().map(|number| Ok((number, self.open_part(number)?.metadata)));
        Ok((parts.collect::<S3Result<_>>()?, more))
    }

    /// Makes the object out of the parts that the client names, and ends the upload.
    pub(super) fn complete(
        self,
        parts: &[CompletedPart],
        expected: Expected,
        condition: &Condition,
    ) -> S3Result<Metadata> {
        if parts.is_empty() {
            return Err(s3_error!(
                MalformedXML,
                "completing the multipart upload {}: no part is named",
                self.id
            ));
        }
        if !parts.is_sorted_by(|one, next| one.part_number < next.part_number) {
            return Err(s3_error!(
                InvalidPartOrder,
                "completing the multipart upload {}: its parts are out of order",
                self.id
            ));
        }
        // The entity tag of S3: a digest of the parts' digests, and how many they are.
        let mut digest = Md5::new();
        let mut writing = Writing::new(&self.bucket.temporary(), expected)?;
        for (index, named) in parts.iter().enumerate() {
            let number = named.part_number.unwrap_or_default();
            let part = self.open_part(number)?;
            let same = named.e_tag.as_ref().is_some_and(|tag| tag.value() == part.metadata.etag)
                && checksums_of!(named).agree_with(&part.metadata.checksums);
            if !same {
                return Err(self.invalid_part(number, "it is not the one that was uploaded"));
            }
            if part.metadata.size < SMALLEST_PART && index + 1 < parts.len() {
                return Err(s3_error!(
                    EntityTooSmall,
                    "completing the multipart upload {}: part {number} has only {} bytes and is not the last",
                    self.id,
                    part.metadata.size
                ));
            }
            digest.update(&hex::decode(&part.metadata.etag).map_err(S3Error::internal_error)?);
            writing.append_body_of(&part)?;
        }
        let etag = format!("{}-{}", hex::encode(digest.finalize()), parts.len());
        let written = writing.finish(self.description.attributes.clone(), Some(etag))?;
        let metadata = self.bucket.publish(written, &self.description.key, condition)?;
        // The object is there, whatever becomes of the parts.
        let id = self.id.clone();
        if let Err(error) = self.abort() {
            tracing::warn!(%error, id, "removing the parts of a completed multipart upload");
        }
        Ok(metadata)
    }

    /// Ends the upload and removes its parts.
    pub(super) fn abort(self) -> S3Result<()> {
        let leaving = self.bucket.temporary().join(&self.id);
        match fs::rename(&self.folder, &leaving) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(no_such_upload(&self.id)),
            renamed => renamed
                .and_then(|()| sync(&self.bucket.uploads(), &self.bucket.uploads()))
                .and_then(|()| fs::remove_dir_all(&leaving)),
        }
        .explain(|| format!("ending the multipart upload {}", self.id))
    }

    fn open_part(&self, number: i32) -> S3Result<Stored> {
        match Stored::open(&self.part(number)) {
            Err(error) if is_missing(&error) => Err(self.invalid_part(number, "it was not uploaded")),
            opened => opened.explain(|| format!("reading part {number} of the multipart upload {}", self.id)),
        }
    }

    fn part(&self, number: i32) -> PathBuf {
        self.folder.join(number.to_string())
    }

    fn invalid_part(&self, number: i32, why: &str) -> S3Error {
        s3_error!(InvalidPart, "reading part {number} of the multipart upload {}: {why}", self.id)
    }
}

/// Refuses numbers that S3 does not have.
pub(super) fn check_part_number(number: i32) -> S3Result<()> {
    if (1..=HIGHEST_PART).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(
        InvalidArgument,
        "reading the part number {number}: it must be between 1 and {HIGHEST_PART}"
    ))
}

fn no_such_upload(id: &str) -> S3Error {
    s3_error!(NoSuchUpload, "looking for the multipart upload {id:?}: it is not there")
}

/// A desktop's stray file among the folders counts as nothing, too.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
