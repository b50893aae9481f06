//! The sample application, for who has not described one: a guest book with a few uploads beside the
//! state folder, which this program runs as a service. It must never touch a file that is already there: by then it is the user's.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::json;

use crate::{
    Refused,
    application::{self, toml_text},
    folder::Folder,
};

const WELCOME: &str = "Welcome to the guest book.\n\nEverything in this folder is backed up by Nightkeep. Change it, add to it, \
     remove from it, and see what the next backup says.\n";

/// Who has signed the guest book before: when, as whom, and what.
const GUESTS: [(&str, &str, &str); 4] = [
    ("2026-05-02T15:10:00Z", "Ada", "The weather was lovely and so was the tea."),
    ("2026-05-09T09:45:00Z", "Jürgen", "Bis zum nächsten Mal!"),
    ("2026-05-17T11:20:00Z", "さくら", "また来ます。"),
    ("2026-06-01T18:05:00Z", "Zoë", "Three nights, two rainbows."),
];

const SETTINGS: &str =
    "{\n  \"title\": \"Guest book\",\n  \"moderated\": true,\n  \"entries_per_page\": 25\n}\n";

const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 48 48\">\n  \
     <circle cx=\"24\" cy=\"24\" r=\"20\" fill=\"#f4b942\"/>\n  \
     <path d=\"M14 28q10 10 20 0\" fill=\"none\" stroke=\"#333\" stroke-width=\"3\"/>\n</svg>\n";

/// The port on which the guest book is open, if it is free; otherwise the next that is.
const PORT: u16 = 8090;

/// How many ports after it are tried.
const TRIED: u16 = 100;

/// The sample, as its user finds it.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Its folder.
    pub(crate) home: PathBuf,
    /// The port of the guest book.
    pub(crate) port: u16,
}

/// Makes what of the sample is missing. Returns its description too. If the page has any port that is
/// free, so has the guest book.
pub(crate) fn prepare(folder: &Folder, page_port: u16) -> anyhow::Result<(String, Sample)> {
    let mut home = folder.path().as_os_str().to_owned();
    home.push("-sample");
    let home = PathBuf::from(home);
    let uploads = home.join("uploads");
    let files: [(&str, Vec<u8>); 5] = [
        ("welcome.txt", WELCOME.into()),
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
        for (number, (signed_at, name, message)) in GUESTS.into_iter().enumerate() {
            let path = uploads.join(format!("entries/019dd000-0000-7000-8000-{number:012}.json"));
            let entry = json!({ "name": name, "message": message, "signed_at": signed_at });
            create(&path, &serde_json::to_vec_pretty(&entry)?)
                .with_context(|| format!("making the sample’s file {}", path.display()))?;
        }
    }
    let port = free_port(page_port)?;
    let text = description(&uploads, port)?;
    Ok((text, Sample { home, port }))
}

/// The sample as somebody would describe it.
fn description(uploads: &Path, port: u16) -> anyhow::Result<String> {
    let unnamed = |path: &Path| {
        Refused(format!("the path {} is not valid Unicode; choose another with --state", path.display()))
    };
    let quoted = |path: &Path| path.to_str().map(toml_text);
    let directory = quoted(uploads).ok_or_else(|| unnamed(uploads))?;
    let entries = uploads.join("entries");
    let entries = quoted(&entries).ok_or_else(|| unnamed(&entries))?;
    let source_code = application::current_folder();
    // The program is this very one, even if its file has been replaced meanwhile. A database that the
    // user's environment names is not the sample's.
    Ok(format!(
        "name = \"Guest book\"\n{source_code}\n\
         [[source]]\nname = \"uploads\"\ndirectory = {directory}\n\n\
         [[service]]\nname = \"guestbook\"\n\
         command = [\"/proc/self/exe\", \"guestbook\", \"--port\", \"{port}\", \"--folder\", {entries}, \"--database\", \"\"]\n\
         port = {port}\n"
    ))
}

fn free_port(page_port: u16) -> anyhow::Result<u16> {
    let free = |port| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        Ok::<_, io::Error>(listener.local_addr()?.port())
    };
    let preferred = PORT..=PORT + TRIED;
    let found =
        preferred.filter(|port| page_port != 0 && *port != page_port).find_map(|port| free(port).ok());
    found.map_or_else(|| free(0), Ok).context("finding a free port for the guest book")
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
