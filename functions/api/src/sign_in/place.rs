//! Where one goes after the sign-in: back to where one was, and never to another site.

/// The longest place that is remembered, in bytes.
const LONGEST: usize = 500;

/// A place of this site that was asked for, or the page itself if what was asked for is none.
///
/// Browsers read `\` as `/` and drop tabs and line breaks, so `/\host` and `/<tab>/host` are addresses of
/// other sites to them: only visible characters that have no such meaning pass.
pub(crate) fn within(asked: Option<&str>) -> String {
    let harmless = |c: char| c.is_ascii_graphic() && c != '\\';
    match asked {
        Some(place)
            if place.len() <= LONGEST
                && place.starts_with('/')
                && !place.starts_with("//")
                // That would begin all over again.
                && !place.starts_with("/sign-")
                && place.chars().all(harmless) =>
        {
            place.to_owned()
        }
        Some(_) | None => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_where_one_was() {
        for place in ["/", "/#r-0196", "/?a=b&c=%0A", "/activity", "/a//b"] {
            assert_eq!(within(Some(place)), place);
        }
    }

    #[test]
    fn nothing_leads_to_another_site() {
        let long = format!("/{}", "a".repeat(LONGEST));
        let wrong = [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "evil",
            " /",
            "/ /",
            "/sign-in?to=/",
            "/\u{a0}/evil.example",
            "/\u{2028}",
            "/a\r\nset-cookie: a=b",
            "/ü",
            &long,
        ];
        for place in wrong {
            assert_eq!(within(Some(place)), "/", "{place:?}");
        }
        assert_eq!(within(None), "/");
    }
}
