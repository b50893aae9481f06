//! Embeds the page: every file of `ui/`, as it is served and compressed. What is served is the source
//! without what only its readers need: comments that fill whole lines, and indentation.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::GzEncoder};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=ui");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut paths = Vec::new();
    collect(Path::new("ui"), &mut paths)?;
    paths.sort();
    let mut list = String::from("&[\n");
    for (number, path) in paths.iter().enumerate() {
        let name = path.strip_prefix("ui").unwrap_or(path).to_string_lossy().replace('\\', "/");
        let plain = lean(&fs::read_to_string(path)?, path);
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        let keep = |form: &str, bytes: &[u8]| {
            let file = out.join(format!("{number}.{form}"));
            fs::write(&file, bytes)?;
            Ok::<_, io::Error>(format!("{form}: include_bytes!({file:?})"))
        };
        list += &format!(
            "File {{ name: {name:?}, tag: \"{:016x}\", {}, {}, {} }},\n",
            hasher.finish(),
            keep("plain", plain.as_bytes())?,
            keep("gzip", &gzip(plain.as_bytes())?)?,
            keep("brotli", &brotli(plain.as_bytes())?)?,
        );
    }
    fs::write(out.join("files.rs"), list + "]\n")
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let parameters =
        BrotliEncoderParams { quality: 11, lgwin: 18, size_hint: bytes.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &parameters)?;
    Ok(compressed)
}

/// Lines stay lines: where a statement ends depends on them.
fn lean(text: &str, path: &Path) -> String {
    let is_script = path.extension().is_some_and(|extension| extension == "js");
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
