//! Objects and buckets: what is kept, listed, refused, and who is let in.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use aws_sdk_s3::{
    presigning::{PresignedRequest, PresigningConfig},
    primitives::ByteStream,
    types::{ChecksumMode, Delete, MetadataDirective, ObjectIdentifier},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::support::{ACCESS_KEY, BUCKET, Endpoint, SECRET_KEY, client, failure, is};

/// The first line of a presigned request, without the host.
fn line(request: &PresignedRequest) -> String {
    let (_, target) = request.uri().split_once(&format!("/{BUCKET}/")).unwrap();
    format!("{} /{BUCKET}/{target}", request.method())
}

fn for_an_hour() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_create_one_key_exactly_one_wins() {
    let endpoint = Endpoint::start().await;
    for race in 0..200 {
        let key = format!("locks/{race}");
        let mut racers = JoinSet::new();
        for racer in 0..4 {
            let body = ByteStream::from(format!("racer {racer}").into_bytes());
            let put = endpoint.client.put_object().bucket(BUCKET).key(&key).body(body).if_none_match("*");
            racers.spawn(async move { (racer, put.send().await) });
        }
        let mut winners = Vec::new();
        for (racer, result) in racers.join_all().await {
            match result {
                Ok(_) => winners.push(racer),
                lost => assert_eq!(failure(lost), is(412, "PreconditionFailed")),
            }
        }
        assert_eq!(winners.len(), 1, "race {race} was won by {winners:?}");
        assert_eq!(endpoint.get(&key).await, format!("racer {}", winners[0]).as_bytes());
    }
}

