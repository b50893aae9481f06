//! A real PostgreSQL server of the story's own, as Debian ships it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A running server with a database `app`, reached through a socket in its folder.
pub struct Postgres {
    folder: TempDir,
}

/// The newest version that is installed.
fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is not installed: tests/run installs it")
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().expect("a PostgreSQL server: tests/run installs it")
}

/// A command as the user that the server runs as: it refuses to run as root.
fn as_owner(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

impl Postgres {
    /// Starts it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The server's user and the story's both reach it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("an open folder");
        let server = Self { folder };
        let data = server.folder.path().join("data");
        crate::run(
            as_owner(&programs().join("initdb"))
                .args(["--auth=trust", "--username=app", "--encoding=UTF8", "--no-sync", "--pgdata"])
                .arg(&data),
        );
        let options = format!(
            "-c listen_addresses='' -c fsync=off -c unix_socket_directories='{}'",
            server.host().display()
        );
        crate::run(
            as_owner(&programs().join("pg_ctl"))
                .args(["start", "--wait", "--options", &options, "--pgdata"])
                .arg(&data)
                .arg("--log")
                .arg(server.folder.path().join("log")),
        );
        server.sql("postgres", "CREATE DATABASE app");
        server
    }

    /// The folder of its socket.
    pub fn host(&self) -> &Path {
        self.folder.path()
    }

    /// Runs SQL and returns what it prints.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.client("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            database,
        ]);
        let output = crate::run(psql.args(["--command", sql]));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Loads a dump.
    pub fn load(&self, database: &str, dump: &Path) {
        self.sql("postgres", &format!("CREATE DATABASE {database}"));
        let mut psql = self.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", database]);
        crate::run(psql.arg("--file").arg(dump));
    }

    /// Dumps a database.
    pub fn dump(&self, database: &str) -> Vec<u8> {
        crate::run(self.client("pg_dump").arg(database)).stdout
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command.arg("--host").arg(self.host()).args(["--username", "app"]);
        command
    }

    /// The source that dumps and loads the database, as TOML.
    pub fn source(&self) -> String {
        let (programs, host) = (programs(), self.host().display());
        format!(
            "[[source]]\nname = \"database\"\n\
             dump = [\"{}\", \"--host={host}\", \"--username=app\", \"--clean\", \"--if-exists\", \"app\"]\n\
             load = [\"{}\", \"--host={host}\", \"--username=app\", \"--no-psqlrc\", \"--quiet\", \
             \"--single-transaction\", \"--set=ON_ERROR_STOP=1\", \"app\"]\n",
            programs.join("pg_dump").display(),
            programs.join("psql").display(),
        )
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = as_owner(&programs().join("pg_ctl"));
        let _ =
            stop.args(["stop", "--mode=immediate", "--pgdata"]).arg(self.folder.path().join("data")).output();
    }
}
