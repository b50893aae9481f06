//! Embeds the page: `ui/` as it is served and compressed. Modules that load together are one file, and so
//! are the style sheets.

mod join;
mod lean;

use std::{
    collections::BTreeMap,
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::GzEncoder};

/// The parts of the one style sheet, in the order in which their rules hold.
const STYLES: [&str; 2] = ["style.css", "narrow.css"];
/// Only for the type checker.
const TYPES: &str = "types.js";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=ui");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut list = String::from("&[\n");
    for (number, (name, text)) in served(Path::new("ui"))?.iter().enumerate() {
        let plain = lean::lean(name, text);
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

/// What is served, by name.
fn served(ui: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut paths = Vec::new();
    collect(ui, &mut paths)?;
    let mut files = BTreeMap::new();
    let mut modules = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(ui).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&path)?;
        // The languages are modules of their own: only one is loaded.
        if !name.ends_with(".js") || name.contains('/') {
            files.insert(name, text);
        } else if name != TYPES {
            modules.insert(name, text);
        }
    }
    files.extend(join::join(&modules).map_err(io::Error::other)?);
    let style = STYLES.iter().filter_map(|name| files.remove(*name)).collect();
    files.insert(STYLES[0].to_owned(), style);
    Ok(files)
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
