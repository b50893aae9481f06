"""Writes docs/trust.md from the logs of a whole test run: each promise, the tests that proved it in that
run, and the figures that they printed. A promise without a test that passed is an error.

    tests/trust.py LOG…
"""

import re
import sys
from pathlib import Path

SCENARIOS = {
    1: "An operation whose worker or agent is killed at any moment ends by itself; its record does not stay in progress.",
    2: "No lock is ever left behind: the operation is the lock, and it is driven to its end.",
    3: "What is stored is compared with what ECS shows, and put right.",
    4: "A nightly backup never interrupts a restore: it waits, and if its window passes, a record says why.",
    5: "Of requests at the same moment one begins, and the others are told which operation is in progress.",
    6: "An agent that comes late can report nothing, change nothing and touch nothing.",
    7: "An event of the schedule that comes twice or late makes one backup of that night.",
    8: "The application comes back whichever stage fails.",
    9: "Maintenance that was on before is on afterwards; a service that was scaled to 0 stays at 0.",
    10: "A dump that fails, is cut short or is empty is a failed backup, with the command’s last words.",
    11: "Storage that refuses, is missing or is full is a failed backup, with the cause in words.",
    12: "What did not succeed cannot be restored, whoever asks.",
    13: "A restore whose safety backup fails has touched nothing.",
    14: "After a restore the way back is open: the safety backup is an ordinary backup.",
    15: "A restore that fails half-way is put back by itself; only if that fails too does maintenance stay on, and a message says what to do.",
    16: "The console’s own records are outside what is restored; a configuration that mixes them is refused.",
    17: "One backup each night, also when the clocks change.",
    18: "Failed backups are not counted as backups when the newest are kept.",
    19: "A record goes only after its data; a deletion that was refused is tried again.",
    20: "It is seen when no backup ran: on the page, and as a metric with an alarm.",
    21: "No limit of the storage’s protocol is met by a large application.",
    22: "A download’s link is made anew at each click.",
    23: "Every failure says what was being done, to what, and why.",
    24: "A confirmation is bound to the action, the record and the user, works once, and for five minutes.",
}

REQUIREMENTS = {
    1: "A backup runs by itself every night at the configured local time.",
    2: "A backup can be started at any time, with a description.",
    3: "One operation at a time.",
    4: "The application is under maintenance during an operation, and comes back however it ends.",
    5: "Every backup that succeeded can be restored, and nothing else.",
    6: "A restore begins with a backup of what is, and touches nothing before that has succeeded.",
    7: "A restore and a restart have to be confirmed by typing six characters.",
    8: "Notes can be edited at any time.",
    9: "Nobody can delete a record.",
    10: "What is older than the retention goes by itself.",
    11: "All services of the application can be restarted.",
    12: "The source code can be downloaded.",
}

# What is proved by the tests of one file as a whole: a heading, what is done, and the tests.
SIEGES = [
    (
        "Every order of events",
        "The real rule, `domain::next`, with everything around it as a model: workers that are woken twice and killed anywhere, lost answers, agents that die, hang or come late, an ECS whose view lags. Every order within the bounds is tried, and each of eight rules broken on purpose is found.",
        r"^(of_a_|what_is_broken)",
    ),
    (
        "Every crash point",
        "The real functions and agent. One of them is killed at each of its calls, agents before it is carried out and after; or everything at once, as by a power cut. Then everything starts again, and the ending is compared with the undisturbed one: every record, every file, every snapshot. A restore that was killed while it wrote has to be put back.",
        r"^crash_points::",
    ),
    (
        "A faulty network",
        "Every call of the functions and of the agent meets a fault: refused, cut in mid-answer, delayed, carried out twice, 500, 503, throttled, capacity exceeded, credentials expired. First one at a time, then at random from a seed.",
        r"^network::",
    ),
    (
        "A siege",
        "The real program and a guest book that is written to, three clients that ask for anything, and somebody who kills agents, services and the whole program. In the end plain restic and PostgreSQL say that every backup holds exactly what was there when it was taken.",
        r"^nothing_is_lost_in_a_long_siege$",
    ),
    (
        "Hostile input",
        "Rows of another version, events that nobody would send, forged snapshots, any output of a dump command, any text as a setting or a description, and 5,000 generated requests against the API’s document.",
        r"hostile::|^document::|any_value_is_taken|any_text_is_a_description|whatever_a_dump_says|nobody_would_send",
    ),
    ("Many who look", "200 pages during a backup.", r"^two_hundred_pages"),
]


def read(logs):
    """The tests that passed, and what each said of itself."""
    passed, figures, speaking = [], {}, None
    for line in "\n".join(Path(log).read_text(errors="replace") for log in logs).splitlines():
        if found := re.match(r"^test (\S+) \.\.\. ok$", line) or re.match(r"^ok \d+ - (.*)$", line):
            passed.append(found[1])
        elif found := re.match(r"^---- (\S+) stdout ----$", line):
            speaking = found[1]
        elif found := re.match(r"^figure: (.*)$", line):
            figures.setdefault(speaking, []).append(found[1])
    return passed, figures


def names(letter, number, passed):
    """The tests that name a scenario or a requirement."""
    in_rust = re.compile(rf"(^|::)([rspf]\d+_)*{letter}0?{number}_")
    in_browser = re.compile(rf"^([RSP]\d+ )*{letter.upper()}{number}[: ]")
    return [name for name in passed if in_browser.match(name) or (" " not in name and in_rust.search(name))]


def table(letter, promises, passed):
    """A table of promises, and those that nothing has proved."""
    lines, unproved = ["| | what holds | seen in |", "|---|---|---|"], []
    for number, promise in promises.items():
        tests = names(letter, number, passed)
        if not tests:
            unproved.append(f"{letter.upper()}{number}")
        shown = "<br>".join(f"`{test.split('::')[-1]}`" if " " not in test else test for test in tests)
        lines.append(f"| {letter.upper()}{number} | {promise} | {shown} |")
    return lines, unproved


def main(logs):
    passed, figures = read(logs)
    lines = [
        "# What Nightkeep promises, and what proves it",
        "",
        f"Written by the last whole run of `tests/run`, in which {len(passed)} tests of the program and of its page passed. Each can be run by itself: `cargo test NAME` after `cargo build --workspace`.",
        "",
        "A seed that a test printed brings the same faults again (`NIGHTKEEP_SEED`). With `NIGHTKEEP_LONG=1` the model, the crash points and the faults go through everything, which takes hours; `NIGHTKEEP_SIEGE_MINUTES` makes the siege as long as you like.",
    ]
    unproved = []
    for title, text, pattern in SIEGES:
        tests = [name for name in passed if re.search(pattern, name)]
        if not tests:
            unproved.append(title)
        lines += ["", f"## {title}", "", text, ""]
        for test in tests:
            said = figures.get(test, [])
            lines.append(f"- `{test.split('::')[-1]}`" + "".join(f"\n  - {figure}" for figure in said))
    lines += ["", "## What went wrong elsewhere", "", "Each of these was reported by users of other backup tools.", ""]
    found, missing = table("s", SCENARIOS, passed)
    lines += found
    unproved += missing
    lines += ["", "## What it must do", ""]
    found, missing = table("r", REQUIREMENTS, passed)
    lines += found
    unproved += missing
    if unproved:
        sys.exit(f"tests/trust.py: no test that passed proves {', '.join(unproved)}")
    target = Path(__file__).parent.parent / "docs" / "trust.md"
    target.write_text("\n".join(lines) + "\n")
    print(f"tests/trust.py: {target} tells of {len(passed)} tests")


main(sys.argv[1:])
