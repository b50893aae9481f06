//! The small pages that the sign-in shows itself: nobody let in, or something went wrong. Without a
//! script, under the same policy as everything else.
//!
//! It must never show what came from elsewhere without escaping it, nor anything secret.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// A page that says one thing and offers one way on.
#[derive(Debug)]
pub(crate) struct Notice {
    status: StatusCode,
    title: &'static str,
    text: String,
    link: &'static str,
    action: &'static str,
}

/// Begins a sign-in as somebody else than whom the provider still knows.
const AS_ANOTHER: &str = "/sign-in?another=true";
const AGAIN: &str = "/sign-in";

impl Notice {
    pub(crate) fn no_role(name: &str, contact: &str) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "You have no role here",
            text: format!(
                "You are signed in as {name}, but no role in Nightkeep goes with that. Ask {contact} for one, \
                 then sign in again."
            ),
            link: AS_ANOTHER,
            action: "Sign in as somebody else",
        }
    }

    pub(crate) fn unreachable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "Signing in is not possible at the moment",
            text: "The service that signs you in gives no answer. Nothing is wrong with your account, and \
                   anything in progress goes on. Try again in a minute."
                .to_owned(),
            link: AGAIN,
            action: "Try again",
        }
    }

    pub(crate) fn not_ours() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "This sign-in cannot be completed",
            text:
                "It was begun in another tab or browser, or more than ten minutes ago. Nothing was changed. \
                   Sign in again."
                    .to_owned(),
            link: AGAIN,
            action: "Sign in",
        }
    }

    pub(crate) fn refused() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "You were not signed in",
            text: "The service that signs you in refused, or what it sent could not be trusted. The log has \
                   the cause. Sign in again; if that does not help, tell whoever looks after Nightkeep."
                .to_owned(),
            link: AGAIN,
            action: "Sign in again",
        }
    }

    pub(crate) fn broken() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            title: "Signing in failed",
            text: "Something failed on our side; the log has the cause. Try again.".to_owned(),
            link: AGAIN,
            action: "Try again",
        }
    }
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        let page = include_str!("notice.html")
            .replace("{title}", self.title)
            .replace("{link}", self.link)
            .replace("{action}", self.action)
            // Last: what is in a name is not looked at again.
            .replace("{text}", &escaped(&self.text));
        (self.status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
    }
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
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn a_name_is_shown_and_never_read_as_html() {
        let notice = Notice::no_role("<script>alert('{link}')</script>", "it@example.com");
        let body = to_bytes(notice.into_response().into_body(), usize::MAX).await.unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();
        assert!(page.contains("&lt;script&gt;alert(&#39;{link}&#39;)"), "{page}");
        assert!(!page.contains("<script") && page.contains("it@example.com"), "{page}");
    }
}
