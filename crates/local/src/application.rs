//! The description of the application that is looked after: the user's file, or the sample's.
//!
//! It must never accept a source that holds the state folder or lies in it: the console's own records
//! would be backed up with the data, and a restore would put old ones in their place.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use nightkeep_domain::application::{Application, Origin};

use crate::{Refused, folder::Folder, sample};

/// A description that was checked.
pub(crate) struct Description {
    /// The text, TOML.
    pub(crate) text: String,
    /// The application's name.
    pub(crate) name: String,
    /// Whether it is the sample's.
    pub(crate) sample: Option<PathBuf>,
}

/// The description in `file`, or the sample's if there is none.
///
/// # Errors
/// [`Refused`] if it cannot be read or used.
pub(crate) fn describe(file: Option<&Path>, folder: &Folder) -> anyhow::Result<Description> {
    let Some(file) = file else {
        let (text, home) = sample::prepare(folder)?;
        let name = Application::parse(&text)?.name;
        return Ok(Description { text, name, sample: Some(home) });
    };
    let refuse = |why: String| Refused(format!("the application’s description {}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            refuse("there is no such file; check the path given by --application".to_owned())
        }
        _ => refuse(format!("it cannot be read: {error}")),
    })?;
    let application = Application::parse(&text)
        .map_err(|error| refuse(format!("{error}\n\nCorrect it and start again.")))?;
    for source in &application.sources {
        let Origin::Directory(directory) = &source.origin else { continue };
        let place = resolved(directory);
        let state = folder.path();
        if place.starts_with(state) || state.starts_with(&place) {
            return Err(refuse(format!(
                "the folder {} of source “{}” and the state folder {} lie one within the other, so that Nightkeep’s \
                 own records would be backed up and restored with the data; move the state elsewhere with --state, \
                 or choose another folder for the source",
                directory.display(),
                source.name,
                state.display()
            ))
            .into());
        }
    }
    Ok(Description { text, name: application.name, sample: None })
}

/// Where a path leads, as far as it exists; what does not exist yet is taken by its words.
fn resolved(path: &Path) -> PathBuf {
    for known in path.ancestors() {
        let Ok(real) = fs::canonicalize(known) else { continue };
        let rest = path.strip_prefix(known).unwrap_or(Path::new(""));
        return rest.components().fold(real, |mut place, part| {
            match part {
                Component::ParentDir => {
                    place.pop();
                }
                Component::Normal(name) => place.push(name),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
            place
        });
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a description with this text, in a state folder of its own.
    fn described(text: impl FnOnce(&Path) -> String) -> anyhow::Result<Description> {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("state")).unwrap();
        let file = home.path().join("application.toml");
        fs::write(&file, text(folder.path())).unwrap();
        describe(Some(&file), &folder)
    }

    fn source(directory: &Path) -> String {
        format!("name = \"A\"\n[[source]]\nname = \"data\"\ndirectory = \"{}\"\n", directory.display())
    }

    #[test]
    fn s16_a_source_that_holds_the_state_folder_or_lies_in_it_is_refused() {
        let places: [fn(&Path) -> PathBuf; 5] = [
            |state| state.to_owned(),
            |state| state.join("s3/not-there-yet"),
            |state| state.parent().unwrap().to_owned(),
            |state| state.join("../elsewhere/../state/ecs"),
            |state| {
                let link = state.with_file_name("link");
                std::os::unix::fs::symlink(state, &link).unwrap();
                link.join("cache")
            },
        ];
        for place in places {
            let error = described(|state| source(&place(state))).err().unwrap();
            assert!(error.is::<Refused>(), "{error}");
            for expected in ["application.toml", "data", "--state"] {
                assert!(error.to_string().contains(expected), "{error}");
            }
        }
    }

    #[test]
    fn a_source_elsewhere_is_accepted_even_if_it_is_not_there() {
        described(|state| source(&state.with_file_name("state-of-affairs"))).unwrap();
    }

    #[test]
    fn a_description_that_cannot_be_used_is_refused_by_its_name() {
        let broken = described(|_| "name = ".to_owned()).err().unwrap();
        assert!(broken.is::<Refused>() && broken.to_string().contains("application.toml"), "{broken}");
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("state")).unwrap();
        let missing = describe(Some(Path::new("/nowhere/app.toml")), &folder).err().unwrap();
        assert!(missing.is::<Refused>() && missing.to_string().contains("/nowhere/app.toml"), "{missing}");
    }

    #[test]
    fn the_sample_is_made_once_and_then_left_to_its_user() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("state")).unwrap();
        let sample = describe(None, &folder).unwrap();
        let uploads = sample.sample.unwrap().join("uploads");
        fs::write(uploads.join("welcome.txt"), "mine").unwrap();
        fs::remove_file(uploads.join("guests.csv")).unwrap();
        describe(None, &folder).unwrap();
        assert_eq!(fs::read_to_string(uploads.join("welcome.txt")).unwrap(), "mine");
        assert!(!uploads.join("guests.csv").exists());
    }
}
