//! The small pages that the sign-in shows itself: nobody let in, or something went wrong. Without a
//! script, under the same policy as everything else, in the languages of the page.
//!
//! It must never show what came from elsewhere without escaping it, nor anything secret.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

/// A page that says one thing and offers one way on.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Known to the provider, but not let in.
    NoRole { name: String, contact: String },
    /// The provider gives no answer.
    Unreachable,
    /// The provider has sent back a browser that did not begin this sign-in.
    NotOurs,
    /// The provider refused, or what it sent cannot be trusted.
    Refused,
    /// Something failed here.
    Broken,
}

/// A notice in a language: its title, what it says, and what the way on is called.
type Words = (&'static str, String, &'static str);

/// Begins a sign-in as somebody else than whom the provider still knows.
const AS_ANOTHER: &str = "/sign-in?another=true";
const AGAIN: &str = "/sign-in";

impl Notice {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoRole { .. } | Self::Refused => StatusCode::FORBIDDEN,
            Self::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotOurs => StatusCode::BAD_REQUEST,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn english(&self) -> Words {
        match self {
            Self::NoRole { name, contact } => (
                "You have no role here",
                format!(
                    "You are signed in as {name}, but no role in Nightkeep goes with that. Ask {contact} for \
                     one, then sign in again."
                ),
                "Sign in as somebody else",
            ),
            Self::Unreachable => (
                "Signing in is not possible at the moment",
                "The service that signs you in gives no answer. Nothing is wrong with your account, and \
                 anything in progress goes on. Try again in a minute."
                    .to_owned(),
                "Try again",
            ),
            Self::NotOurs => (
                "This sign-in cannot be completed",
                "It was begun in another tab or browser, or more than ten minutes ago. Nothing was changed. \
                 Sign in again."
                    .to_owned(),
                "Sign in",
            ),
            Self::Refused => (
                "You were not signed in",
                "The service that signs you in refused, or what it sent could not be trusted. The log has \
                 the cause. Sign in again; if that does not help, tell whoever looks after Nightkeep."
                    .to_owned(),
                "Sign in again",
            ),
            Self::Broken => (
                "Signing in failed",
                "Something failed on our side; the log has the cause. Try again.".to_owned(),
                "Try again",
            ),
        }
    }

    fn german(&self) -> Words {
        match self {
            Self::NoRole { name, contact } => (
                "Sie haben hier keine Rolle",
                format!(
                    "Sie sind als {name} angemeldet, aber damit ist in Nightkeep keine Rolle verbunden. \
                     Bitten Sie {contact} um eine und melden Sie sich dann neu an."
                ),
                "Als jemand anderes anmelden",
            ),
            Self::Unreachable => (
                "Die Anmeldung ist im Moment nicht möglich",
                "Der Dienst, der Sie anmeldet, antwortet nicht. Mit Ihrem Konto ist alles in Ordnung, und was \
                 gerade läuft, läuft weiter. Versuchen Sie es in einer Minute noch einmal."
                    .to_owned(),
                "Noch einmal versuchen",
            ),
            Self::NotOurs => (
                "Diese Anmeldung lässt sich nicht abschließen",
                "Sie wurde in einem anderen Tab oder Browser begonnen, oder vor mehr als zehn Minuten. Nichts \
                 wurde geändert. Melden Sie sich neu an."
                    .to_owned(),
                "Anmelden",
            ),
            Self::Refused => (
                "Sie wurden nicht angemeldet",
                "Der Dienst, der Sie anmeldet, hat abgelehnt, oder was er geschickt hat, war nicht \
                 vertrauenswürdig. Die Ursache steht im Protokoll. Melden Sie sich noch einmal an; hilft das \
                 nicht, sagen Sie denen Bescheid, die Nightkeep betreuen."
                    .to_owned(),
                "Noch einmal anmelden",
            ),
            Self::Broken => (
                "Die Anmeldung ist gescheitert",
                "Bei uns ist etwas schiefgegangen; die Ursache steht im Protokoll. Versuchen Sie es noch \
                 einmal."
                    .to_owned(),
                "Noch einmal versuchen",
            ),
        }
    }

    /// The page, in one of the languages that these headers name.
    pub(crate) fn page(&self, headers: &HeaderMap) -> Response {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let language = language(accepted.unwrap_or_default());
        let (title, text, action) = if language == "de" { self.german() } else { self.english() };
        let link = if matches!(self, Self::NoRole { .. }) { AS_ANOTHER } else { AGAIN };
        let page = include_str!("notice.html")
            .replace("{language}", language)
            .replace("{title}", title)
            .replace("{link}", link)
            .replace("{action}", action)
            // Last: what is in a name is not looked at again.
            .replace("{text}", &escaped(&text));
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::VARY, "accept-language")];
        (self.status(), headers, page).into_response()
    }
}

/// The first of the accepted languages that there are words in. Browsers name the best first.
fn language(accepted: &str) -> &'static str {
    let tags = accepted.split(',').map(|part| part.split([';', '-']).next().unwrap_or_default().trim());
    let known = |tag: &str| ["en", "de"].into_iter().find(|known| tag.eq_ignore_ascii_case(known));
    tags.into_iter().find_map(known).unwrap_or("en")
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::HeaderValue};

    use super::*;

    async fn page(notice: Notice, accepted: &'static str) -> String {
        let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted))]);
        let body = to_bytes(notice.page(&headers).into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_name_is_shown_and_never_read_as_html() {
        let (name, contact) = ("<script>alert('{link}')</script>".to_owned(), "it@example.com".to_owned());
        let page = page(Notice::NoRole { name, contact }, "").await;
        assert!(page.contains("&lt;script&gt;alert(&#39;{link}&#39;)"), "{page}");
        assert!(!page.contains("<script") && page.contains("it@example.com"), "{page}");
    }

    #[tokio::test]
    async fn a_notice_is_in_the_reader_s_language() {
        let german = page(Notice::Unreachable, "de-CH,de;q=0.9,en;q=0.8").await;
        assert!(german.contains("<html lang=\"de\">") && german.contains("antwortet nicht"), "{german}");
        for accepted in ["en-US,en;q=0.9,de;q=0.8", "fr", "", "den"] {
            let english = page(Notice::Unreachable, accepted).await;
            assert!(
                english.contains("<html lang=\"en\">") && english.contains("gives no answer"),
                "{accepted}"
            );
        }
    }
}