#[tokio::test]
async fn no_key_leaves_its_bucket() {
    let endpoint = Endpoint::start().await;
    let long = "x".repeat(1024);
    let mut keys = [
        "../x",
        "../../x",
        "../other/objects/x",
        "a/../../b",
        "/etc/passwd",
        "//x",
        ".",
        "..",
        "a",
        "a/",
        "a/b",
        "A",
        "a/./b",
        "%2e%2e/x",
        "..%2fx",
        "a\\..\\b",
        "ä ö",
        &long,
    ];
    keys.sort_unstable();
    for key in keys {
        endpoint.put(key, key).await;
    }
    let objects = endpoint.folder.path().join("store").join(BUCKET).join("objects");
    let files = endpoint.files();
    assert!(files.iter().all(|file| file.starts_with(&objects)), "{files:?}");
    assert_eq!(files.len(), keys.len());

    let list = endpoint.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(list.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), keys);
    for key in keys {
        assert_eq!(endpoint.get(key).await, key.as_bytes());
        endpoint.client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(fs::read_dir(&objects).unwrap().count(), 0, "empty folders are left");

    // Neither does a bucket leave the store, nor an upload its bucket.
    for path in ["/../x", "/../store/archive", "/%2e%2e/x", "/archive%2f..%2f..%2fx", "/./x"] {
        let signed =
            endpoint.client.get_object().bucket(BUCKET).key("x").presigned(for_an_hour()).await.unwrap();
        let query = signed.uri().split_once('?').unwrap().1;
        let answer = endpoint.answer(&format!("PUT {path}?{query}"), &[("content-length", "1")], b"x").await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    for id in ["..", "../objects", "", "/etc"] {
        let abort =
            endpoint.client.abort_multipart_upload().bucket(BUCKET).key("x").upload_id(id).send().await;
        assert!(abort.is_err(), "{id}");
    }
    assert_eq!(endpoint.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_body_that_is_not_what_its_client_said_leaves_nothing() {
    let endpoint = Endpoint::start().await;
    let other = STANDARD.encode(Sha256::digest(b"another body"));
    let put =
        || endpoint.client.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(b"the body"));

    let wrong_md5 = put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await;
    assert_eq!(failure(wrong_md5), is(400, "BadDigest"));
    let no_md5 = put().content_md5("nonsense").send().await;
    assert_eq!(failure(no_md5), is(400, "InvalidDigest"));
    let wrong_sha256 = put().checksum_sha256(&other).send().await;
    assert_eq!(failure(wrong_sha256), is(400, "BadDigest"));

    let signed = endpoint.client.put_object().bucket(BUCKET).key("x").presigned(for_an_hour()).await.unwrap();
    let digest = hex::encode(Sha256::digest(b"another body"));
    let headers = [("content-length", "8"), ("x-amz-content-sha256", &digest)];
    let wrong_payload = endpoint.answer(&line(&signed), &headers, b"the body").await;
    assert!(wrong_payload.starts_with("HTTP/1.1 400 "), "{wrong_payload}");
    assert!(wrong_payload.contains("<Code>XAmzContentSHA256Mismatch</Code>"), "{wrong_payload}");

    let body = vec![b'x'; 3 * 1024 * 1024];
    let length = (body.len() + 1).to_string();
    let cut_short = endpoint.send(&line(&signed), &[("content-length", &length)], &body).await;
    endpoint.until_files_are(1).await;
    drop(cut_short);
    endpoint.until_files_are(0).await;

    let head = endpoint.client.head_object().bucket(BUCKET).key("x").send().await;
    assert_eq!(failure(head).0, 404);
    assert_eq!(endpoint.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn only_the_right_credentials_are_let_in() {
    let endpoint = Endpoint::start().await;
    endpoint.put("x", "the body").await;
    let wrong_secret = client(endpoint.address, ACCESS_KEY, "a guess");
    assert_eq!(failure(wrong_secret.list_buckets().send().await), is(403, "SignatureDoesNotMatch"));
    let unknown_key = client(endpoint.address, "somebody", SECRET_KEY);
    assert_eq!(failure(unknown_key.list_buckets().send().await), is(403, "InvalidAccessKeyId"));
    for request in ["GET /", "GET /archive/x", "HEAD /archive/x", "DELETE /archive/x", "PUT /archive/y"] {
        let answer = endpoint.answer(request, &[("content-length", "0")], b"").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
    }
    assert_eq!(endpoint.files().len(), 1);
}

#[tokio::test]
async fn a_presigned_link_works_until_it_expires_or_is_changed() {
    let endpoint = Endpoint::start().await;
    endpoint.put("x", "the body").await;
    endpoint.put("y", "another body").await;
    let get = endpoint.client.get_object().bucket(BUCKET).key("x");
    let get = get.response_content_disposition("attachment; filename=\"source.tar.zst\"");

    let link = get.clone().presigned(for_an_hour()).await.unwrap();
    let answer = endpoint.answer(&line(&link), &[], b"").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("content-disposition: attachment; filename=\"source.tar.zst\"\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthe body"), "{answer}");

    for (genuine, changed) in [("/x?", "/y?"), ("source.tar", "evil.html"), ("Expires=3600", "Expires=7200")]
    {
        let forged = line(&link).replace(genuine, changed);
        assert_ne!(forged, line(&link));
        let answer = endpoint.answer(&forged, &[], b"").await;
        assert!(answer.contains("<Code>SignatureDoesNotMatch</Code>"), "{changed}: {answer}");
    }

    let an_hour_ago = SystemTime::from(jiff::Timestamp::now()) - Duration::from_secs(3600);
    let expired = PresigningConfig::builder().start_time(an_hour_ago).expires_in(Duration::from_secs(3599));
    let expired = get.presigned(expired.build().unwrap()).await.unwrap();
    let answer = endpoint.answer(&line(&expired), &[], b"").await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("expired"), "{answer}");
}

#[tokio::test]
async fn lists_are_in_byte_order_whatever_the_page() {
    let endpoint = Endpoint::start().await;
    let long = format!("data/{}", "y".repeat(200));
    let mut keys = [
        "config",
        "data-old",
        "data/00/0a",
        "data/00/0b",
        "data/01/0c",
        "data/0",
        "data/",
        "data0",
        "Data",
        "keys/k",
        "locks/l/1",
        "locks/l/2",
        "zz//b",
        "zz/a",
        "ä/ö",
        "ä/z",
        "x y+z",
        &long,
    ];
    keys.sort_unstable();
    for key in keys {
        endpoint.put(key, key).await;
    }
    for prefix in ["", "d", "data", "data/", "data/0", &long, "zz/", "ä", "none"] {
        for delimiter in [None, Some(""), Some("/"), Some("0"), Some("/0")] {
            for after in ["", "data/", "data/00/0a", "data/1", "l", "zzz"] {
                // What S3's rules say, from all the keys.
                let mut expected: Vec<&str> = keys.to_vec();
                expected.retain(|key| key.starts_with(prefix));
                if let Some(delimiter) = delimiter.filter(|delimiter| !delimiter.is_empty()) {
                    for key in &mut expected {
                        if let Some(place) = key[prefix.len()..].find(delimiter) {
                            *key = &key[..prefix.len() + place + delimiter.len()];
                        }
                    }
                    expected.dedup();
                }
                expected.retain(|item| *item > after);

                for page in [1, 2, 1000] {
                    let list = endpoint.client.list_objects_v2().bucket(BUCKET).max_keys(page).prefix(prefix);
                    let list = list.set_delimiter(delimiter.map(str::to_owned)).start_after(after);
                    let mut pages = list.into_paginator().send();
                    let mut items = Vec::new();
                    while let Some(answer) = pages.next().await {
                        let answer = answer.unwrap();
                        let mut found = Vec::new();
                        for object in answer.contents() {
                            let key = object.key().unwrap();
                            assert_eq!(object.size(), Some(i64::try_from(key.len()).unwrap()));
                            assert_eq!(object.e_tag().unwrap().len(), 34);
                            found.push(key.to_owned());
                        }
                        found.extend(
                            answer.common_prefixes().iter().map(|one| one.prefix().unwrap().to_owned()),
                        );
                        found.sort_unstable();
                        assert!(found.len() <= usize::try_from(page).unwrap());
                        assert_eq!(answer.key_count(), i32::try_from(found.len()).ok());
                        items.extend(found);
                    }
                    assert_eq!(items, expected, "{prefix:?} {delimiter:?} {after:?} in pages of {page}");
                }
            }
        }
    }

    // The first version of the operation, which old clients use, and the encoding they ask for.
    let list = endpoint.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(2).marker("locks/");
    let list = list.encoding_type("url".into()).send().await.unwrap();
    assert_eq!(list.contents()[0].key(), Some("x%20y%2Bz"));
    assert_eq!(list.common_prefixes()[0].prefix(), Some("zz/"));
    assert_eq!((list.is_truncated(), list.next_marker()), (Some(true), Some("zz/")));
}

#[tokio::test]
async fn an_object_keeps_what_was_said_of_it_and_obeys_conditions() {
    let endpoint = Endpoint::start().await;
    let client = &endpoint.client;
    let put = client.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(b"0123456789"));
    let put = put.content_type("text/plain").metadata("made-by", "a test").send().await.unwrap();
    let tag = put.e_tag().unwrap();
    assert_eq!(tag, "\"781e5e245d69b566979b86e28d23f2c7\"");

    // The SDK compares the checksum that it sent along with what it reads.
    let whole = client.get_object().bucket(BUCKET).key("x").checksum_mode(ChecksumMode::Enabled);
    let whole = whole.send().await.unwrap();
    assert!(whole.checksum_crc32().is_some());
    assert_eq!((whole.content_type(), whole.content_encoding()), (Some("text/plain"), None));
    assert_eq!(whole.metadata().unwrap()["made-by"], "a test");
    assert_eq!(whole.body.collect().await.unwrap().to_vec(), b"0123456789");

    for (range, part) in [("bytes=2-4", "234"), ("bytes=7-", "789"), ("bytes=-2", "89"), ("bytes=8-99", "89")]
    {
        let answer = client.get_object().bucket(BUCKET).key("x").range(range).send().await.unwrap();
        assert!(answer.content_range().unwrap().ends_with("/10"));
        assert_eq!(answer.body.collect().await.unwrap().to_vec(), part.as_bytes());
    }
    let beyond = client.get_object().bucket(BUCKET).key("x").range("bytes=10-").send().await;
    assert_eq!(failure(beyond), is(416, "InvalidRange"));
    endpoint.put("empty", "").await;
    assert_eq!(endpoint.get("empty").await, b"");
    let of_nothing = client.get_object().bucket(BUCKET).key("empty").range("bytes=-5").send().await;
    assert_eq!(failure(of_nothing), is(416, "InvalidRange"));

    let get = || client.get_object().bucket(BUCKET).key("x");
    assert!(get().if_match(tag).send().await.is_ok());
    assert_eq!(failure(get().if_match("\"other\"").send().await), is(412, "PreconditionFailed"));
    assert!(get().if_none_match("\"other\"").send().await.is_ok());
    assert_eq!(failure(get().if_none_match(tag).send().await).0, 304);

    let replace = |tag: &str| {
        let put = client.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(b"new"));
        put.if_match(tag).send()
    };
    assert_eq!(failure(replace("\"other\"").await), is(412, "PreconditionFailed"));
    assert!(replace(tag).await.is_ok());
    assert_eq!(failure(replace(tag).await), is(412, "PreconditionFailed"));
    let absent = client.put_object().bucket(BUCKET).key("y").if_match(tag).send().await;
    assert_eq!(failure(absent), is(404, "NoSuchKey"));

    let copy = || client.copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/x"));
    copy().key("copies/x").send().await.unwrap();
    assert_eq!(endpoint.get("copies/x").await, b"new");
    assert_eq!(failure(copy().key("x").send().await), is(400, "InvalidRequest"));
    let described = copy().key("x").metadata_directive(MetadataDirective::Replace).content_type("image/png");
    described.send().await.unwrap();
    let head = client.head_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!((head.content_type(), head.content_length()), (Some("image/png"), Some(3)));
}

