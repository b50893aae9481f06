//! docs/performance.md, made of everything that was measured.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::{
    peers::{Tool, root},
    results::Results,
};

/// A piece of work, what it may take of restic's time, and how many MB of memory.
const WORKS: [(&str, f64, u64); 7] = [
    ("first full backup", 0.6, 256),
    ("nothing changed", 0.5, 64),
    ("1 % of files changed", 0.75, 128),
    ("restore into an empty folder", 0.6, 256),
    ("restore in place, 1 % differs", 0.25, 256),
    ("PostgreSQL dump, in full", 0.6, 256),
    ("PostgreSQL dump, 1 % of rows changed", 0.7, 256),
];

/// What it may take of restic's time when S3 is far away.
const FAR: f64 = 0.6;

/// Minutes of a day.
const MINUTES: u64 = 24 * 60;

/// Which commit it is, and whether anything differs from it but what is written here.
const COMMIT: &str = "printf %s \"$(git describe --always)\"; \
    git diff --quiet HEAD -- :/ ':(top,exclude)docs/performance.md' ':(top,exclude)tests/bench/results' \
    || printf ' with changes'";

/// The machine as it is now.
pub(crate) fn machine() -> Value {
    let shell = |line: &str| {
        let output = nightkeep_tests::run(Command::new("sh").args(["-c", line]));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    json!({
        "date": shell("date --utc +%F"),
        "processor": shell("grep --max-count 1 'model name' /proc/cpuinfo | cut --delimiter : --fields 2"),
        "processors": shell("nproc"),
        "memory_gib": shell("free --gibi | awk '/Mem/ { print $2 }'"),
        "kernel": shell("uname --kernel-name --kernel-release"),
        "load": shell("cut --delimiter ' ' --fields 1-3 /proc/loadavg"),
        "commit": shell(COMMIT),
        "tools": Tool::ALL.map(Tool::version),
    })
}

/// Writes the page.
pub(crate) fn write() {
    let mut text = vec![
        "# How fast Nightkeep is".to_owned(),
        "Written by `tests/bench/run` from what it measured; nothing here is estimated or typed by hand, but \
         for the reasons in `tests/bench/reasons.md`, which stand at the end. Other tools did the same work \
         in the same run on the same machine, in turns; each figure is a median."
            .to_owned(),
    ];
    for (part, title, rows) in [
        ("data", "Backups and restores", data as fn(&Value) -> Vec<String>),
        ("functions", "Functions", functions),
        ("operation", "The operation itself", operation),
        ("growth", "Growth", growth),
        ("page", "The page", page),
        ("start", "From a clone to the page", start),
    ] {
        let Some(kept) = Results::kept(part) else { continue };
        text.push(format!("## {title}"));
        text.extend(rows(&kept));
        text.push(on(&kept["machine"][0], part == "data"));
    }
    text.push(fs::read_to_string(root().join("tests/bench/reasons.md")).unwrap().trim().to_owned());
    fs::write(root().join("docs/performance.md"), text.join("\n\n") + "\n").unwrap();
}

/// Where and when a part was measured; with `tools`, against which.
fn on(machine: &Value, tools: bool) -> String {
    let text = |name: &str| machine[name].as_str().unwrap_or_default().to_owned();
    let list = machine["tools"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let list: String = list.filter(|_| tools).map(|tool| format!("; {tool}")).collect();
    format!(
        "Measured on {} at commit {}, with {} processors ({}), {} GiB of memory, {}, load before it {}{list}.",
        text("date"),
        text("commit"),
        text("processors"),
        text("processor"),
        text("memory_gib"),
        text("kernel"),
        text("load"),
    )
}

/// The median of one figure of a list of measurements.
fn median(list: &Value, name: &str) -> Option<f64> {
    let mut all: Vec<f64> = list.as_array()?.iter().filter_map(|one| one[name].as_f64()).collect();
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    Some(if all.len() % 2 == 1 { *all.get(middle)? } else { (all.get(middle)? + all[middle - 1]) / 2.0 })
}

fn data(kept: &Value) -> Vec<String> {
    let mut parts = vec![
        "2 GiB of real files (a cargo registry, an operating system’s own files) and a PostgreSQL dump of \
         500 MB, all of it in the page cache. Nightkeep, restic and rclone store on the same local S3 \
         endpoint; borg and `tar | zstd` in a folder. Everybody begins with an empty cache, as a task on ECS \
         does. The time is from the start of the process to its end, the processor’s that of all cores, the \
         memory the most that was resident; bold is what misses its target. Before each measurement everything \
         is on the disk. Nightkeep’s restores wait until the disk has what they wrote and read it back from \
         there, others’ do not; the safety backup before each of them is not in its line, but as one of \
         those above."
            .to_owned(),
    ];
    for (place, title) in
        [("near", "### S3 on the same machine"), ("far", "### S3 with 40 ms added to each request")]
    {
        let measured = &kept["data"][place];
        if measured.is_null() {
            continue;
        }
        let far = place == "far";
        let peers: Vec<&str> = Tool::ALL.into_iter().skip(1).map(Tool::name).filter(|_| !far).collect();
        let mut rows = vec![
            format!(
                "| work | Nightkeep: time | processor | memory | restic: time | processor | memory | of restic’s time | at most | {} |",
                if far { "requests | restic: requests".to_owned() } else { peers.join(" | ") }
            ),
            format!("|---|{}", "---:|".repeat(if far { 10 } else { 8 + peers.len() })),
        ];
        for (work, target, memory) in WORKS {
            let (ours, restic) = (&measured[work]["nightkeep"], &measured[work]["restic"]);
            let (Some(took), Some(theirs)) = (median(ours, "wall"), median(restic, "wall")) else { continue };
            let target = if far { FAR } else { target };
            let ratio = took / theirs;
            let peak = median(ours, "peak").unwrap_or_default() / 1e6;
            let mut row = vec![
                work.to_owned(),
                seconds(took),
                seconds(median(ours, "cpu").unwrap_or_default()),
                missed(format!("{peak:.0} MB"), peak > memory as f64),
                seconds(theirs),
                seconds(median(restic, "cpu").unwrap_or_default()),
                format!("{:.0} MB", median(restic, "peak").unwrap_or_default() / 1e6),
                missed(format!("{ratio:.2}"), ratio > target),
                format!("{target}, {memory} MB"),
            ];
            if far {
                row.extend(
                    [ours, restic].map(|list| format!("{:.0}", median(list, "requests").unwrap_or_default())),
                );
            } else {
                row.extend(peers.iter().map(|peer| {
                    median(&measured[work][peer], "wall").map_or_else(|| "–".to_owned(), seconds)
                }));
            }
            rows.push(format!("| {} |", row.join(" | ")));
        }
        parts.push(title.to_owned());
        parts.push(rows.join("\n"));
        let rounds = measured[WORKS[0].0]["nightkeep"].as_array().map_or(0, Vec::len);
        let safety =
            if far { " Nightkeep’s requests of a restore include those of its safety backup." } else { "" };
        parts.push(format!("Medians of {rounds}.{safety}"));
    }
    parts
}

fn functions(kept: &Value) -> Vec<String> {
    let mut rows = vec![
        "| function | init | of hello’s | first answer | warm answer | processor, warm | memory | package |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    let hello = median(&kept["each"]["hello"], "init").unwrap_or(f64::NAN);
    for name in ["hello", "nightkeep-api", "nightkeep-worker", "nightkeep-scheduler"] {
        let list = &kept["each"][name];
        let of = |figure: &str| median(list, figure).unwrap_or(f64::NAN);
        let (init, peak, package) = (of("init"), of("peak") / f64::from(1 << 20), of("package") / 1e6);
        rows.push(format!(
            "| {name} | {init:.2} ms | {} | {:.2} ms | {:.3} ms | {:.3} ms | {} | {} |",
            missed(format!("{:.2}", init / hello), init / hello > 1.8),
            of("first"),
            of("warm"),
            of("warm_cpu"),
            missed(format!("{peak:.1} MiB"), peak > 14.0),
            missed(format!("{package:.2} MB"), package > 5.0),
        ));
    }
    let warm = |name: &str| median(&kept["each"][name], "warm").unwrap_or(f64::NAN);
    let alone = median(&kept["state"], "alone").unwrap_or(f64::NAN);
    let own = warm("nightkeep-api") - alone - warm("hello");
    let mut asks =
        vec!["| call | | DynamoDB | SSM | S3 | ECS |".to_owned(), "|---|---|---:|---:|---:|---:|".to_owned()];
    for (call, times) in kept["requests"].as_object().into_iter().flatten() {
        for time in ["first", "warm"] {
            let of = |service: &str| times[time][0][service].as_u64().unwrap_or_default();
            let (table, ssm, s3, ecs) = (of("dynamodb"), of("ssm"), of("s3"), of("ecs"));
            asks.push(format!("| {call} | {time} | {table} | {ssm} | {s3} | {ecs} |"));
        }
    }
    let a_minute = ["nightkeep-worker ", "nightkeep-scheduler "]
        .map(|call| kept["requests"][call]["warm"][0]["dynamodb"].as_u64().unwrap_or_default());
    let a_day = a_minute.iter().sum::<u64>() * MINUTES;
    vec![
        "Each out of its package, as Lambda starts it, and a function that only says hello, with the same \
         library and profile. Init is from the start of the process to its first request for an event; the api \
         is asked for the state, with a bearer token, so that its first answer includes two requests to the \
         identity provider. At most: init 1.8 times hello’s, 14 MiB, 5 MB packed."
            .to_owned(),
        rows.join("\n"),
        format!(
            "The request to DynamoDB for the state takes {alone:.3} ms by itself, made by a program that does nothing \
             else; without it the api’s warm answer takes {} more than hello’s, at most 0.3 ms.",
            missed(format!("{own:.3} ms"), own > 0.3)
        ),
        "What a call asks of AWS:".to_owned(),
        asks.join("\n"),
        format!(
            "Worker and scheduler are called once a minute whether or not there is anything to do: {} requests to \
             DynamoDB in a day in which nothing happens, at most 3,000. What a month costs is in [cost.md](cost.md).",
            missed(a_day.to_string(), a_day > 3_000)
        ),
    ]
}

fn operation(kept: &Value) -> Vec<String> {
    let of = |figure: &str| median(&kept["backup"], figure).unwrap_or(f64::NAN);
    let target = |took: f64| missed(format!("{took:.0} ms"), took > 300.0);
    vec![
        "A backup with next to nothing to back up, on the local program. Each way at most 300 ms.".to_owned(),
        format!(
            "| from the request to the answer | from the request to the agent’s first line | the agent | from its last line to the record’s ending |\n\
             |---:|---:|---:|---:|\n| {:.0} ms | {} | {:.0} ms | {} |",
            of("answer"),
            target(of("to_first_line")),
            of("at_work"),
            target(of("to_ending"))
        ),
    ]
}

fn growth(kept: &Value) -> Vec<String> {
    let mut parts = vec![
        "Time, processor and memory are those of the agent that did the work; of an answer there is only the time, as \
         its caller sees it. The requests are those of all who took part: of a restore also its safety backup’s. \
         Those to DynamoDB grow with the time that an operation takes, as it reports its progress. Everything passes \
         a proxy that counts, so that times are longer than those above. In the table every record is a backup of \
         its own; the files are of some twenty bytes each, a thousand in a folder; between two snapshots one file of \
         a hundred differs."
            .to_owned(),
    ];
    for (part, works) in [
        ("records", ["a page of the list", "the state", "a backup"]),
        ("files", ["first full backup", "nothing changed", "restore in place, nothing differs"]),
        ("snapshots", ["a backup", "a restore", "a purge"]),
    ] {
        // By number, not by text.
        let mut counts: Vec<u64> =
            kept[part].as_object().into_iter().flatten().map(|(count, _)| count.parse().unwrap()).collect();
        counts.sort_unstable();
        let mut rows = vec![
            format!("| work | {part} | time | processor | memory | requests to S3 | to DynamoDB |"),
            "|---|---:|---:|---:|---:|---:|---:|".to_owned(),
        ];
        for work in works {
            for count in &counts {
                let list = &kept[part][count.to_string()][work];
                let cell = |figure: &str, shown: fn(f64) -> String| {
                    median(list, figure).map_or_else(|| "–".to_owned(), shown)
                };
                let time =
                    cell(
                        "wall",
                        |wall| if wall < 0.02 { format!("{:.1} ms", wall * 1e3) } else { seconds(wall) },
                    );
                let (cpu, peak) =
                    (cell("cpu", seconds), cell("peak", |peak| format!("{:.0} MB", peak / 1e6)));
                let (s3, dynamodb) =
                    (cell("s3", |s3| s3.to_string()), cell("dynamodb", |dynamodb| dynamodb.to_string()));
                rows.push(format!("| {work} | {count} | {time} | {cpu} | {peak} | {s3} | {dynamodb} |"));
            }
        }
        parts.push(rows.join("\n"));
    }
    parts
}

fn page(kept: &Value) -> Vec<String> {
    let of = |part: &str, figure: &str| median(&kept[part], figure).unwrap_or(f64::NAN);
    vec![
        "Chromium, which has never seen the page, and the local program; behind a cold function add its init and \
         first answer from above."
            .to_owned(),
        format!(
            "| first contentful paint | bytes | requests | the page’s thread, 50 rows | 10,000 rows one after the other |\n\
             |---:|---:|---:|---:|---:|\n| {:.0} ms | {:.0} | {:.0} | {:.0} ms | {:.0} ms |",
            of("first load", "painted"),
            of("first load", "bytes"),
            of("first load", "requests"),
            of("first load", "worked"),
            of("all rows", "worked_for_all")
        ),
    ]
}

fn start(kept: &Value) -> Vec<String> {
    let took = median(&kept["clean"], "wall").unwrap_or(f64::NAN);
    vec![format!(
        "`cargo run` with everything downloaded and nothing built, until the page is there: {}, at most 360 s.",
        missed(format!("{took:.0} s"), took > 360.0)
    )]
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

fn missed(text: String, missed: bool) -> String {
    if missed { format!("**{text}**") } else { text }
}
