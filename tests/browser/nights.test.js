// What the page tells of the nights, the settings and the purge. It is served by the real program; what
// it is told is made for each test, and so is the time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askNow, reads, row, until } from "./support/browser.js";
import { DAY, HOUR, SECOND, activity, beginWithout, end, failure, iso, nightly, record, tells, world } from "./support/canned.js";
import { NOW, pass, setScene } from "./support/scene.js";

const LAST_NIGHT = Date.parse("2026-11-24T01:00:00Z");

const scene = setScene();
const { open } = scene;

const nights = (number) => Array.from({ length: number }, (_, night) => record(LAST_NIGHT - night * DAY));
const figure = (page, name) => page.locator(`#summary [data-part=${name}]`);
const message = (page) => page.locator("#messages .message");

test("R1: the strip names the last success, the next run, and how the last nights went", async (t) => {
  const told = world(nights(3), { nightly: nightly(NOW, "++++++++++-+++", { last_success_at: nights(1)[0].finished_at }) });
  const page = await open(t, told);
  await reads(figure(page, "last-ago"), "6 hours ago");
  await reads(figure(page, "last-more"), "today, 02:00 · automatic");
  await reads(figure(page, "next-at"), "tonight, 02:00");
  await reads(figure(page, "next-more"), "in 18 hours · every night");
  await reads(figure(page, "retention"), "60 days");
  await reads(figure(page, "nights-more"), "13 succeeded, 1 failed");
  const looks = await figure(page, "bars").locator("i").evaluateAll((all) => all.map(({ className }) => className));
  assert.deepEqual(looks, [...Array(10).fill(""), "failed", "", "", "", "next"]);
  await figure(page, "next-at").focus();
  assert.ok(await figure(page, "next-at").evaluate((element) => getComputedStyle(element, "::after").content.includes("Wed 25 Nov 2026, 02:00:00 UTC+01:00")));
});

test("R1: who is elsewhere is told the time and the zone of the schedule too", async (t) => {
  const page = await open(t, world(nights(1), { nightly: nightly(NOW, "+") }), { timezoneId: "America/New_York" });
  await reads(figure(page, "next-at"), "tonight, 20:00");
  await reads(figure(page, "next-more"), "in 18 hours · every night at 02:00, Europe/Berlin");
});

test("R1: a night in progress is no success yet", async (t) => {
  const page = await open(t, world(nights(2), { nightly: nightly(NOW, "++~") }));
  await reads(figure(page, "nights-more"), "2 succeeded");
  assert.deepEqual(await figure(page, "bars").locator("i").evaluateAll((all) => all.slice(-4).map(({ className }) => className)), ["", "", "now", "next"]);
});

test("R1 S20: nightly backups that are off are said to be off", async (t) => {
  const page = await open(t, world([], { nightly: nightly(NOW, "", { on: false, next_at: null }) }));
  await reads(figure(page, "next-at"), "Off");
  await reads(figure(page, "next-more"), "backups are made by hand only");
  await reads(page.locator("#blank-text"), /^Nightly backups are off/);
});

test("R1 P4: with no records the page says what will happen tonight, and offers the first backup", async (t) => {
  const page = await open(t, world([], { nightly: nightly(NOW, "") }));
  await reads(page.locator("#blank-text"), "The first automatic backup of Larkfield Library runs tonight at 02:00. You need not wait for it: make one now with New backup. The first takes longest; every later one saves only what is new.");
  await reads(figure(page, "last-more"), "the first is due tonight");
  await reads(figure(page, "nights-more"), "none yet");
});

test("R1 S4: a night that was missed says why", async (t) => {
  const told = world(nights(3), { nightly: nightly(NOW, "++-", { last_success_at: iso(LAST_NIGHT - DAY) }) });
  const why = failure({ code: "night_missed" }, "A restore was in progress until 06:10, past the end of the window.", "The application is available.", "Start a backup now, or wait for tonight.");
  Object.assign(told.records[0], { status: "FAILED", size: null, stages: [], failure: why });
  const page = await open(t, told);
  await reads(message(page).locator("[data-part=title]"), "Last night’s backup did not run");
  await reads(message(page).locator("[data-part=text]"), /^A restore was in progress until 06:10.+Start a backup now, or wait for tonight\./);
  await reads(figure(page, "last-more"), /last night’s did not run$/);
});