#[tokio::test]
async fn buckets_come_and_go_and_nothing_works_without_one() {
    let endpoint = Endpoint::start().await;
    let client = &endpoint.client;
    client.get_bucket_location().bucket(BUCKET).send().await.unwrap();
    client.create_bucket().bucket("second").send().await.unwrap();
    let again = client.create_bucket().bucket("second").send().await;
    assert_eq!(failure(again), is(409, "BucketAlreadyOwnedByYou"));
    let buckets = client.list_buckets().send().await.unwrap();
    assert_eq!(
        buckets.buckets().iter().map(|bucket| bucket.name().unwrap()).collect::<Vec<_>>(),
        ["archive", "second"]
    );

    for key in ["a/b/1", "a/b/2", "c"] {
        endpoint.put(key, "x").await;
    }
    assert_eq!(failure(client.delete_bucket().bucket(BUCKET).send().await), is(409, "BucketNotEmpty"));
    let keys = ["a/b/1", "a/b/2", "c", "never there"]
        .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(keys.to_vec())).build().unwrap();
    let deleted = client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (4, 0));
    client.delete_bucket().bucket(BUCKET).send().await.unwrap();
    assert!(!endpoint.folder.path().join("store").join(BUCKET).exists());

    let missing = is(404, "NoSuchBucket");
    // A body that nobody wants is still taken, so that its client hears why.
    let body = ByteStream::from(vec![0; 20 * 1024 * 1024]);
    let put = client.put_object().bucket(BUCKET).key("x").body(body).send().await;
    assert_eq!(failure(put), missing);
    assert_eq!(failure(client.get_object().bucket(BUCKET).key("x").send().await), missing);
    assert_eq!(failure(client.delete_object().bucket(BUCKET).key("x").send().await), missing);
    assert_eq!(failure(client.list_objects_v2().bucket(BUCKET).send().await), missing);
    assert_eq!(failure(client.create_multipart_upload().bucket(BUCKET).key("x").send().await), missing);
    assert_eq!(failure(client.delete_bucket().bucket(BUCKET).send().await), missing);
    assert_eq!(failure(client.head_bucket().bucket(BUCKET).send().await).0, 404);
}
