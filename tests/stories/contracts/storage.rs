//! What we ask of S3.

use std::collections::BTreeSet;

use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    primitives::ByteStream,
    types::{ChecksumMode, CompletedMultipartUpload, CompletedPart},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use nightkeep_tests::endpoints::{Endpoints, NAME};
use sha2::{Digest, Sha256};

use super::{RACERS, at_once};

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_storage_an_object_is_written_once_whole_and_checked() {
    for Endpoints { s3, whose, .. } in &Endpoints::all().await {
        let put = |key: &str, body: &[u8]| {
            s3.put_object().bucket(NAME).key(key).body(ByteStream::from(body.to_vec()))
        };
        let sum = |body: &[u8]| STANDARD.encode(Sha256::digest(body));
        let body: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();

        // Whoever writes a name first has written it.
        for race in 0..5 {
            let key = format!("repository/keys/{race}");
            let written = at_once((0..RACERS).map(|number| {
                let put = put(&key, format!("writer {number}").as_bytes()).if_none_match("*");
                async move {
                    (number, put.send().await.map_err(|error| error.code().unwrap_or_default().to_owned()))
                }
            }))
            .await;
            let won: Vec<_> = written.iter().filter(|(_, written)| written.is_ok()).collect();
            assert_eq!(won.len(), 1, "{whose}: {written:?}");
            let refused =
                |code: &String| code == "PreconditionFailed" || code == "ConditionalRequestConflict";
            assert!(
                written.iter().all(|(_, written)| written.as_ref().err().is_none_or(refused)),
                "{whose}: {written:?}"
            );
            let found = s3.get_object().bucket(NAME).key(&key).send().await.unwrap();
            let found = found.body.collect().await.unwrap().into_bytes();
            assert_eq!(found, format!("writer {}", won[0].0).as_bytes(), "{whose}");
        }

        // What comes over damaged is not stored.
        let key = "repository/data/aa/pack";
        let refused = put(key, &body).checksum_sha256(sum(b"something else")).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("BadDigest"), "{whose}: {refused:?}");
        let missing = s3.get_object().bucket(NAME).key(key).send().await.unwrap_err();
        assert_eq!(missing.code(), Some("NoSuchKey"), "{whose}");
        put(key, &body).checksum_sha256(sum(&body)).send().await.unwrap();
        let whole =
            s3.get_object().bucket(NAME).key(key).checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(whole.content_length(), Some(1_200_000), "{whose}");
        assert_eq!(whole.body.collect().await.unwrap().into_bytes(), body, "{whose}");
        let range = s3.get_object().bucket(NAME).key(key).range("bytes=1000-1999").send().await.unwrap();
        assert_eq!(range.body.collect().await.unwrap().into_bytes(), &body[1000..2000], "{whose}");
        let beyond =
            s3.get_object().bucket(NAME).key(key).range("bytes=9000000-9000001").send().await.unwrap_err();
        assert_eq!(beyond.code(), Some("InvalidRange"), "{whose}");

        // Removed is removed, and removing it again is as good.
        for _ in 0..2 {
            s3.delete_object().bucket(NAME).key(key).send().await.unwrap();
        }
        let missing = s3.head_object().bucket(NAME).key(key).send().await.unwrap_err();
        assert!(missing.into_service_error().is_not_found(), "{whose}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_of_the_storage_lists_have_no_gaps_and_parts_become_one() {
    for Endpoints { s3, whose, .. } in &Endpoints::all().await {
        // More than a page of a thousand.
        let keys: BTreeSet<String> =
            (0..1205).map(|number| format!("repository/data/{:02x}/{number:06}", number % 256)).collect();
        let names: Vec<String> = keys.iter().cloned().collect();
        for some in names.chunks(64) {
            at_once(some.iter().map(|key| {
                let put = s3.put_object().bucket(NAME).key(key).body(ByteStream::from_static(b"x"));
                async move { put.send().await.unwrap() }
            }))
            .await;
        }
        s3.put_object()
            .bucket(NAME)
            .key("repository/database")
            .body(ByteStream::from_static(b"y"))
            .send()
            .await
            .unwrap();
        let mut pages = s3.list_objects_v2().bucket(NAME).prefix("repository/data/").into_paginator().send();
        let (mut found, mut count) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            count += 1;
            for object in page.unwrap().contents() {
                assert_eq!(object.size(), Some(1), "{whose}");
                found.push(object.key().unwrap().to_owned());
            }
        }
        assert_eq!((count, found == names), (2, true), "{whose}: in order, without gaps");

        let upload = s3.create_multipart_upload().bucket(NAME).key("source-archives/a").send().await.unwrap();
        let id = upload.upload_id().unwrap();
        let (first, second) = (vec![7_u8; 5 << 20], vec![9_u8; 1234]);
        let mut parts = Vec::new();
        for (number, part) in [(1, &first), (2, &second)] {
            let body = ByteStream::from(part.clone());
            let sent = s3
                .upload_part()
                .bucket(NAME)
                .key("source-archives/a")
                .upload_id(id)
                .part_number(number)
                .body(body);
            let tag = sent.send().await.unwrap().e_tag.unwrap();
            parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
        }
        let unfinished =
            s3.list_multipart_uploads().bucket(NAME).prefix("source-archives/").send().await.unwrap();
        assert_eq!(unfinished.uploads().len(), 1, "{whose}");
        let missing = s3.head_object().bucket(NAME).key("source-archives/a").send().await.unwrap_err();
        assert!(missing.into_service_error().is_not_found(), "{whose}: nothing is there before all is");
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        s3.complete_multipart_upload()
            .bucket(NAME)
            .key("source-archives/a")
            .upload_id(id)
            .multipart_upload(all)
            .send()
            .await
            .unwrap();
        let whole = s3.get_object().bucket(NAME).key("source-archives/a").send().await.unwrap();
        assert_eq!(whole.body.collect().await.unwrap().into_bytes(), [first, second].concat(), "{whose}");

        let left = s3.create_multipart_upload().bucket(NAME).key("source-archives/b").send().await.unwrap();
        s3.abort_multipart_upload()
            .bucket(NAME)
            .key("source-archives/b")
            .upload_id(left.upload_id().unwrap())
            .send()
            .await
            .unwrap();
        let unfinished = s3.list_multipart_uploads().bucket(NAME).send().await.unwrap();
        assert_eq!(unfinished.uploads().len(), 0, "{whose}");
    }
}
