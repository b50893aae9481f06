//! The entries in PostgreSQL. Each request has a connection of its own: one that is kept would have to
//! be told from one that a restart or a restore of the database has made useless.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::book::Entry;

/// How long connecting may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// The table, made again if it is gone.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS guestbook_entry (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    message text NOT NULL,
    signed_at timestamptz NOT NULL
)";

const ADD: &str = "INSERT INTO guestbook_entry (id, name, message, signed_at) VALUES ($1, $2, $3, $4)";

const ALL: &str = "SELECT id, name, message, signed_at FROM guestbook_entry";

/// The database that a URL names.
pub(super) struct Database {
    config: tokio_postgres::Config,
}

impl Database {
    /// # Errors
    /// If the URL is not one of PostgreSQL.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let mut config: tokio_postgres::Config = url.parse().context("understanding the database’s URL")?;
        config.connect_timeout(CONNECTED_WITHIN);
        Ok(Self { config })
    }

    pub(super) async fn add(&self, id: Uuid, entry: &Entry) -> anyhow::Result<()> {
        let client = self.connect().await?;
        let row = client.execute(ADD, &[&id, &entry.name, &entry.message, &entry.signed_at]).await;
        row.context("adding an entry to the database").map(|_| ())
    }

    pub(super) async fn entries(&self) -> anyhow::Result<BTreeMap<Uuid, Entry>> {
        let client = self.connect().await?;
        let rows = client.query(ALL, &[]).await.context("reading the entries in the database")?;
        let entry = |row: &tokio_postgres::Row| {
            let entry = Entry { name: row.try_get(1)?, message: row.try_get(2)?, signed_at: row.try_get(3)? };
            Ok((row.try_get(0)?, entry))
        };
        rows.iter().map(entry).collect()
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let (client, connection) = self.config.connect(NoTls).await.context("connecting to the database")?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!("the connection to the database: {error}");
            }
        });
        client.batch_execute(TABLE).await.context("making the table in the database")?;
        Ok(client)
    }
}
