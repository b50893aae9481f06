//! The application that is looked after, as its people describe it in TOML: its name and where its
//! data is.

use std::path::PathBuf;

use serde::Deserialize;

/// The application's description.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its name, for people.
    pub name: String,
    /// Where its data is. At least one.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
    /// The folder of its source code, for a download.
    #[serde(default)]
    pub source_code: Option<PathBuf>,
    /// Its services, on one machine; on AWS they are those of the cluster.
    #[serde(default, rename = "service")]
    pub services: Vec<Service>,
}

/// A service of the application, which one machine runs as ECS would.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How many tasks it should have.
    #[serde(default = "one")]
    pub desired: u32,
    /// The port on which a task answers once it is healthy; none if it has none.
    #[serde(default)]
    pub port: Option<u16>,
}

fn one() -> u32 {
    1
}

/// A part of the application's data that is backed up as one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SourceText")]
pub struct Source {
    /// Its name, for people and for the repository: letters, digits, `-` and `_`.
    pub name: String,
    /// Where the data comes from.
    pub origin: Origin,
}

/// Where the data of a source comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// All that is in a folder.
    Directory(PathBuf),
    /// What a command writes to its standard output.
    Dump {
        /// The command.
        dump: Vec<String>,
        /// The command that reads it back from its standard input; without it the source cannot be
        /// restored.
        load: Option<Vec<String>>,
    },
}

