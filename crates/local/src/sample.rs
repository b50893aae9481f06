//! The sample application, for who has not described one: a guest book with a few uploads beside the
//! state folder. It must never touch a file that is already there: by then it is the user's.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::{Refused, folder::Folder};

const WELCOME: &str = "Welcome to the guest book.\n\nEverything in this folder is backed up by Nightkeep. Change it, add to it, \
     remove from it, and see what the next backup says.\n";

const GUESTS: &str = "date,name,message\n\
     2026-05-02,Ada,The weather was lovely and so was the tea.\n\
     2026-05-09,Jürgen,Bis zum nächsten Mal!\n\
     2026-05-17,さくら,また来ます。\n\
     2026-06-01,Zoë,\"Three nights, two rainbows.\"\n";

const SETTINGS: &str =
    "{\n  \"title\": \"Guest book\",\n  \"moderated\": true,\n  \"entries_per_page\": 25\n}\n";

const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 48 48\">\n  \
     <circle cx=\"24\" cy=\"24\" r=\"20\" fill=\"#f4b942\"/>\n  \
     <path d=\"M14 28q10 10 20 0\" fill=\"none\" stroke=\"#333\" stroke-width=\"3\"/>\n</svg>\n";

/// Makes what of the sample is missing. Returns its description and its folder.
pub(crate) fn prepare(folder: &Folder) -> anyhow::Result<(String, PathBuf)> {
    let mut home = folder.path().as_os_str().to_owned();
    home.push("-sample");
    let home = PathBuf::from(home);
    let uploads = home.join("uploads");
    let files: [(&str, Vec<u8>); 6] = [
        ("welcome.txt", WELCOME.into()),
        ("guests.csv", GUESTS.into()),
        ("settings.json", SETTINGS.into()),
        ("pictures/smile.svg", DRAWING.into()),
        ("pictures/sunset.bmp", sunset()),
        ("recordings/note-a.wav", note()),
    ];
    // Once made it is the user's: what they removed stays removed.
    if !uploads.exists() {
        for (name, contents) in files {
            let path = uploads.join(name);
            create(&path, &contents)
                .with_context(|| format!("making the sample’s file {}", path.display()))?;
        }
    }
    let directory = uploads.to_str().map(toml_text).ok_or_else(|| {
        Refused(format!("the path {} is not valid Unicode; choose another with --state", uploads.display()))
    })?;
    let text = format!("name = \"Guest book\"\n\n[[source]]\nname = \"uploads\"\ndirectory = {directory}\n");
    Ok((text, home))
}

fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(contents),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A basic string of TOML.
fn toml_text(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}

/// A picture of 240 by 160 points in the form BMP, 24 bits a point.
fn sunset() -> Vec<u8> {
    const WIDTH: u32 = 240;
    const HEIGHT: u32 = 160;
    let size = WIDTH * HEIGHT * 3;
    let mut picture = b"BM".to_vec();
    for value in [54 + size, 0, 54, 40, WIDTH, HEIGHT, 1 | (24 << 16), 0, size, 2835, 2835, 0, 0] {
        picture.extend(value.to_le_bytes());
    }
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let (dx, dy) = (x.abs_diff(WIDTH / 2), y.abs_diff(HEIGHT / 3));
            let sun = dx * dx + dy * dy < 900;
            let red = if sun { 255 } else { 250 - y / 2 };
            let green = if sun { 220 } else { 150 - y / 2 };
            let point = [60 + y, green, red].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
            picture.extend(point);
        }
    }
    picture
}

/// A second of the note A in the form WAV, 8 bits a sample at 8 kHz.
fn note() -> Vec<u8> {
    const RATE: u32 = 8000;
    let mut recording = b"RIFF".to_vec();
    recording.extend((36 + RATE).to_le_bytes());
    recording.extend(b"WAVEfmt ");
    for value in [16, 1 | (1 << 16), RATE, RATE, 1 | (8 << 16)] {
        recording.extend(value.to_le_bytes());
    }
    recording.extend(b"data");
    recording.extend(RATE.to_le_bytes());
    recording.extend((0..RATE).map(|sample| {
        let phase = f64::from(sample) * 440.0 * std::f64::consts::TAU / f64::from(RATE);
        (128.0 + 100.0 * phase.sin()) as u8
    }));
    recording
}
