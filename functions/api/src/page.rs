//! The page: static files, embedded in the program as the build script prepared them. Public; it holds
//! nothing that is not also in the source.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

struct File {
    name: &'static str,
    /// Changes whenever the file does.
    tag: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Every path that no route answers.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::method_not_allowed().into_response();
    }
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => answer(file, request.headers()),
        None => Problem::no_such_path(path).into_response(),
    }
}

fn answer(file: &File, asked: &HeaderMap) -> Response {
    let takes = |coding| lists(asked, header::ACCEPT_ENCODING, coding);
    let (coding, bytes) = if takes("br") {
        (Some("br"), file.brotli)
    } else if takes("gzip") {
        (Some("gzip"), file.gzip)
    } else {
        (None, file.plain)
    };
    let tag = format!("\"{}-{}\"", file.tag, coding.unwrap_or("plain"));
    let common =
        [(header::CACHE_CONTROL, "no-cache"), (header::VARY, "accept-encoding"), (header::ETAG, &tag)];
    if lists(asked, header::IF_NONE_MATCH, &tag) || lists(asked, header::IF_NONE_MATCH, &format!("W/{tag}")) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, media_type(file.name))];
    match coding {
        Some(coding) => (common, kind, [(header::CONTENT_ENCODING, coding)], bytes).into_response(),
        None => (common, kind, bytes).into_response(),
    }
}

/// Whether one of the values of this header is that one, and not refused by a weight of zero.
fn lists(headers: &HeaderMap, name: HeaderName, value: &str) -> bool {
    let texts = headers.get_all(name).into_iter().filter_map(|text| text.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|one| {
        let (found, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        found.trim().eq_ignore_ascii_case(value) && weight != Some(0.0)
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn page() -> &'static File {
        FILES.iter().find(|file| file.name == "index.html").unwrap()
    }

    #[test]
    fn the_page_is_compressed_for_whoever_takes_it_so() {
        let cases = [
            ("gzip, deflate, br", Some("br")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("gzip;q=0", None),
            ("identity", None),
        ];
        for (accepted, expected) in cases {
            let answer = answer(page(), &asked(&[(header::ACCEPT_ENCODING, accepted)]));
            let coding = answer.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(coding, expected, "{accepted}");
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again_and_each_form_has_its_own_tag() {
        let plain = answer(page(), &asked(&[]));
        let gzip = answer(page(), &asked(&[(header::ACCEPT_ENCODING, "gzip")]));
        assert_ne!(plain.headers()[header::ETAG], gzip.headers()[header::ETAG]);
        let mut again = asked(&[(header::ACCEPT_ENCODING, "gzip")]);
        again.insert(header::IF_NONE_MATCH, gzip.headers()[header::ETAG].clone());
        assert_eq!(answer(page(), &again).status(), StatusCode::NOT_MODIFIED);
        again.insert(header::IF_NONE_MATCH, plain.headers()[header::ETAG].clone());
        assert_eq!(answer(page(), &again).status(), StatusCode::OK);
    }

    #[test]
    fn comments_and_indentation_are_not_sent() {
        let script = FILES.iter().find(|file| file.name == "main.js").unwrap();
        let text = std::str::from_utf8(script.plain).unwrap();
        assert!(
            text.lines()
                .all(|line| !line.starts_with("//") && line.trim() == line && !line.contains("/** @")),
            "{text}"
        );
    }
}
