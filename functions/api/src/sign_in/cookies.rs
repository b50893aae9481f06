//! The cookies: what they are called, how they are read, and how they are set.
//!
//! Their prefixes make browsers refuse them from an unencrypted site and from a sibling's subdomain; this
//! machine counts as encrypted to them. They must never be readable by a script.

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie of ours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cookie {
    /// The session.
    Session,
    /// A sign-in that has begun.
    Transaction,
    /// When one has signed out: seconds, in plain text, since it can only shorten a session.
    Ended,
    /// The provider's ID token, sent to the sign-out only.
    Hint,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "__Host-nightkeep",
            Self::Transaction => "__Host-nightkeep-sign-in",
            Self::Ended => "__Host-nightkeep-ended",
            Self::Hint => "__Secure-nightkeep-hint",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            // Lax: the provider's redirect and links from elsewhere bring them along, requests from
            // other sites don't.
            Self::Session | Self::Transaction | Self::Ended => "Path=/; Secure; HttpOnly; SameSite=Lax",
            Self::Hint => "Path=/sign-out; Secure; HttpOnly; SameSite=Strict",
        }
    }

    /// Its value. None too if there are two: one of them is not ours, and no one can tell which.
    pub(crate) fn read(self, headers: &HeaderMap) -> Option<&str> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name()).map(|(_, value)| value);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Sets it for so many seconds.
    pub(crate) fn set(self, value: &str, seconds: i64) -> Option<HeaderValue> {
        let text = format!("{}={value}; Max-Age={seconds}; {}", self.name(), self.attributes());
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Removes it.
    pub(crate) fn remove(self) -> Option<HeaderValue> {
        self.set("", 0)
    }
}

/// Adds what is there to the headers of an answer.
pub(crate) fn add(headers: &mut HeaderMap, cookies: impl IntoIterator<Item = Option<HeaderValue>>) {
    for cookie in cookies.into_iter().flatten() {
        headers.append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::COOKIE, HeaderValue::from_str(value).unwrap());
        }
        Cookie::Session.read(&headers).map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        assert_eq!(read(&["a=1; __Host-nightkeep=x; b=2"]).as_deref(), Some("x"));
        assert_eq!(read(&["a=1", "__Host-nightkeep=x"]).as_deref(), Some("x"));
        assert_eq!(read(&["a=__Host-nightkeep=x"]), None);
    }

    #[test]
    fn two_of_the_same_name_are_none() {
        assert_eq!(read(&["__Host-nightkeep=x; __Host-nightkeep=y"]), None);
        assert_eq!(read(&["__Host-nightkeep=x", "__Host-nightkeep=y"]), None);
    }

    #[test]
    fn no_cookie_can_be_read_by_a_script_or_sent_unencrypted() {
        for cookie in [Cookie::Session, Cookie::Transaction, Cookie::Ended, Cookie::Hint] {
            let set = cookie.set("x", 60).unwrap();
            let text = set.to_str().unwrap();
            assert!(text.contains("; Secure; HttpOnly; SameSite="), "{text}");
            assert!(set.is_sensitive() && !text.to_lowercase().contains("domain"), "{text}");
        }
    }
}
