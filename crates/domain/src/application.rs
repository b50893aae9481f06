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
    Dump(Vec<String>),
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
    /// Two sources have one name.
    #[error("two sources are named “{0}”: each needs a name of its own")]
    TwiceNamed(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceText {
    name: String,
    directory: Option<PathBuf>,
    dump: Option<Vec<String>>,
}

impl TryFrom<SourceText> for Source {
    type Error = String;

    fn try_from(text: SourceText) -> Result<Self, String> {
        let name = text.name;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(format!("the source name “{name}” has to be 1 to 64 letters, digits, - or _"));
        }
        let origin = match (text.directory, text.dump) {
            (Some(directory), None) if directory.is_absolute() => Origin::Directory(directory),
            (Some(directory), None) => {
                return Err(format!(
                    "the directory “{}” of source “{name}” is not an absolute path",
                    directory.display()
                ));
            }
            (None, Some(command)) if command.first().is_some_and(|program| !program.is_empty()) => {
                Origin::Dump(command)
            }
            (None, Some(_)) => return Err(format!("the dump command of source “{name}” is empty")),
            (Some(_), Some(_)) | (None, None) => {
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
        for (position, source) in application.sources.iter().enumerate() {
            if application.sources[..position].iter().any(|earlier| earlier.name == source.name) {
                return Err(ApplicationError::TwiceNamed(source.name.clone()));
            }
        }
        Ok(application)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_its_sources() {
        let application = Application::parse(
            "name = \"Guest book\"\n[[source]]\nname = \"uploads\"\ndirectory = \"/srv/app\"\n[[source]]\nname = \"database\"\ndump = [\"pg_dump\", \"--clean\"]\n",
        )
        .unwrap();
        assert_eq!(application.name, "Guest book");
        assert_eq!(application.sources[0].origin, Origin::Directory("/srv/app".into()));
        assert_eq!(application.sources[1].origin, Origin::Dump(vec!["pg_dump".into(), "--clean".into()]));
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
