//! Lists of objects, a page at a time.
//!
//! A page costs the reading of the folders it touches and of the end of each file it names, never
//! of a body, and folders that cannot hold anything of it are not read. Its items, keys and common
//! prefixes alike, come in byte order, so that the last one says where the next page begins.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::Path;

use s3s::dto::{CommonPrefix, EncodingType, Object, ObjectStorageClass};
use s3s::{S3Result, s3_error};

use super::fields::signed;
use super::names::{self, Kind};
use super::object::{Metadata, Stored};

/// The most items S3 puts into one page.
pub(super) const PAGE: usize = 1000;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// Only keys that begin with this.
    pub(super) prefix: String,
    /// Keys that are the same up to and including its first place after the prefix become one item.
    pub(super) delimiter: Option<String>,
    /// Only items after this one.
    pub(super) after: String,
    /// At most this many items.
    pub(super) limit: usize,
}

/// One page of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Metadata)>,
    pub(super) common_prefixes: Vec<String>,
    /// The last item of this page, if there are items after it.
    pub(super) next: Option<String>,
}

/// Lists the objects below the folder `objects`.
pub(super) fn page(objects: &Path, query: &Query) -> io::Result<Page> {
    let mut walk = Walk { query, page: Page::default(), last: String::new() };
    // Nothing is asked for, so nothing is cut off either.
    if query.limit > 0 {
        let _ = walk.folder(objects, b"")?;
    }
    Ok(walk.page)
}

struct Walk<'a> {
    query: &'a Query,
    page: Page,
    /// The last item of the page so far.
    last: String,
}

impl Walk<'_> {
    /// Takes what is in `folder`, where all keys begin with `start`; breaks when the page is full.
    fn folder(&mut self, folder: &Path, start: &[u8]) -> io::Result<ControlFlow<()>> {
        for entry in names::entries(folder)? {
            let key = [start, &entry.part].concat();
            let flow = match entry.kind {
                Kind::Folder | Kind::Chunk if self.may_hold(&key) => self.folder(&entry.path, &key)?,
                Kind::Folder | Kind::Chunk => ControlFlow::Continue(()),
                Kind::Object => self.object(&entry.path, &key)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether keys that begin with `start` can add to the page.
    fn may_hold(&self, start: &[u8]) -> bool {
        let prefix = self.query.prefix.as_bytes();
        let after = self.query.after.as_bytes();
        (start.starts_with(prefix) || prefix.starts_with(start))
            && (start > after || after.starts_with(start))
            && !self.is_rolled_up(start)
    }

    /// Whether keys that begin with `start` belong to the common prefix that was listed last.
    fn is_rolled_up(&self, start: &[u8]) -> bool {
        self.page.common_prefixes.last().is_some_and(|prefix| start.starts_with(prefix.as_bytes()))
    }

    fn object(&mut self, path: &Path, key: &[u8]) -> io::Result<ControlFlow<()>> {
        let listed =
            str::from_utf8(key).ok().and_then(|key| Some((key, key.strip_prefix(&self.query.prefix)?)));
        let Some((key, rest)) = listed else { return Ok(ControlFlow::Continue(())) };
        let delimiter = self.query.delimiter.as_deref();
        let common = delimiter.and_then(|delimiter| {
            let end = self.query.prefix.len() + rest.find(delimiter)? + delimiter.len();
            key.get(..end)
        });
        let item = common.unwrap_or(key);
        if item <= self.query.after.as_str() || self.is_rolled_up(item.as_bytes()) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.page.objects.len() + self.page.common_prefixes.len() == self.query.limit {
            self.page.next = Some(std::mem::take(&mut self.last));
            return Ok(ControlFlow::Break(()));
        }
        match common {
            Some(prefix) => self.page.common_prefixes.push(prefix.to_owned()),
            None => match Stored::open(path) {
                // It was removed after its folder was read.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("the object {key:?}: {error}")));
                }
                Ok(stored) => self.page.objects.push((key.to_owned(), stored.metadata)),
            },
        }
        self.last = item.to_owned();
        Ok(ControlFlow::Continue(()))
    }
}

/// How the names in a list are written: a client can ask for percent-encoding, because XML cannot
/// carry every character that a key may have.
pub(super) struct Names(pub(super) Option<EncodingType>);

impl Names {
    pub(super) fn encode(&self, name: &str) -> String {
        match &self.0 {
            Some(encoding) if encoding.as_str() == EncodingType::URL => percent_encoded(name),
            _ => name.to_owned(),
        }
    }

    pub(super) fn objects(&self, objects: &[(String, Metadata)]) -> Vec<Object> {
        let listed = objects.iter().map(|(key, metadata)| Object {
            key: Some(self.encode(key)),
            e_tag: Some(metadata.entity_tag()),
            size: signed(metadata.size),
            last_modified: Some(metadata.last_modified()),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Default::default()
        });
        listed.collect()
    }

    pub(super) fn common_prefixes(&self, prefixes: &[String]) -> Vec<CommonPrefix> {
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.encode(prefix)) }).collect()
    }
}

pub(super) fn percent_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                encoded.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    encoded
}

/// The item after which the next page begins, from the token that an earlier page ended with.
pub(super) fn read_token(token: &str) -> S3Result<String> {
    let item = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    item.ok_or_else(|| {
        s3_error!(InvalidArgument, "reading the continuation token {token:?}: it is not one of ours")
    })
}

/// restic sends an empty delimiter and means none.
pub(super) fn delimiter(sent: Option<String>) -> Option<String> {
    sent.filter(|delimiter| !delimiter.is_empty())
}

/// How long a page may be.
pub(super) fn limit(asked: Option<i32>) -> S3Result<usize> {
    let Some(asked) = asked else { return Ok(PAGE) };
    match usize::try_from(asked) {
        Ok(asked) => Ok(asked.min(PAGE)),
        Err(_) => Err(s3_error!(InvalidArgument, "reading the length of a page: {asked} is less than none")),
    }
}
