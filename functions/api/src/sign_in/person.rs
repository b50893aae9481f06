//! Whom the provider has named, and the role that their groups give them.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::user::Role;

/// The longest name that is shown and recorded, in characters.
const LONGEST_NAME: usize = 100;

/// Somebody, or some script, as the provider named them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    /// None: known to the provider, but not let in.
    pub(crate) role: Option<Role>,
}

/// Which groups give which role.
#[derive(Debug, Clone)]
pub struct Groups {
    /// The claim that names them.
    pub claim: String,
    /// Who may see everything.
    pub viewers: Vec<String>,
    /// Who may do everything.
    pub operators: Vec<String>,
}

impl Groups {
    /// Names of groups as they are configured: separated by commas, or, if they have commas themselves,
    /// as a JSON list of texts.
    ///
    /// # Errors
    /// If it begins as a list and is none.
    pub fn names(text: &str) -> anyhow::Result<Vec<String>> {
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text).with_context(|| format!("reading the list of groups {text}"));
        }
        Ok(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The role that these claims give: the highest of those that their groups give, or none.
    pub(crate) fn role(&self, claims: &Map<String, Value>) -> Option<Role> {
        let groups: Vec<&str> = match claims.get(&self.claim)? {
            Value::Array(groups) => groups.iter().filter_map(Value::as_str).collect(),
            // RFC 6749: scopes are one text with spaces.
            Value::String(scopes) if matches!(&*self.claim, "scope" | "scp") => scopes.split(' ').collect(),
            Value::String(group) => vec![group],
            _ => return None,
        };
        let within = |named: &[String]| groups.iter().any(|group| named.iter().any(|name| name == group));
        match (within(&self.operators), within(&self.viewers)) {
            (true, _) => Some(Role::Operator),
            (false, true) => Some(Role::Viewer),
            (false, false) => None,
        }
    }
}

/// The first of these that can be shown, as it is shown: on one line, not longer than a line, and without
/// what is not seen, so that two names that look the same are the same.
pub(crate) fn name<'a>(candidates: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    let shown = |text: &str| {
        let seen = text.chars().filter(|c| !invisible(*c));
        let visible: String = seen.map(|c| if c.is_control() { ' ' } else { c }).collect();
        visible.trim().chars().take(LONGEST_NAME).collect::<String>()
    };
    candidates.into_iter().flatten().map(shown).find(|name| !name.is_empty())
}

/// Characters that take no room or turn the direction of those after them. The two joiners are not among
/// them: names in some scripts are written with them.
fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(claims: Value) -> Option<Role> {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let groups =
            Groups { claim: "groups".to_owned(), viewers: list(&["look"]), operators: list(&["do"]) };
        groups.role(claims.as_object().unwrap())
    }

    #[test]
    fn the_highest_role_of_all_groups_counts() {
        assert_eq!(role(json!({ "groups": ["other", "look", "do"] })), Some(Role::Operator));
        assert_eq!(role(json!({ "groups": ["other", "look"] })), Some(Role::Viewer));
        assert_eq!(role(json!({ "groups": "do" })), Some(Role::Operator));
    }

    #[test]
    fn nothing_but_the_exact_name_of_a_group_gives_a_role() {
        let claims = [
            json!({}),
            json!({ "groups": [] }),
            json!({ "groups": ["Do", "do ", "doing", ""] }),
            json!({ "groups": "look do" }),
            json!({ "groups": { "do": true } }),
            json!({ "groups": [["do"], { "name": "do" }, null, 1] }),
            json!({ "roles": ["do"] }),
        ];
        for claims in claims {
            assert_eq!(role(claims.clone()), None, "{claims}");
        }
    }

    #[test]
    fn names_of_groups_may_have_commas() {
        assert_eq!(Groups::names(" a,b c ,, d").unwrap(), ["a", "b c", "d"]);
        assert_eq!(Groups::names(r#"["cn=a,dc=b", "c"]"#).unwrap(), ["cn=a,dc=b", "c"]);
        assert!(Groups::names("[a]").is_err());
    }

    #[test]
    fn scopes_are_separated_by_spaces() {
        let groups =
            Groups { claim: "scope".to_owned(), viewers: vec![], operators: vec!["nightkeep/do".to_owned()] };
        let claims = json!({ "scope": "openid nightkeep/do" });
        assert_eq!(groups.role(claims.as_object().unwrap()), Some(Role::Operator));
    }

    #[test]
    fn a_name_is_one_line_of_text() {
        assert_eq!(name([None, Some(" \n"), Some("Maya\r\nLindqvist ")]).unwrap(), "Maya  Lindqvist");
        assert_eq!(name([Some(&*"x".repeat(1000))]).unwrap().len(), LONGEST_NAME);
        assert_eq!(name([None, Some("")]), None);
        let disguised = "\u{202e}M\u{200b}aya\u{2060} Lind\u{ad}qvist\u{feff}";
        assert_eq!(name([Some("\u{200b}"), Some(disguised)]).unwrap(), "Maya Lindqvist");
    }
}
