//! The guest book's page. Whatever somebody typed must be escaped before it is in it.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    LONGEST_MESSAGE, LONGEST_NAME, Typed,
    book::{Found, Place},
};

/// The style sheet.
pub(super) const STYLE: &str = include_str!("style.css");

/// How many entries are shown.
const SHOWN: usize = 200;

/// What every page says of the process behind it.
pub(super) struct Page {
    pub(super) started_at: Timestamp,
    pub(super) process: u32,
}

impl Page {
    /// The page with a form to sign and the entries.
    pub(super) fn opened(&self, entries: &[Found], typed: &Typed, wrong: Option<&str>) -> String {
        let wrong = wrong.map(|wrong| format!("<p class=\"wrong\" role=\"alert\">{}</p>\n", escaped(wrong)));
        let shown: String = entries.iter().take(SHOWN).map(entry).collect();
        let rest = match entries.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("<p class=\"aside\">And {more} earlier ones.</p>\n"),
        };
        let book = if entries.is_empty() {
            "<p class=\"aside\">Nobody has signed yet. Be the first.</p>\n".to_owned()
        } else {
            format!("<ol>\n{shown}</ol>\n{rest}")
        };
        self.whole(
            "",
            &format!(
                "<form method=\"post\" action=\"/\">\n{wrong}\
                 <label>Name <input name=\"name\" maxlength=\"{LONGEST_NAME}\" required value=\"{name}\"></label>\n\
                 <label>Message <textarea name=\"message\" maxlength=\"{LONGEST_MESSAGE}\" rows=\"3\" required>\n\
                 {message}</textarea></label>\n\
                 <button>Sign</button>\n</form>\n\
                 <h2>Entries <span class=\"aside\">{count}</span></h2>\n{book}",
                wrong = wrong.unwrap_or_default(),
                name = escaped(&typed.name),
                message = escaped(&typed.message),
                count = entries.len(),
            ),
        )
    }

    /// The page while the guest book is under maintenance, with what was typed in vain.
    pub(super) fn closed(&self, message: &str, typed: Option<&Typed>) -> String {
        let notice = format!(
            "<section class=\"closed\">\n<h2>Under maintenance</h2>\n<p>{}</p>\n</section>\n",
            escaped(message)
        );
        match typed {
            Some(typed) => {
                let lost = format!(
                    "<h2>Your entry was not kept</h2>\n<p>Please send it again later:</p>\n\
                     <blockquote>{}</blockquote>\n<p><a href=\"/\">Back to the guest book</a></p>\n",
                    escaped(&typed.message)
                );
                self.whole("", &(notice + &lost))
            }
            None => self.whole("<meta http-equiv=\"refresh\" content=\"5\">\n", &notice),
        }
    }

    /// The page when the entries cannot be read.
    pub(super) fn broken(&self) -> String {
        self.whole("", "<section class=\"closed\">\n<h2>The entries cannot be read</h2>\n<p>The log says why.</p>\n</section>\n")
    }

    fn whole(&self, head: &str, body: &str) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n{head}<title>Guest book</title>\n\
             <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n<h1>Guest book</h1>\n{body}</main>\n\
             <footer>Running since {started} as process {process}</footer>\n</body>\n</html>\n",
            started = time(self.started_at, "%F %T"),
            process = self.process,
        )
    }
}

fn entry(found: &Found) -> String {
    let Found { entry, place } = found;
    let lacks = match place {
        Place::Everywhere => "",
        Place::FileOnly => " <strong>not in the database</strong>",
        Place::DatabaseOnly => " <strong>without its file</strong>",
    };
    format!(
        "<li>\n<p class=\"message\">{}</p>\n<p class=\"aside\">{}, {}{lacks}</p>\n</li>\n",
        escaped(&entry.message),
        escaped(&entry.name),
        time(entry.signed_at, "%F %H:%M"),
    )
}

fn time(at: Timestamp, form: &str) -> String {
    let words = at.to_zoned(TimeZone::UTC).strftime(form).to_string();
    format!("<time datetime=\"{at}\">{words} UTC</time>")
}

/// A text as it stands in HTML, between tags or in an attribute with quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