/// Why a text is not the description of an application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// It is not TOML, or has a field that is unknown or of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// A name is empty.
    #[error("“name” is empty")]
    NoName,
    /// There is nothing to back up.
    #[error("it has no [[source]]: at least one is needed")]
    NoSource,
    /// Two sources, or two services, have one name.
    #[error("two {what} are named “{name}”: each needs a name of its own")]
    TwiceNamed {
        /// Sources or services.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The folder of the source code is not an absolute path.
    #[error("“source_code” is “{0}”, which is not an absolute path")]
    RelativeSourceCode(String),
    /// A service cannot be run.
    #[error("the service “{0}” has no command")]
    NoCommand(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceText {
    name: String,
    directory: Option<PathBuf>,
    dump: Option<Vec<String>>,
    load: Option<Vec<String>>,
}

impl TryFrom<SourceText> for Source {
    type Error = String;

    fn try_from(text: SourceText) -> Result<Self, String> {
        let name = text.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(format!("the source name “{name}” has to be 1 to 64 letters, digits, - or _"));
        }
        let is_command = |command: &[String]| command.first().is_some_and(|program| !program.is_empty());
        let origin = match (text.directory, text.dump, text.load) {
            (Some(directory), None, None) if directory.is_absolute() => Origin::Directory(directory),
            (Some(directory), None, None) => {
                return Err(format!(
                    "the directory “{}” of source “{name}” is not an absolute path",
                    directory.display()
                ));
            }
            (None, Some(dump), _) if !is_command(&dump) => {
                return Err(format!("the dump command of source “{name}” is empty"));
            }
            (None, Some(_), Some(load)) if !is_command(&load) => {
                return Err(format!("the load command of source “{name}” is empty"));
            }
            (None, Some(dump), load) => Origin::Dump { dump, load },
            (Some(_), None, Some(_)) => {
                return Err(format!("source “{name}” is a directory: “load” belongs to a dump"));
            }
            (Some(_), Some(_), _) | (None, None, _) => {
                return Err(format!("source “{name}” needs either “directory” or “dump”, and not both"));
            }
        };
        Ok(Self { name, origin })
    }
}

impl Application {
    /// Reads a description.
    ///
    /// # Errors
    /// If it is not TOML, has unknown fields, or names no source or one name twice.
    pub fn parse(text: &str) -> Result<Self, ApplicationError> {
        let application: Self = toml::from_str(text)
            .map_err(|error| ApplicationError::Syntax(error.to_string().trim_end().to_owned()))?;
        if application.name.trim().is_empty() {
            return Err(ApplicationError::NoName);
        }
        if application.sources.is_empty() {
            return Err(ApplicationError::NoSource);
        }
        let sources = application.sources.iter().map(|source| ("sources", source.name.as_str()));
        let services = application.services.iter().map(|service| ("services", service.name.as_str()));
        let mut named = std::collections::BTreeSet::new();
        for (what, name) in sources.chain(services) {
            if !named.insert((what, name)) {
                return Err(ApplicationError::TwiceNamed { what, name: name.to_owned() });
            }
        }
        if let Some(folder) = application.source_code.as_ref().filter(|folder| !folder.is_absolute()) {
            return Err(ApplicationError::RelativeSourceCode(folder.display().to_string()));
        }
        let commandless = |service: &&Service| service.command.first().is_none_or(String::is_empty);
        if let Some(service) = application.services.iter().find(commandless) {
            return Err(ApplicationError::NoCommand(service.name.clone()));
        }
        Ok(application)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DESCRIPTION: &str = "name = \"Guest book\"\nsource_code = \"/srv/code\"\n\
        [[source]]\nname = \"uploads\"\ndirectory = \"/srv/app\"\n\
        [[source]]\nname = \"database\"\ndump = [\"pg_dump\"]\nload = [\"psql\"]\n\
        [[service]]\nname = \"web\"\ncommand = [\"serve\"]\nport = 80\n";

    proptest! {
        /// A description that was cut, torn or written over is read, or refused with a reason. What is read
        /// has what everything else relies on.
        #[test]
        fn any_text_is_a_description_or_refused(from in 0..DESCRIPTION.len(), length in 0_usize..40, put in "\\PC{0,20}|[\\[\\]=\"{}\\n a-z0-9./]{0,30}") {
            let from = (0..=from).rev().find(|at| DESCRIPTION.is_char_boundary(*at)).unwrap_or(0);
            let rest = DESCRIPTION.get(from + length..).unwrap_or_default();
            match Application::parse(&format!("{}{put}{rest}", &DESCRIPTION[..from])) {
                Ok(application) => {
                    prop_assert!(!application.name.trim().is_empty() && !application.sources.is_empty());
                    let names: std::collections::BTreeSet<_> =
                        application.sources.iter().map(|source| &source.name).collect();
                    prop_assert_eq!(names.len(), application.sources.len());
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn a_description_names_its_sources() {
        let application = Application::parse(
            "name = \"Guest book\"\n[[source]]\nname = \"uploads\"\ndirectory = \"/srv/app\"\n[[source]]\nname = \"database\"\ndump = [\"pg_dump\", \"--clean\"]\n",
        )
        .unwrap();
        assert_eq!(application.name, "Guest book");
        assert_eq!(application.sources[0].origin, Origin::Directory("/srv/app".into()));
        assert_eq!(
            application.sources[1].origin,
            Origin::Dump { dump: vec!["pg_dump".into(), "--clean".into()], load: None }
        );
    }

    #[test]
    fn what_is_wrong_with_a_description_is_named() {
        let cases = [
            ("name = ", "TOML parse error"),
            ("name = \"a\"", "no [[source]]"),
            ("name = \"\"\n[[source]]\nname=\"a\"\ndirectory=\"/a\"", "“name” is empty"),
            ("name = \"a\"\ncolour = 1", "unknown field `colour`"),
            ("name = \"a\"\n[[source]]\nname = \"u\"\ndirectory = \"relative\"", "not an absolute path"),
            ("name = \"a\"\n[[source]]\nname = \"u\"", "either “directory” or “dump”"),
            ("name = \"a\"\n[[source]]\nname = \"u\"\ndump = []", "dump command of source “u” is empty"),
            ("name = \"a\"\n[[source]]\nname = \"../u\"\ndirectory = \"/a\"", "source name “../u”"),
            (
                "name = \"a\"\n[[source]]\nname = \"u\"\ndirectory = \"/a\"\n[[source]]\nname = \"u\"\ndirectory = \"/b\"",
                "two sources are named “u”",
            ),
        ];
        for (text, expected) in cases {
            let error = Application::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
