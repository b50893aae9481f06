//! Objects that come in parts, and what a restart of the endpoint leaves of them.

use std::fs;

use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};

use crate::support::{BUCKET, Endpoint, failure, is};

/// S3's smallest part of a multipart upload.
const PART: usize = 5 * 1024 * 1024;

/// A multipart upload under way.
struct Upload<'a> {
    endpoint: &'a Endpoint,
    key: &'static str,
    id: String,
}

impl<'a> Upload<'a> {
    async fn begin(endpoint: &'a Endpoint, key: &'static str) -> Self {
        let upload = endpoint.client.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
        Self { endpoint, key, id: upload.upload_id().unwrap().to_owned() }
    }

    async fn part(&self, number: i32, body: Vec<u8>) -> CompletedPart {
        let part = self.endpoint.client.upload_part().bucket(BUCKET).key(self.key).upload_id(&self.id);
        let part = part.part_number(number).body(ByteStream::from(body)).send().await.unwrap();
        CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build()
    }

    /// The entity tag of the object, or how making it failed.
    async fn complete(&self, parts: &[&CompletedPart]) -> Result<String, (u16, String)> {
        let parts = parts.iter().map(|part| (*part).clone()).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.endpoint.client.complete_multipart_upload().bucket(BUCKET).key(self.key);
        match complete.upload_id(&self.id).multipart_upload(parts).send().await {
            Ok(completed) => Ok(completed.e_tag().unwrap().to_owned()),
            failed => Err(failure(failed)),
        }
    }

    async fn parts(&self) -> Vec<i32> {
        let list = self.endpoint.client.list_parts().bucket(BUCKET).key(self.key).upload_id(&self.id);
        let mut pages = list.max_parts(1).into_paginator().send();
        let mut numbers = Vec::new();
        while let Some(page) = pages.next().await {
            numbers.extend(page.unwrap().parts().iter().map(|part| part.part_number().unwrap()));
        }
        numbers
    }
}

#[tokio::test]
async fn parts_become_an_object_only_by_the_rules() {
    let endpoint = Endpoint::start().await;
    let upload = Upload::begin(&endpoint, "big").await;
    let replaced = upload.part(1, vec![b'0'; PART]).await;
    // Parts may come in any order, and their numbers may have gaps.
    let last = upload.part(10_000, b"the end".to_vec()).await;
    let small = upload.part(2, vec![b'b'; PART - 1]).await;
    let first = upload.part(1, vec![b'a'; PART]).await;
    assert_eq!(upload.parts().await, [1, 2, 10_000]);
    let list = endpoint.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(list.uploads()[0].upload_id(), Some(upload.id.as_str()));
    for number in [0, 10_001] {
        let part = endpoint.client.upload_part().bucket(BUCKET).key("big").upload_id(&upload.id);
        assert_eq!(failure(part.part_number(number).send().await), is(400, "InvalidArgument"));
    }

    assert_eq!(upload.complete(&[]).await, Err(is(400, "MalformedXML")));
    assert_eq!(upload.complete(&[&last, &first]).await, Err(is(400, "InvalidPartOrder")));
    assert_eq!(upload.complete(&[&first, &first]).await, Err(is(400, "InvalidPartOrder")));
    assert_eq!(upload.complete(&[&first, &small, &last]).await, Err(is(400, "EntityTooSmall")));
    assert_eq!(upload.complete(&[&replaced, &last]).await, Err(is(400, "InvalidPart")));
    let absent = CompletedPart::builder().part_number(3).e_tag(first.e_tag().unwrap()).build();
    assert_eq!(upload.complete(&[&first, &absent]).await, Err(is(400, "InvalidPart")));
    let elsewhere = Upload { endpoint: &endpoint, key: "other", id: upload.id.clone() };
    assert_eq!(elsewhere.complete(&[&first, &last]).await, Err(is(404, "NoSuchUpload")));
    let head = endpoint.client.head_object().bucket(BUCKET).key("big").send().await;
    assert_eq!(failure(head).0, 404, "it shows before it is complete");

    let tag = upload.complete(&[&first, &last]).await.unwrap();
    assert!(tag.ends_with("-2\""), "{tag}");
    let mut expected = vec![b'a'; PART];
    expected.extend(b"the end");
    assert_eq!(endpoint.get("big").await, expected);
    assert_eq!(upload.complete(&[&first, &last]).await, Err(is(404, "NoSuchUpload")));

    let aborted = Upload::begin(&endpoint, "aborted").await;
    aborted.part(1, b"x".to_vec()).await;
    let abort = || {
        endpoint.client.abort_multipart_upload().bucket(BUCKET).key("aborted").upload_id(&aborted.id).send()
    };
    abort().await.unwrap();
    assert_eq!(failure(abort().await), is(404, "NoSuchUpload"));
    assert_eq!(endpoint.files().len(), 1, "only the object is left");
}

#[tokio::test]
async fn what_was_acknowledged_survives_and_what_was_not_is_swept() {
    let endpoint = Endpoint::start().await;
    endpoint.put("data/x", "the body").await;
    let upload = Upload::begin(&endpoint, "big").await;
    let part = upload.part(1, b"a part".to_vec()).await;
    let id = upload.id;
    let temporary = endpoint.folder.path().join("store").join(BUCKET).join("temporary");
    fs::write(temporary.join("a body that was being written"), "half").unwrap();
    fs::create_dir(temporary.join("an upload that was being removed")).unwrap();
    // An object that a file system cut short must not pass for one.
    let damaged = endpoint.folder.path().join("store").join(BUCKET).join("objects/damaged=");
    fs::write(damaged, "half").unwrap();

    let endpoint = endpoint.reopen().await;
    assert_eq!(endpoint.get("data/x").await, b"the body");
    assert_eq!(fs::read_dir(temporary).unwrap().count(), 0);
    let upload = Upload { endpoint: &endpoint, key: "big", id };
    upload.complete(&[&part]).await.unwrap();
    assert_eq!(endpoint.get("big").await, b"a part");
    let damaged = endpoint.client.get_object().bucket(BUCKET).key("damaged").send().await;
    assert_eq!(failure(damaged), is(500, "InternalError"));
}
