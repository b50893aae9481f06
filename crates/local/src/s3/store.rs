//! The store's folders, and the only place where an object gets or loses its name.
//!
//! A name is given by one rename and taken by one removal, both while a lock is held, so that what
//! a condition saw is still so when it acts. Bodies are written and read outside of the lock. It
//! must never answer before what it answers is on disk: the file, and each folder that leads to it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use s3s::dto::Timestamp;
use s3s::{S3Result, s3_error};

use super::conditions::Condition;
use super::errors::Explain;
use super::names::{self, Kind};
use super::object::{Metadata, Stored};
use super::write::Written;

/// The folder that makes a folder of the store a bucket.
const OBJECTS: &str = "objects";
const UPLOADS: &str = "uploads";
const TEMPORARY: &str = "temporary";

/// All buckets, below one folder. At most one store may be open on a folder at a time.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    naming: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the store in the folder `root`, which need not exist, and removes what a crash left
    /// half-written.
    ///
    /// # Errors
    ///
    /// When a folder cannot be created, read or cleared.
    pub fn new(root: PathBuf) -> anyhow::Result<Self> {
        let opening = || format!("opening the object store in {}", root.display());
        fs::create_dir_all(&root).with_context(opening)?;
        let store = Self { root: root.canonicalize().with_context(opening)?, naming: Arc::default() };
        for (name, _) in store.buckets().with_context(opening)? {
            store.at(&name).recover().with_context(|| format!("clearing the bucket {name:?}"))?;
        }
        Ok(store)
    }

    /// The bucket `name`, if there is one.
    pub(super) fn bucket(&self, name: &str) -> S3Result<Bucket> {
        let bucket = self.at(name);
        bucket.must_exist()?;
        Ok(bucket)
    }

    /// The names of the buckets in order, and when each was created.
    pub(super) fn buckets(&self) -> io::Result<Vec<(String, Timestamp)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && self.at(&name).exists()
            {
                // Nothing comes or goes in a bucket's own folder once it has been created.
                buckets.push((name, Timestamp::from(entry.metadata()?.modified()?)));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    pub(super) fn create_bucket(&self, name: &str) -> S3Result<()> {
        let bucket = self.at(name);
        let _naming = bucket.lock();
        if bucket.exists() {
            return Err(s3_error!(BucketAlreadyOwnedByYou, "creating the bucket {name:?}: it exists"));
        }
        bucket.create().and_then(|()| sync(&bucket.folder, &self.root)).explain(|| bucket.doing("creating"))
    }

    /// Removes a bucket that holds no object, and the multipart uploads under way in it.
    pub(super) fn delete_bucket(&self, name: &str) -> S3Result<()> {
        let bucket = self.at(name);
        let _naming = bucket.lock();
        bucket.must_exist()?;
        let doing = || bucket.doing("deleting");
        if holds_an_object(&bucket.objects()).explain(doing)? {
            return Err(s3_error!(BucketNotEmpty, "deleting the bucket {name:?}: it holds objects"));
        }
        // It stops being a bucket only after its uploads are gone, or they would come back with it.
        fs::remove_dir_all(bucket.uploads())
            .and_then(|()| fs::remove_dir_all(bucket.objects()))
            .and_then(|()| fs::remove_dir_all(&bucket.folder))
            .and_then(|()| sync(&self.root, &self.root))
            .explain(doing)
    }

    fn at(&self, name: &str) -> Bucket {
        Bucket { name: name.to_owned(), folder: self.root.join(name), naming: Arc::clone(&self.naming) }
    }
}

/// One bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    name: String,
    folder: PathBuf,
    naming: Arc<Mutex<()>>,
}

impl Bucket {
    pub(super) fn objects(&self) -> PathBuf {
        self.folder.join(OBJECTS)
    }

    pub(super) fn uploads(&self) -> PathBuf {
        self.folder.join(UPLOADS)
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.folder.join(TEMPORARY)
    }

