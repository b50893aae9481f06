//! Embeds the page: every file of `ui/`, as it is served and compressed. What is served is the source
//! without what only its readers need: comments that fill whole lines, and indentation.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
};

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
        let plain = lean(&fs::read_to_string(path)?);
        let (plain_file, gzip_file) = (out.join(format!("{number}.txt")), out.join(format!("{number}.gz")));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain.as_bytes())?;
        fs::write(&gzip_file, encoder.finish()?)?;
        fs::write(&plain_file, &plain)?;
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        list += &format!(
            "    File {{ name: {name:?}, tag: \"{:016x}\", plain: include_bytes!({plain_file:?}), gzip: include_bytes!({gzip_file:?}) }},\n",
            hasher.finish()
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

/// Lines stay lines: where a statement ends depends on them.
fn lean(text: &str) -> String {
    let mut lean = String::with_capacity(text.len());
    let mut end = None;
    for line in text.lines().map(str::trim) {
        if let Some(mark) = end {
            if line.ends_with(mark) {
                end = None;
            }
            continue;
        }
        let mark = match line {
            line if line.starts_with("//") => continue,
            line if line.starts_with("/*") => "*/",
            line if line.starts_with("<!--") => "-->",
            "" => continue,
            line => {
                lean.push_str(line);
                lean.push('\n');
                continue;
            }
        };
        match line.find(mark) {
            None => end = Some(mark),
            Some(at) if at + mark.len() == line.len() => {}
            // Something follows the comment.
            Some(_) => {
                lean.push_str(line);
                lean.push('\n');
            }
        }
    }
    lean
}
