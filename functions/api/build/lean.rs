//! What is served is the source without what only its readers need: comments that fill whole lines,
//! types, and indentation.

/// Lines stay lines: where a statement ends depends on them.
pub(super) fn lean(name: &str, text: &str) -> String {
    let is_script = name.ends_with(".js");
    let mut lean = String::with_capacity(text.len());
    let mut end = None;
    for line in text.lines().map(str::trim) {
        if let Some(mark) = end {
            if line.ends_with(mark) {
                end = None;
            }
            continue;
        }
        let mark = if line.starts_with("/*") { "*/" } else { "-->" };
        let is_comment = line.starts_with("//") || line.starts_with("/*") || line.starts_with("<!--");
        if is_comment && !line.starts_with("//") && !line.contains(mark) {
            end = Some(mark);
            continue;
        }
        if line.is_empty() || line.starts_with("//") || (is_comment && line.ends_with(mark)) {
            continue;
        }
        let line = if is_script { without_types(line) } else { line.to_owned() };
        lean.push_str(line.trim());
        lean.push('\n');
    }
    lean
}

/// A line of a script without its types: `/** @type {number} */`.
fn without_types(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("/** @") {
        kept.push_str(before);
        let Some((_, after)) = after.split_once("*/") else { break };
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    kept + rest
}