    /// Opens the object `key` for reading.
    pub(super) fn open(&self, key: &str) -> S3Result<Stored> {
        match Stored::open(&names::path_of(&self.objects(), key)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(s3_error!(
                NoSuchKey,
                "reading the object {key:?} of the bucket {:?}: it is not there",
                self.name
            )),
            opened => opened.explain(|| self.doing_to("reading", key)),
        }
    }

    /// Gives a written object its name, in place of the object that had it, if the condition holds.
    pub(super) fn publish(&self, written: Written, key: &str, condition: &Condition) -> S3Result<Metadata> {
        let objects = self.objects();
        let path = names::path_of(&objects, key);
        let folder = path.parent().unwrap_or(&objects);
        let doing = || self.doing_to("publishing", key);

        let naming = self.lock();
        // The bucket may have been deleted while the body came.
        self.must_exist()?;
        condition.check(&path, key)?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::rename(written.temporary.path(), &path))
            .explain(doing)?;
        drop(naming);

        sync(folder, &objects).explain(doing)?;
        Ok(written.metadata)
    }

    /// Removes each object whose condition holds. One that is not there counts as removed.
    pub(super) fn remove(&self, keys: &[(String, Condition)]) -> S3Result<Vec<S3Result<()>>> {
        let objects = self.objects();
        let mut changed = BTreeSet::new();
        let results = keys.iter().map(|(key, condition)| {
            changed.extend(self.unlink(&objects, key, condition)?);
            Ok(())
        });
        let results = results.collect();
        for folder in changed {
            sync(&folder, &objects).explain(|| self.doing("removing objects from"))?;
        }
        Ok(results)
    }

    /// Removes an object, and the folders that are empty without it. Returns the folder that
    /// changed, if one did; the change is not on disk yet.
    fn unlink(&self, objects: &Path, key: &str, condition: &Condition) -> S3Result<Option<PathBuf>> {
        let path = names::path_of(objects, key);
        let _naming = self.lock();
        self.must_exist()?;
        condition.check(&path, key)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            removed => removed.explain(|| self.doing_to("removing", key))?,
        }
        let mut folder = path.parent().unwrap_or(objects);
        while folder != objects && fs::remove_dir(folder).is_ok() {
            folder = folder.parent().unwrap_or(objects);
        }
        Ok(Some(folder.to_path_buf()))
    }

    fn exists(&self) -> bool {
        self.objects().is_dir()
    }

    fn must_exist(&self) -> S3Result<()> {
        if self.exists() {
            return Ok(());
        }
        Err(s3_error!(NoSuchBucket, "looking for the bucket {:?}: it is not there", self.name))
    }

    fn create(&self) -> io::Result<()> {
        fs::create_dir_all(self.temporary())?;
        fs::create_dir_all(self.uploads())?;
        fs::create_dir_all(self.objects())?;
        sync(&self.objects(), &self.folder)
    }

    /// Puts back what a crash may have left incomplete.
    fn recover(&self) -> io::Result<()> {
        self.create()?;
        for entry in fs::read_dir(self.temporary())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps every name as it is. There is no state behind the lock that a panic could damage.
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.naming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doing(&self, verb: &str) -> String {
        format!("{verb} the bucket {:?}", self.name)
    }

    fn doing_to(&self, verb: &str, key: &str) -> String {
        format!("{verb} the object {key:?} of the bucket {:?}", self.name)
    }
}

/// Runs work that waits for the disk where it holds up no other request.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(s3_error!(InternalError, "working on the object store: {error}")),
    }
}

/// Brings the entries of `folder`, and of the folders above it up to `top`, to the disk. All of
/// them, because another request may have created one and not come to this yet; those without
/// changes cost next to nothing. A folder that is gone went with its entries.
pub(super) fn sync(folder: &Path, top: &Path) -> io::Result<()> {
    for folder in folder.ancestors() {
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            synchronised => synchronised?,
        }
        if folder == top {
            break;
        }
    }
    Ok(())
}

/// Whether there is an object below `folder`: folders alone may be left by a crash.
fn holds_an_object(folder: &Path) -> io::Result<bool> {
    for entry in names::entries(folder)? {
        if entry.kind == Kind::Object || holds_an_object(&entry.path)? {
            return Ok(true);
        }
    }
    Ok(false)
}
