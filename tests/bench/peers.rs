//! What others do with the same data: plain restic and rclone on the same S3 endpoint, borg and
//! `tar | zstd` on a folder. Each as it is installed, with its own defaults.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A tool, with a place of its own for one round.
pub(crate) struct Peer {
    pub(crate) tool: Tool,
    /// For what it keeps on disk.
    place: PathBuf,
    /// How it finds the S3 endpoint.
    environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Restic,
    Borg,
    TarZstd,
    Rclone,
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Restic, Self::Borg, Self::TarZstd, Self::Rclone];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Restic => "restic",
            Self::Borg => "borg",
            Self::TarZstd => "tar, zstd",
            Self::Rclone => "rclone",
        }
    }

    /// Its version, in its own words.
    pub(crate) fn version(self) -> String {
        let command = match self {
            Self::Restic => "restic version",
            Self::Borg => "target/bench/tools/bin/borg --version",
            Self::TarZstd => "tar --version | head -n 1; zstd --version",
            Self::Rclone => "rclone version | head -n 1",
        };
        let output = nightkeep_tests::run(Command::new("sh").args(["-c", command]).current_dir(root()));
        String::from_utf8_lossy(&output.stdout).trim().replace('\n', ", ")
    }
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

impl Peer {
    pub(crate) fn new(tool: Tool, place: &Path, environment: BTreeMap<String, String>) -> Self {
        let peer = Self { tool, place: place.join(format!("{tool:?}")), environment };
        fs::create_dir_all(&peer.place).unwrap();
        match tool {
            Tool::Restic => nightkeep_tests::run(&mut peer.command("restic init")),
            Tool::Borg => {
                nightkeep_tests::run(&mut peer.command("borg init --encryption repokey repository"))
            }
            Tool::TarZstd | Tool::Rclone => return peer,
        };
        peer
    }

    /// Empties its cache, as on a machine that has not seen the repository before.
    pub(crate) fn forget_cache(&self) {
        // There may be none yet.
        let _ = fs::remove_dir_all(self.place.join("cache"));
    }

    /// Backs up a folder, in full or what has changed.
    pub(crate) fn back_up(&self, folder: &Path, number: u32) -> Command {
        let folder = folder.display();
        self.command(&match self.tool {
            Tool::Restic => format!("restic backup '{folder}'"),
            Tool::Borg => format!("borg create 'repository::{number}' '{folder}'"),
            Tool::TarZstd => format!("tar --create '{folder}' | zstd -T2 -3 --force -o archive"),
            Tool::Rclone => format!("rclone sync --links '{folder}' :s3:nightkeep/rclone"),
        })
    }

    /// Backs up what a command says.
    pub(crate) fn back_up_dump(&self, file: &Path, number: u32) -> Option<Command> {
        let file = file.display();
        Some(self.command(&match self.tool {
            Tool::Restic => format!("cat '{file}' | restic backup --stdin --stdin-filename dump"),
            Tool::Borg => format!("cat '{file}' | borg create 'repository::dump-{number}' -"),
            Tool::TarZstd => format!("cat '{file}' | zstd -T2 -3 --force -o dump"),
            Tool::Rclone => return None,
        }))
    }

    /// Restores a backup of a folder: its whole path below `above`; or, as rclone knows no paths, `folder`.
    pub(crate) fn restore(&self, number: u32, above: &Path, folder: &Path) -> Command {
        fs::create_dir_all(above).unwrap();
        let (place, above, folder) = (self.place.display(), above.display(), folder.display());
        self.command(&match self.tool {
            Tool::Restic => format!("restic restore latest --target '{above}'"),
            Tool::Borg => format!("cd '{above}' && borg extract '{place}/repository::{number}'"),
            Tool::TarZstd => {
                format!("zstd --decompress --stdout archive | tar --extract --directory '{above}'")
            }
            Tool::Rclone => format!("rclone sync --links :s3:nightkeep/rclone '{folder}'"),
        })
    }

    /// Where this tool restores to when nothing is there yet: the place of a folder below it.
    pub(crate) fn restored(&self, folder: &Path) -> PathBuf {
        self.place.join("restored").join(folder.strip_prefix("/").unwrap_or(folder))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&self.place).env_clear();
        let own = |name: &str| self.environment.get(name).cloned().unwrap_or_default();
        let endpoint = own("AWS_ENDPOINT_URL_S3");
        let tools = root().join("target/bench/tools/bin");
        for (name, value) in [
            ("PATH", format!("{}:/usr/bin:/bin", tools.display())),
            ("HOME", self.place.display().to_string()),
            ("AWS_ACCESS_KEY_ID", own("AWS_ACCESS_KEY_ID")),
            ("AWS_SECRET_ACCESS_KEY", own("AWS_SECRET_ACCESS_KEY")),
            ("RESTIC_REPOSITORY", format!("s3:{endpoint}/nightkeep/restic")),
            ("RESTIC_PASSWORD", "secret".to_owned()),
            ("RESTIC_CACHE_DIR", self.place.join("cache").display().to_string()),
            ("BORG_PASSPHRASE", "secret".to_owned()),
            ("BORG_CACHE_DIR", self.place.join("borg-cache").display().to_string()),
            ("BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes".to_owned()),
            ("RCLONE_S3_PROVIDER", "Other".to_owned()),
            ("RCLONE_S3_ENV_AUTH", "true".to_owned()),
            ("RCLONE_S3_ENDPOINT", endpoint.clone()),
            ("RCLONE_S3_REGION", "us-east-1".to_owned()),
        ] {
            command.env(name, value);
        }
        command
    }
}
