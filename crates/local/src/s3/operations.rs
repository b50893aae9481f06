//! The operations of S3, as `s3s` has parsed and authenticated them.
//!
//! Here requests become calls of the store and what it found becomes an answer; the rules are in
//! the modules beside it. What is not implemented must be refused, never silently ignored, where
//! ignoring it would change what a client reads or keeps.

use http::{HeaderMap, StatusCode, header};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket as ListedBucket,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput,
    CopyObjectResult, CopySource, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Error,
    GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput,
    HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput, MetadataDirective,
    MultipartUpload, Part, PutObjectInput, PutObjectOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::conditions::{Condition, ReadConditions, precondition_failed};
use super::digests::{Expected, checksums_of};
use super::errors::Explain;
use super::fields::{Span, attributes_of, description, kept, read_conditions_of, signed};
use super::list::{self, Names, Page, Query, delimiter, limit, percent_encoded, read_token};
use super::multipart::{self, Upload};
use super::object::{self, Attributes, Metadata};
use super::store::{Bucket, Store, blocking};
use super::write::{Writing, receive};

/// The most keys S3 removes at once.
const MOST_REMOVED: usize = 1000;

impl Store {
    /// Does something with the bucket `name`, if there is one.
    async fn with_bucket<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Bucket) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let store = self.clone();
        blocking(move || work(&store.bucket(&name)?)).await
    }

    /// Does something with the upload `id` of the object `key`, if there is one.
    async fn with_upload<T: Send + 'static>(
        &self,
        bucket: String,
        key: String,
        id: String,
        work: impl FnOnce(Upload) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        self.with_bucket(bucket, move |bucket| work(bucket.upload(&id, &key)?)).await
    }

    async fn list(&self, bucket: String, query: Query) -> S3Result<Page> {
        self.with_bucket(bucket, move |bucket| {
            list::page(&bucket.objects(), &query).explain(|| format!("listing {:?}", query.prefix))
        })
        .await
    }
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = request.input.bucket;
        let location = Some(format!("/{name}"));
        let store = self.clone();
        blocking(move || store.create_bucket(&name)).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.with_bucket(request.input.bucket, |_| Ok(())).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.with_bucket(request.input.bucket, |_| Ok(())).await?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let store = self.clone();
        blocking(move || store.delete_bucket(&request.input.bucket)).await?;
        Ok(S3Response::with_status(DeleteBucketOutput::default(), StatusCode::NO_CONTENT))
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let prefix = request.input.prefix.unwrap_or_default();
        let store = self.clone();
        let mut buckets =
            blocking(move || store.buckets().explain(|| "listing the buckets".to_owned())).await?;
        buckets.retain(|(name, _)| name.starts_with(&prefix));
        let listed = buckets.into_iter().map(|(name, created)| ListedBucket {
            name: Some(name),
            creation_date: Some(created),
            ..Default::default()
        });
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(listed.collect()), ..Default::default() }))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let checksums = checksums_of!(input);
        let attributes = attributes_of!(input);
        let condition = Condition::of_write(input.if_match, input.if_none_match)?;
        let (length, trailer) = (input.content_length, request.trailing_headers);
        let expected = Expected::new(length, input.content_md5, checksums, &request.headers, trailer);
        let (store, name) = (self.clone(), input.bucket.clone());
        let begin = move || Writing::new(&store.bucket(&name)?.temporary(), expected);
        let written = receive(begin, input.body, attributes).await?;
        let publish = move |bucket: &Bucket| bucket.publish(written, &input.key, &condition);
        let metadata = self.with_bucket(input.bucket, publish).await?;
        Ok(S3Response::new(kept!(PutObjectOutput, metadata)))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_deref())?;
        refuse_part_number(input.part_number)?;
        let conditions = read_conditions_of!(input);
        let stored = self
            .with_bucket(input.bucket, move |bucket| {
                let stored = bucket.open(&input.key)?;
                conditions.check(&stored.metadata).map_err(|error| tagged(error, &stored.metadata))?;
                Ok(stored)
            })
            .await?;
        let span = Span::new(input.range, stored.metadata.size)?;
        let mut output = description!(GetObjectOutput, input, &stored.metadata, &span);
        output.body = Some(stored.body(span.bytes));
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_deref())?;
        refuse_part_number(input.part_number)?;
        let conditions = read_conditions_of!(input);
        let metadata = self
            .with_bucket(input.bucket, move |bucket| {
                let metadata = bucket.open(&input.key)?.metadata;
                conditions.check(&metadata).map_err(|error| tagged(error, &metadata))?;
                Ok(metadata)
            })
            .await?;
        let span = Span::new(input.range, metadata.size)?;
        let status = if span.content_range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let output = description!(HeadObjectOutput, input, &metadata, &span);
        Ok(S3Response::with_status(output, status))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let replaces = |directive: &MetadataDirective| directive.as_str() == MetadataDirective::REPLACE;
        let replacement =
            input.metadata_directive.as_ref().is_some_and(replaces).then(|| attributes_of!(input));
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let CopySource::Bucket { bucket: source_bucket, key: source_key, version_id } = input.copy_source
        else {
            return Err(s3_error!(
                NotImplemented,
                "reading the source of a copy: only <bucket>/<key> is known here"
            ));
        };
        refuse_version(version_id.as_deref())?;
        if *source_bucket == input.bucket && *source_key == input.key && replacement.is_none() {
            return Err(s3_error!(InvalidRequest, "copying the object {:?}: it would not change", input.key));
        }
        let store = self.clone();
        let copy = move || {
            let bucket = store.bucket(&input.bucket)?;
            let source = store.bucket(&source_bucket)?.open(&source_key)?;
            conditions.check(&source.metadata).map_err(|_| precondition_failed())?;
            let expected = Expected::of_stored(Some(source.metadata.size), source.metadata.checksums.clone());
            let mut writing = Writing::new(&bucket.temporary(), expected)?;
            writing.append_body_of(&source)?;
            let attributes = replacement.unwrap_or(source.metadata.attributes);
            bucket.publish(writing.finish(attributes, None)?, &input.key, &Condition::Always)
        };
        let metadata = blocking(copy).await?;
        let mut result = kept!(CopyObjectResult, metadata);
        result.last_modified = Some(metadata.last_modified());
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_deref())?;
        let condition = Condition::of_write(input.if_match, None)?;
        let removed =
            self.with_bucket(input.bucket, move |bucket| bucket.remove(&[(input.key, condition)])).await?;
        removed.into_iter().collect::<S3Result<()>>()?;
        Ok(S3Response::with_status(DeleteObjectOutput::default(), StatusCode::NO_CONTENT))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        if delete.objects.len() > MOST_REMOVED {
            return Err(s3_error!(
                MalformedXML,
                "removing objects: at most {MOST_REMOVED} can be removed at once"
            ));
        }
        let mut keys = Vec::new();
        for object in delete.objects {
            refuse_version(object.version_id.as_deref())?;
            let condition = Condition::of_write(object.e_tag.map(ETagCondition::ETag), None)?;
            keys.push((object.key, condition));
        }
        let (keys, results) = self
            .with_bucket(bucket, move |bucket| {
                let results = bucket.remove(&keys)?;
                Ok((keys, results))
            })
            .await?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for ((key, _), result) in keys.into_iter().zip(results) {
            match result {
                Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(key),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                }),
            }
        }
        let deleted = (!delete.quiet.unwrap_or_default()).then_some(deleted);
        Ok(S3Response::new(DeleteObjectsOutput { deleted, errors: Some(errors), ..Default::default() }))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = request.input;
        let query = Query {
            prefix: input.prefix.unwrap_or_default(),
            delimiter: delimiter(input.delimiter),
            after: input.marker.unwrap_or_default(),
            limit: limit(input.max_keys)?,
        };
        let page = self.list(input.bucket.clone(), query.clone()).await?;
        let names = Names(input.encoding_type);
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(names.encode(&query.prefix)),
            delimiter: query.delimiter.map(|delimiter| names.encode(&delimiter)),
            marker: Some(names.encode(&query.after)),
            max_keys: i32::try_from(query.limit).ok(),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.map(|next| names.encode(&next)),
            contents: Some(names.objects(&page.objects)),
            common_prefixes: Some(names.common_prefixes(&page.common_prefixes)),
            encoding_type: names.0,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let token = input.continuation_token.as_deref().map(read_token).transpose()?;
        let query = Query {
            prefix: input.prefix.unwrap_or_default(),
            delimiter: delimiter(input.delimiter),
            after: token.or_else(|| input.start_after.clone()).unwrap_or_default(),
            limit: limit(input.max_keys)?,
        };
        let page = self.list(input.bucket.clone(), query.clone()).await?;
        let names = Names(input.encoding_type);
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(names.encode(&query.prefix)),
            delimiter: query.delimiter.map(|delimiter| names.encode(&delimiter)),
            start_after: input.start_after.map(|start_after| names.encode(&start_after)),
            max_keys: i32::try_from(query.limit).ok(),
            key_count: i32::try_from(page.objects.len() + page.common_prefixes.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(hex::encode),
            contents: Some(names.objects(&page.objects)),
            common_prefixes: Some(names.common_prefixes(&page.common_prefixes)),
            encoding_type: names.0,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let attributes = attributes_of!(input);
        let key = input.key.clone();
        let id =
            self.with_bucket(input.bucket.clone(), |bucket| bucket.begin_upload(key, attributes)).await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let checksums = checksums_of!(input);
        let (length, trailer) = (input.content_length, request.trailing_headers);
        let expected = Expected::new(length, input.content_md5, checksums, &request.headers, trailer);
        let number = input.part_number;
        let begin = {
            let (store, name) = (self.clone(), input.bucket.clone());
            let (id, key) = (input.upload_id.clone(), input.key.clone());
            move || {
                multipart::check_part_number(number)?;
                let bucket = store.bucket(&name)?;
                bucket.upload(&id, &key)?;
                Writing::new(&bucket.temporary(), expected)
            }
        };
        let written = receive(begin, input.body, Attributes::default()).await?;
        let metadata = self
            .with_upload(input.bucket, input.key, input.upload_id, move |upload| {
                upload.keep_part(number, written)
            })
            .await?;
        Ok(S3Response::new(kept!(UploadPartOutput, metadata)))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let size = input.mpu_object_size.and_then(|size| u64::try_from(size).ok());
        let expected = Expected::of_stored(size, checksums_of!(input).of_whole_body());
        let condition = Condition::of_write(input.if_match, input.if_none_match)?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let metadata = self
            .with_upload(bucket, key, input.upload_id, move |upload| {
                upload.complete(&parts, expected, &condition)
            })
            .await?;
        let mut output = kept!(CompleteMultipartUploadOutput, metadata);
        output.location = Some(format!("/{}/{}", input.bucket, percent_encoded(&input.key)));
        output.bucket = Some(input.bucket);
        output.key = Some(input.key);
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        self.with_upload(bucket, key, upload_id, Upload::abort).await?;
        Ok(S3Response::with_status(AbortMultipartUploadOutput::default(), StatusCode::NO_CONTENT))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let ListPartsInput { bucket, key, upload_id, max_parts, part_number_marker, .. } = request.input;
        let after = part_number_marker.unwrap_or_default();
        let limit = limit(max_parts)?;
        let (parts, more) = self
            .with_upload(bucket.clone(), key.clone(), upload_id.clone(), move |upload| {
                upload.parts(after, limit)
            })
            .await?;
        let next = parts.last().map(|(number, _)| *number);
        let parts = parts.into_iter().map(|(number, metadata)| Part {
            part_number: Some(number),
            e_tag: Some(metadata.entity_tag()),
            size: signed(metadata.size),
            last_modified: Some(metadata.last_modified()),
            ..Default::default()
        });
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(upload_id),
            max_parts: i32::try_from(limit).ok(),
            part_number_marker,
            is_truncated: Some(more),
            next_part_number_marker: next.filter(|_| more),
            parts: Some(parts.collect()),
            ..Default::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        if delimiter(input.delimiter).is_some() {
            return Err(s3_error!(
                NotImplemented,
                "listing the multipart uploads: no delimiter is known here"
            ));
        }
        let prefix = input.prefix.unwrap_or_default();
        let limit = limit(input.max_uploads)?;
        let mut uploads = self.with_bucket(input.bucket.clone(), Bucket::uploads_under_way).await?;
        // Without an id, the marker stands for all uploads of its key.
        let after = |upload: &Upload| match (&input.key_marker, &input.upload_id_marker) {
            (None, _) => true,
            (Some(key), None) => upload.description.key > *key,
            (Some(key), Some(id)) => (&upload.description.key, &upload.id) > (key, id),
        };
        uploads.retain(|upload| upload.description.key.starts_with(&prefix) && after(upload));
        let more = uploads.len() > limit;
        uploads.truncate(limit);
        let names = Names(input.encoding_type);
        let next = uploads.last().filter(|_| more);
        let listed = uploads.iter().map(|upload| MultipartUpload {
            key: Some(names.encode(&upload.description.key)),
            upload_id: Some(upload.id.clone()),
            initiated: Some(object::timestamp(upload.description.initiated)),
            ..Default::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: Some(listed.collect()),
            next_key_marker: next.map(|upload| names.encode(&upload.description.key)),
            next_upload_id_marker: next.map(|upload| upload.id.clone()),
            bucket: Some(input.bucket),
            prefix: Some(names.encode(&prefix)),
            key_marker: input.key_marker.map(|key| names.encode(&key)),
            upload_id_marker: input.upload_id_marker,
            max_uploads: i32::try_from(limit).ok(),
            is_truncated: Some(more),
            encoding_type: names.0,
            ..Default::default()
        }))
    }
}

/// There is one version of each object, the one S3 calls `null`.
fn refuse_version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("null") => Ok(()),
        Some(id) => {
            Err(s3_error!(NoSuchVersion, "looking for the version {id:?}: only the latest is kept here"))
        }
    }
}

fn refuse_part_number(number: Option<i32>) -> S3Result<()> {
    match number {
        None => Ok(()),
        Some(number) => Err(s3_error!(
            NotImplemented,
            "reading part {number} of an object: an object is in one piece here once it is complete"
        )),
    }
}

/// A client that has the object already hears which one it is.
fn tagged(mut error: S3Error, metadata: &Metadata) -> S3Error {
    if *error.code() == S3ErrorCode::NotModified
        && let Ok(tag) = metadata.entity_tag().to_http_header()
    {
        error.set_headers(HeaderMap::from_iter([(header::ETAG, tag)]));
    }
    error
}
