//! How sign-in is configured: read once, checked once, and refused with a reason if it cannot work.

use anyhow::{Context, bail, ensure};
use openidconnect::url::{Origin, Url};

use super::{http::encrypted_or_here, person::Groups};

/// What has to be known of the provider and of ourselves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of this console as browsers see it, without a path: `https://backups.example.com`. It
    /// is never taken from a request, whose `Host` anybody can write.
    pub url: String,
    /// The provider's issuer, exactly as it writes it.
    pub issuer: String,
    /// What the provider knows this console as.
    pub client_id: String,
    /// What bearer tokens have to be made for; without it there are none. Never the client's id: an ID
    /// token, which every browser's sign-in brings along, would pass for a bearer token.
    pub audience: Option<String>,
    /// What to ask the provider for, beside `openid`.
    pub scopes: Vec<String>,
    /// Which groups give which role.
    pub groups: Groups,
    /// Whom somebody without a role may ask for one.
    pub contact: String,
}

impl Config {
    /// Checks what can be checked without the provider.
    pub(crate) fn checked(self) -> anyhow::Result<Checked> {
        let url =
            Url::parse(&self.url).with_context(|| format!("reading the console’s address {}", self.url))?;
        ensure!(
            encrypted(&url) && url.path() == "/" && url.query().is_none() && url.fragment().is_none(),
            "the console’s address has to be https:// and a host, without a path, not {}",
            self.url
        );
        let issuer =
            Url::parse(&self.issuer).with_context(|| format!("reading the issuer {}", self.issuer))?;
        ensure!(encrypted(&issuer), "the issuer has to be an https:// address, not {}", self.issuer);
        ensure!(!self.client_id.is_empty(), "the client id is empty");
        if self.audience.as_ref() == Some(&self.client_id) {
            bail!(
                "the audience of bearer tokens is the client id {}; with that, ID tokens of browsers would \
                 pass for bearer tokens: give the API an audience of its own at the provider",
                self.client_id
            );
        }
        ensure!(
            self.groups.viewers.iter().chain(&self.groups.operators).all(|group| !group.is_empty()),
            "one of the groups has an empty name"
        );
        ensure!(
            !self.groups.operators.is_empty(),
            "no group is named whose members are operators, so nobody could do anything"
        );
        let origin = match url.origin() {
            origin @ Origin::Tuple(..) => origin.ascii_serialization(),
            Origin::Opaque(_) => bail!("the console’s address {} has no host", self.url),
        };
        Ok(Checked { https: url.scheme() == "https", origin, config: self })
    }
}

/// A configuration that can work.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) config: Config,
    /// The origin of this console's pages, as browsers write it.
    pub(crate) origin: String,
    pub(crate) https: bool,
}

impl Checked {
    /// An address of this console.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn encrypted(url: &Url) -> bool {
    encrypted_or_here(Some(url.scheme()), url.host_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            url: "https://backups.example.com".to_owned(),
            issuer: "https://id.example.com/realms/a".to_owned(),
            client_id: "nightkeep".to_owned(),
            audience: Some("nightkeep-api".to_owned()),
            scopes: vec![],
            groups: Groups {
                claim: "groups".to_owned(),
                viewers: vec!["look".to_owned()],
                operators: vec!["do".to_owned()],
            },
            contact: "the operators".to_owned(),
        }
    }

    #[test]
    fn addresses_are_made_from_the_configured_one() {
        let checked =
            Config { url: "https://Backups.example.com:443/".to_owned(), ..config() }.checked().unwrap();
        assert_eq!(checked.url("/sign-in"), "https://backups.example.com/sign-in");
        assert!(checked.https);
    }

    #[test]
    fn an_unencrypted_address_is_refused_unless_it_is_this_machine() {
        for url in ["http://127.0.0.1:8080", "http://localhost:8080"] {
            assert!(
                Config { url: url.to_owned(), issuer: url.to_owned(), ..config() }.checked().is_ok(),
                "{url}"
            );
        }
        for url in
            ["http://backups.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "backups", ""]
        {
            assert!(Config { url: url.to_owned(), ..config() }.checked().is_err(), "{url}");
            assert!(Config { issuer: url.to_owned(), ..config() }.checked().is_err(), "{url}");
        }
    }

    #[test]
    fn what_would_let_the_wrong_people_in_or_nobody_is_refused() {
        let groups = |operators: &[&str]| Groups {
            operators: operators.iter().map(|&name| name.to_owned()).collect(),
            ..config().groups
        };
        let wrong = [
            Config { audience: Some("nightkeep".to_owned()), ..config() },
            Config { groups: groups(&[]), ..config() },
            Config { groups: groups(&[""]), ..config() },
            Config { client_id: String::new(), ..config() },
            Config { url: "https://backups.example.com/path".to_owned(), ..config() },
        ];
        for config in wrong {
            assert!(config.clone().checked().is_err(), "{config:?}");
        }
    }
}