test("S18 S20: overdue is warned of even when there never was a success", async (t) => {
  const told = world(nights(2), { nightly: nightly(NOW, "--", { overdue: true }) });
  for (const night of told.records) Object.assign(night, { status: "FAILED", size: null, failure: failure({ code: "storage_refused" }, "The storage refused the upload: access denied.", "Nothing incomplete was kept.", "Allow it.") });
  const page = await open(t, told);
  await reads(message(page).locator("[data-part=title]"), "There is no successful backup yet");
  assert.equal(await message(page).getByRole("button").count(), 0);
});

test("a wrong setting is named, with what it has to be and what is in force, until it is put right", async (t) => {
  const told = world(nights(2), { wrong_settings: [{ name: "backup-time", value: "25:99", expected: "a time of day such as 02:00", in_force: "02:00" }] });
  const page = await open(t, told);
  await reads(message(page).locator("[data-part=title]"), "The setting “backup-time” can’t be used");
  await reads(message(page).locator("[data-part=text]"), /“25:99”.+a time of day such as 02:00.+in force: 02:00\./);
  assert.equal(await message(page).getByRole("button").count(), 0, "it can't be dismissed");
  told.state = { ...told.state, wrong_settings: [] };
  await askNow(page);
  await until("the warning to be gone", async () => (await message(page).count()) === 0);
});

test("R10 R3: a purge is told of while it is in progress, and leaves its trace under Activity", async (t) => {
  const told = world(nights(3));
  const purge = activity(NOW - 4 * SECOND, { kind: "purge", status: "IN_PROGRESS", finished_at: null, requested_by: "Nightkeep" });
  told.activities = [purge];
  Object.assign(told.records[2], { expired: true });
  beginWithout(told, NOW - 4 * SECOND, { kind: "purge", record_id: purge.id, requested_by: "Nightkeep", stages: [{ name: "purge", state: "in_progress", started_at: iso(NOW - 4 * SECOND), finished_at: null }] });
  const page = await open(t, told);
  await page.getByRole("heading", { name: "Purge in progress" }).waitFor();
  await reads(page.locator("#operation [data-part=by]"), "Removing what is older than 60 days, with its data. Started by Nightkeep at 08:13. Larkfield Library stays available.");
  await reads(page.locator("#operation [data-part=stage]"), "Stage 1 of 1: purge");
  await reads(page.locator("#why"), "Unavailable until the purge has ended. Notes can be edited.");
  await reads(figure(page, "up-word"), "Available");

  const expired = row(page, told.records[2].id);
  await reads(expired.locator("[data-part=expired]"), "Past its retention: its data is being removed. It can’t be restored any more.");
  assert.equal(await expired.getByRole("button", { name: /^Restore/ }).count(), 0);

  Object.assign(purge, { status: "SUCCESS", finished_at: iso(NOW), purged: { records: 1, snapshots: 2, freed_bytes: 14.2e6 } });
  told.records.pop();
  end(told);
  await pass(page, 2500);
  await reads(message(page).locator("[data-part=text]"), "1 record past 60 days, with its data; 14.2 MB freed.");
  await until("the purged row to be gone", async () => (await page.locator("#rows .record").count()) === 2);
  told.activities.push(activity(NOW - 5 * HOUR, { kind: "purge", requested_by: "Nightkeep", purged: { records: 2, snapshots: 4, freed_bytes: 51e6 } }));
  await page.getByRole("link", { name: "Activity" }).click();
  const rows = page.locator("#activity-rows tr");
  await reads(rows.nth(1).locator("[data-part=what]"), "Purge");
  await reads(rows.nth(1).locator("[data-part=more]"), "2 records past 60 days, with their data; 51.0 MB freed");
  await reads(rows.nth(1).locator("[data-part=trigger]"), "Automatic");
  await reads(rows.nth(1).locator("[data-part=by]"), "Every night");
});
