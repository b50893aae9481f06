//! Modules that are always loaded together, as one file: fewer requests, and compressed better. The
//! modules stay modules for whoever reads, tests and type-checks them. What this small reading of
//! JavaScript cannot take, it refuses, and with that the build.

use std::collections::{BTreeMap, BTreeSet};

/// What was read of a module, by its name.
type Modules<'text> = BTreeMap<&'text str, Module<'text>>;

/// What is served of the page's modules: `main.js` with all that it stands on, and `later.js`, with all
/// that is imported only when it is needed.
pub(super) fn join(sources: &BTreeMap<String, String>) -> Result<[(String, String); 2], String> {
    let read = sources.iter().map(|(name, text)| Ok((name.as_str(), Module::read(name, text)?)));
    let modules = read.collect::<Result<Modules<'_>, String>>()?;
    let mut order = Vec::new();
    follow("main.js", &modules, &mut order)?;
    let main = order.clone();
    for name in modules.keys() {
        follow(name, &modules, &mut order)?;
    }
    let later = &order[main.len()..];
    let mut shared = BTreeSet::new();
    for import in later.iter().flat_map(|name| &modules[name].imports) {
        if main.contains(&import.from.as_str()) {
            shared.extend(import.names.iter().map(String::as_str));
        }
    }
    let shared = shared.into_iter().collect::<Vec<_>>().join(", ");
    let lead_on = |text: String| {
        later
            .iter()
            .fold(text, |text, name| text.replace(&format!("import(\"./{name}\")"), "import(\"./later.js\")"))
    };
    let first = format!("{}export {{ {shared} }};\n", one(&main, &modules, false)?);
    let second = format!("import {{ {shared} }} from \"./main.js\";\n{}", one(later, &modules, true)?);
    Ok([("main.js".to_owned(), lead_on(first)), ("later.js".to_owned(), lead_on(second))])
}

struct Module<'text> {
    imports: Vec<Import>,
    /// The names that it declares for all of itself.
    declared: Vec<&'text str>,
    /// The lines that are left without the imports; what is exported begins with `export `.
    body: Vec<&'text str>,
}

struct Import {
    names: Vec<String>,
    from: String,
}

impl<'text> Module<'text> {
    fn read(name: &str, text: &'text str) -> Result<Self, String> {
        let mut module = Self { imports: Vec::new(), declared: Vec::new(), body: Vec::new() };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.starts_with("import ") {
                let mut whole = line.to_owned();
                while !whole.ends_with(';') {
                    whole +=
                        lines.next().ok_or_else(|| format!("{name}: this import has no end: {whole}"))?;
                }
                let import = Import::read(&whole);
                module.imports.push(import.ok_or_else(|| format!("{name}: this cannot be joined: {whole}"))?);
                continue;
            }
            let plain = line.strip_prefix("export ").unwrap_or(line);
            let after = plain.strip_prefix("async ").unwrap_or(plain);
            let kinds = ["function* ", "function ", "const ", "let ", "class "];
            if let Some(rest) = kinds.iter().find_map(|kind| after.strip_prefix(kind)) {
                let declared = rest.split(|sign: char| !sign.is_alphanumeric() && sign != '_').next();
                let declared = declared.filter(|declared| !declared.is_empty());
                module.declared.push(declared.ok_or_else(|| format!("{name}: one name at a time: {line}"))?);
            } else if plain != line {
                return Err(format!("{name}: only declarations can be exported: {line}"));
            }
            module.body.push(line);
        }
        Ok(module)
    }
}

impl Import {
    /// `import { a, b } from "./page.js";`, each under its own name.
    fn read(line: &str) -> Option<Self> {
        let (names, from) = line.strip_prefix("import {")?.split_once("} from \"./")?;
        let names: Vec<_> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.iter().any(|name| name.contains(' ')) {
            return None;
        }
        let names = names.into_iter().map(str::to_owned).collect();
        Some(Self { names, from: from.strip_suffix("\";")?.to_owned() })
    }
}

/// Adds a module to the order, after all that it stands on.
fn follow<'a>(name: &'a str, modules: &'a Modules<'_>, order: &mut Vec<&'a str>) -> Result<(), String> {
    fn visit<'a>(
        name: &'a str,
        modules: &'a Modules<'_>,
        seen: &mut BTreeSet<&'a str>,
        order: &mut Vec<&'a str>,
    ) -> Result<(), String> {
        if order.contains(&name) || !seen.insert(name) {
            return Ok(());
        }
        let module = modules.get(name).ok_or_else(|| format!("there is no module {name}"))?;
        for import in &module.imports {
            visit(&import.from, modules, seen, order)?;
        }
        order.push(name);
        Ok(())
    }
    visit(name, modules, &mut BTreeSet::new(), order)
}

/// Their texts one after the other, in one scope: no name may be declared in two of them.
fn one(names: &[&str], modules: &Modules<'_>, exports: bool) -> Result<String, String> {
    let mut owners = BTreeMap::new();
    let mut text = String::new();
    for name in names {
        for declared in &modules[name].declared {
            if let Some(other) = owners.insert(*declared, *name) {
                return Err(format!(
                    "“{declared}” is declared in {other} and in {name}, which become one file"
                ));
            }
        }
        for line in &modules[name].body {
            text += if exports { line } else { line.strip_prefix("export ").unwrap_or(line) };
            text.push('\n');
        }
    }
    Ok(text)
}
