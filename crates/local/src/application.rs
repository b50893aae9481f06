//! The description of the application that is looked after: the user's file, or the sample's.
//!
//! It must never accept a source that holds the state folder or lies in it: the console's own records
//! would be backed up with the data, and a restore would put old ones in their place.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use nightkeep_domain::application::{Application, Origin, Service};

use crate::{
    Refused,
    folder::Folder,
    sample::{self, Sample},
};

/// The most characters of a service's name; ECS would take more, a file's name does not.
const LONGEST_SERVICE_NAME: usize = 128;

/// A description that was checked.
pub(crate) struct Description {
    /// The text, TOML.
    pub(crate) text: String,
    /// The application's name.
    pub(crate) name: String,
    /// Its services.
    pub(crate) services: Vec<Service>,
    /// The sample, if it is the sample's.
    pub(crate) sample: Option<Sample>,
}

/// The description in `file`, or the sample's if there is none. If the page has `page_port` 0, which is
/// any, so has the sample.
///
/// # Errors
/// [`Refused`] if it cannot be read or used.
pub(crate) fn describe(file: Option<&Path>, folder: &Folder, page_port: u16) -> anyhow::Result<Description> {
    let Some(file) = file else {
        let (text, sample) = sample::prepare(folder, page_port)?;
        let Application { name, services, .. } = Application::parse(&text)?;
        return Ok(Description { text, name, services, sample: Some(sample) });
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
    check_services(&application.services).map_err(refuse)?;
    let Application { name, services, source_code, .. } = application;
    let text = if source_code.is_none() { with_current_folder(&text) } else { text };
    Ok(Description { text, name, services, sample: None })
}

/// A description that names no source code, with the folder that the program was started in as that.
fn with_current_folder(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    format!("{}{text}", current_folder())
}

/// The folder that the program was started in, as a description's first line. It may be anything, so it
/// is left out if it cannot be named.
pub(crate) fn current_folder() -> String {
    let current = std::env::current_dir().ok();
    let quoted = current.as_deref().and_then(Path::to_str).map(toml_text);
    quoted.map(|folder| format!("source_code = {folder}\n")).unwrap_or_default()
}

/// A basic string of TOML.
pub(crate) fn toml_text(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted += &format!("\\u{:04X}", u32::from(control)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Why services cannot be run on this machine.
fn check_services(services: &[Service]) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    for (position, service) in services.iter().enumerate() {
        let name = &service.name;
        if name.is_empty() || name.len() > LONGEST_SERVICE_NAME || !name.chars().all(fits) {
            return Err(format!(
                "the service name “{name}” has to be 1 to {LONGEST_SERVICE_NAME} letters, digits, - or _"
            ));
        }
        let Some(port) = service.port else { continue };
        if port == 0 {
            return Err(format!("the service “{name}” has the port 0; give the one that it listens on"));
        }
        if service.desired > 1 {
            return Err(format!(
                "the service “{name}” has a port and desired = {}, but only one task can listen on a port",
                service.desired
            ));
        }
        if let Some(other) = services[..position].iter().find(|other| other.port == Some(port)) {
            return Err(format!("the services “{}” and “{name}” both have port {port}", other.name));
        }
    }
    Ok(())
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
        describe(Some(&file), &folder, 0)
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
        let missing = describe(Some(Path::new("/nowhere/app.toml")), &folder, 0).err().unwrap();
        assert!(missing.is::<Refused>() && missing.to_string().contains("/nowhere/app.toml"), "{missing}");
    }

    #[test]
    fn the_source_code_is_the_current_folder_unless_the_description_names_another() {
        let current = std::env::current_dir().unwrap();
        let source_code = |head: &str| {
            let text = described(|state| format!("{head}{}", source(&state.with_file_name("data"))));
            Application::parse(&text.unwrap().text).unwrap().source_code.unwrap()
        };
        assert_eq!(source_code("\u{feff}# a comment\n"), current);
        assert_eq!(source_code("source_code = \"/srv/app\"\n"), Path::new("/srv/app"));
    }

    #[test]
    fn a_text_is_the_same_once_it_is_read_as_toml() {
        let value = "a \"path\" with \\ and\ttabs\u{7f}, ü";
        let text = format!(
            "name = {}\n{}",
            toml_text(value),
            source(Path::new("/a")).replacen("name = \"A\"\n", "", 1)
        );
        assert_eq!(Application::parse(&text).unwrap().name, value);
    }

    #[test]
    fn services_that_this_machine_cannot_run_are_refused_by_their_names() {
        let cases = [
            ("name = \"a/b\"", "“a/b”"),
            ("name = \"web\"\nport = 0", "port 0"),
            ("name = \"web\"\nport = 8090\ndesired = 2", "desired = 2"),
            (
                "name = \"web\"\nport = 8090\n[[service]]\ncommand = [\"a\"]\nname = \"api\"\nport = 8090",
                "both",
            ),
        ];
        for (fields, expected) in cases {
            let service = format!("[[service]]\ncommand = [\"a\"]\n{fields}\n");
            let text = |state: &Path| source(&state.with_file_name("data")) + &service;
            let error = described(text).err().unwrap();
            assert!(error.is::<Refused>() && error.to_string().contains(expected), "{error}");
        }
        let none = "[[service]]\ncommand = [\"a\"]\nname = \"web\"\ndesired = 0\nport = 8090\n";
        described(|state| source(&state.with_file_name("data")) + none).unwrap();
    }

    #[test]
    fn the_sample_is_made_once_and_then_left_to_its_user() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("state")).unwrap();
        let sample = describe(None, &folder, 0).unwrap();
        let uploads = sample.sample.unwrap().home.join("uploads");
        fs::write(uploads.join("welcome.txt"), "mine").unwrap();
        fs::remove_file(uploads.join("settings.json")).unwrap();
        describe(None, &folder, 0).unwrap();
        assert_eq!(fs::read_to_string(uploads.join("welcome.txt")).unwrap(), "mine");
        assert!(!uploads.join("settings.json").exists());
    }
}
