// Every state that the page has, one after the other, with data that looks like life. What a state needs
// to be done by hand is done by `act`.

import { DAY, HOUR, SECOND, activity, begin, beginWithout, failure, idAt, iso, nightly, problem, record, world } from "./canned.js";
import { NOW, pass } from "./scene.js";

const MINUTE = 60 * SECOND;
const at = (text) => Date.parse(text);
const LAST_NIGHT = at("2026-11-24T01:00:00Z");

const size = (total, added) => ({ total_bytes: total, added_bytes: added, files: 17_482 });
const stage = (name, state, from, to) => ({ name, state, started_at: from === undefined ? null : iso(from), finished_at: to === undefined ? null : iso(to) });
const lasted = (time, seconds, name = "backup", state = "done") => ({ finished_at: iso(time + seconds * SECOND), stages: [stage(name, state, time, time + seconds * SECOND)] });

const NO_DATABASE = failure({ code: "dump_failed", source: "database", program: "pg_dump", ended: "ended with exit status 1", said: "pg_dump: error: connection to server at \"db.larkfield.internal\", port 5432 failed:\nConnection refused. Is the server running on that host and accepting TCP/IP connections?" }, "The source “database” could not be read: pg_dump ended with exit status 1.", "Nothing incomplete was kept, and the application is available.", "Check that pg_dump runs in the agent’s task and that it reaches its server, then start a new backup.");
const NO_SPACE = failure({ code: "target_unwritable", source: "uploads", path: "/srv/library/uploads", why: "no space left on the volume “appdata”" }, "The source “uploads” could not be put back: /srv/library/uploads: no space left on the volume “appdata”.", "The data was put back from the safety backup, as it was before, and the application is available.", "Allow the agent to write /srv/library/uploads, make room on its disk, or check the disk, then restore again.");
const REFUSED = failure({ code: "storage_refused", doing: "writing packs", why: "access denied to the bucket larkfield-nightkeep" }, "The storage refused writing packs: access denied to the bucket larkfield-nightkeep.", "Nothing incomplete was kept, and the application is available.", "Check that the bucket exists and that the agent may write to it, then start a new backup.");

const AUTUMN = "Before the import of the autumn catalogue.\nChecked by Tom: loans and reservations are complete.";

/** Records as a library's week leaves them behind, newest first. */
function week() {
  const manual = (time, notes, requested_by, held, seconds) => record(time, { trigger: "manual", notes, requested_by, size: held, ...lasted(time, seconds) });
  const night = (time, held, seconds) => record(time, { size: held, requested_by: "Nightkeep", ...lasted(time, seconds) });
  const sunday = night(at("2026-11-22T01:00:00Z"), size(4.79e9, 18e6), 64);
  const restored = at("2026-11-23T10:05:00Z");
  const safety = record(restored, { trigger: "safety", requested_by: "Jonas Okafor", size: size(4.8e9, 9.4e6), ...lasted(restored, 61) });
  const restore = record(restored + 1, {
    created_at: iso(restored), kind: "restore", trigger: "manual", requested_by: "Jonas Okafor", restored_from: sunday.id, safety_backup: safety.id, size: null,
    notes: "Two branches had merged their member lists by mistake. The front desk enters Monday’s three registrations again.",
    finished_at: iso(restored + 276 * SECOND), stages: [stage("backup", "done", restored, restored + 61 * SECOND), stage("restore", "done", restored + 61 * SECOND, restored + 190 * SECOND), stage("redeploy", "done", restored + 190 * SECOND, restored + 276 * SECOND)],
  });
  return [
    night(LAST_NIGHT, size(4.83e9, 41.2e6), 72),
    manual(at("2026-11-23T15:42:00Z"), AUTUMN, "Maya Lindqvist", size(4.81e9, 12.7e6), 58),
    restore,
    safety,
    night(at("2026-11-23T01:00:00Z"), size(4.8e9, 22.9e6), 66),
    sunday,
    record(at("2026-11-21T01:00:00Z"), { status: "FAILED", size: null, requested_by: "Nightkeep", notes: "Database host was being patched. Agreed with operations: from now on patch after 03:00.", failure: NO_DATABASE, ...lasted(at("2026-11-21T01:00:00Z"), 46, "backup", "failed") }),
    manual(at("2026-11-20T17:30:00Z"), "Vor dem Update auf 7.4\n– Katalog gesperrt ab 18:15\n– Rückweg: diese Sicherung", "Anneliese Brandt", size(4.77e9, 88.6e6), 79),
    night(at("2026-11-20T01:00:00Z"), size(4.75e9, 30.4e6), 67),
    ...Array.from({ length: 62 }, (_, day) => night(at("2026-11-19T01:00:00Z") - day * DAY, size(4.7e9, 25e6), 65)),
  ];
}

const AUTUMN_ID = idAt(at("2026-11-23T15:42:00Z"));

/** The library on Tuesday morning, before anything happens. */
function library(fields = {}) {
  const records = week();
  const told = world(records, {
    nightly: nightly(NOW, "++++++++++-+++", { last_success_at: records[0].finished_at }),
    usual_seconds: { backup: 64, restore: 276, restart: 92 },
    user: { name: "Maya Lindqvist", role: "operator", signed_in: true },
    ...fields,
  });
  const archive = (time, name, bytes, by) => activity(time, { kind: "source_archive", requested_by: by, finished_at: iso(time + 9 * SECOND), source_archive: { key: "k", file_name: name, size_bytes: bytes } });
  const purge = (time, seconds, records, freed_bytes) => activity(time, { kind: "purge", requested_by: "Nightkeep", finished_at: iso(time + seconds * SECOND), purged: { records, snapshots: records * 2, freed_bytes } });
  told.activities = [
    archive(NOW - MINUTE, "larkfield-library-source-2026-11-24-0813.tar.gz", 38.2e6, "Maya Lindqvist"),
    purge(at("2026-11-24T01:02:00Z"), 11, 1, 14.2e6),
    activity(at("2026-11-23T16:20:00Z")),
    purge(at("2026-11-23T01:02:00Z"), 14, 2, 51e6),
    activity(at("2026-11-22T01:02:00Z"), { kind: "purge", requested_by: "Nightkeep", status: "FAILED", finished_at: iso(at("2026-11-22T01:02:06Z")), failure: { ...REFUSED, cause: { ...REFUSED.cause, doing: "removing packs" }, happened: "The storage refused removing packs: access denied to the bucket larkfield-nightkeep.", done: "The application was not affected, and no backup that is still to be kept was touched.", to_do: "Check that the bucket exists and that the agent may write to it, and what could not be removed is tried again the next night." } }),
    activity(at("2026-11-20T17:52:00Z"), { requested_by: "Maya Lindqvist", status: "FAILED", finished_at: iso(at("2026-11-20T18:02:04Z")), failure: failure({ code: "service_not_steady", service: "search", limit_seconds: 600, events: "" }, "The service “search” had not replaced its tasks after 10 minutes.", "The data was not touched, and the application is available as far as its services go.", "Look at the events and the log of the service “search”, then restart again.") }),
    archive(at("2026-11-18T10:30:00Z"), "larkfield-library-source-2026-11-18-1130.tar.gz", 38e6, "Anneliese Brandt"),
  ];
  return told;
}

function backingUp() {
  const told = library();
  begin(told, NOW - 34 * SECOND, {
    requested_by: "Maya Lindqvist",
    progress: { done_bytes: 2.31e9, total_bytes: 4.85e9, done_files: 8204, total_files: 17_482, source: "uploads", at: iso(NOW - SECOND) },
  });
  Object.assign(told.records[0], { requested_by: "Maya Lindqvist", notes: "Before the update to 7.5.\nTom stands by until 09:00." });
  return told;
}

/** The restore of the autumn catalogue's backup, with what comes of it. */
function restoring(time, fields, safetyFields = {}) {
  const told = library();
  const safety = record(time, { trigger: "safety", requested_by: "Jonas Okafor", size: size(4.83e9, 6.1e6), ...lasted(time, 58), ...safetyFields });
  const restore = record(time + 1, {
    created_at: iso(time), kind: "restore", trigger: "manual", requested_by: "Jonas Okafor", size: null, restored_from: AUTUMN_ID, safety_backup: safety.id,
    notes: "Catalogue import doubled 1,200 titles. Back to the state before it.", ...fields,
  });
  told.records.unshift(restore, safety);
  told.state.nightly = { ...told.state.nightly, last_success_at: safety.finished_at };
  return told;
}

const REACHED = NOW - 4 * MINUTE - 40 * SECOND;
const failedStages = (...after) => [stage("backup", "done", REACHED, REACHED + 58 * SECOND), stage("restore", "failed", REACHED + 58 * SECOND, REACHED + 99 * SECOND), ...after];

function empty() {
  const told = library();
  told.records = [];
  told.state.nightly = nightly(NOW, "");
  return told;
}

function stuck() {
  const told = restoring(REACHED, {
    status: "FAILED", put_back: false, finished_at: iso(NOW - 88 * SECOND), stages: failedStages(stage("put_back", "failed", REACHED + 99 * SECOND, REACHED + 192 * SECOND)),
    failure: { ...NO_SPACE, done: "Putting the data back from the safety backup failed too: no space left on the volume “appdata”. The data may be incomplete, so maintenance stays on.", to_do: "Make room on the volume “appdata”, then restore the safety backup, or end the maintenance by hand.", first: "Make room on the volume “appdata”.", later_cause: NO_SPACE.cause },
  });
  told.state.maintenance = { on: true, since: iso(REACHED), message: null };
  return told;
}

const begun = (time, kind) => [{ name: kind, state: "in_progress", started_at: iso(time), finished_at: null }];
const openRestore = (number = 1) => async (page) => {
  const row = page.locator(`#r-${AUTUMN_ID}`);
  await row.hover();
  await row.locator("[data-part=restore]").click();
  await page.locator("#confirm-code [aria-hidden]").nth(5).filter({ hasText: /\S/ }).waitFor();
  if (number > 0) await page.locator("#confirm-typed").fill("K7M4PX".slice(0, number));
};

/** @type {{name: string, told: () => object, hash?: string, act?: (page: object, told: object) => Promise<void>, dialog?: boolean}[]} */
export const STATES = [
  { name: "01-list", told: library, act: (page) => page.locator(`#r-${AUTUMN_ID}`).hover() },
  { name: "02-empty", told: empty },
  { name: "03-backup", told: backingUp },
  {
    name: "04-restore",
    told() {
      const time = NOW - 94 * SECOND;
      const told = restoring(time, { status: "IN_PROGRESS", finished_at: null });
      beginWithout(told, time, {
        kind: "restore", record_id: told.records[0].id, stages: [stage("backup", "done", time, time + 58 * SECOND), stage("restore", "in_progress", time + 58 * SECOND), stage("redeploy", "to_come")],
        progress: { done_bytes: 2.98e9, total_bytes: 4.81e9, done_files: 11_000, total_files: 17_482, source: "uploads", at: iso(NOW - SECOND) },
      });
      return told;
    },
    act: (page) => page.locator(`#r-${AUTUMN_ID} [data-part=restore]`).hover(),
  },
  {
    name: "05-restart",
    told() {
      const told = library();
      const time = NOW - 48 * SECOND;
      told.activities.unshift(activity(time, { status: "IN_PROGRESS", finished_at: null, requested_by: "Maya Lindqvist" }));
      beginWithout(told, time, { kind: "restart", record_id: told.activities[0].id, requested_by: "Maya Lindqvist", stages: begun(time, "redeploy") });
      told.state.application = { name: "Larkfield Library", services: { running: 2, desired: 4 } };
      return told;
    },
  },
  {
    name: "06-done",
    told: backingUp,
    async act(page, told) {
      Object.assign(told.records[0], { status: "SUCCESS", finished_at: iso(NOW), size: size(4.83e9, 18.3e6), ...lasted(NOW - 64 * SECOND, 64), created_at: iso(NOW - 64 * SECOND) });
      told.state = { ...told.state, operation: null, maintenance: { on: false, since: null, message: null }, nightly: { ...told.state.nightly, last_success_at: iso(NOW) } };
      await page.evaluate(() => dispatchEvent(new Event("online")));
      await page.locator("#messages .good-tone").waitFor();
    },
  },
  {
    name: "07-failed",
    told() {
      const told = library({ nightly: nightly(NOW, "++++++++++-++-", { last_success_at: week()[1].finished_at }) });
      Object.assign(told.records[0], { status: "FAILED", size: null, failure: NO_DATABASE, ...lasted(LAST_NIGHT, 48, "backup", "failed") });
      return told;
    },
  },
  {
    name: "08-put-back",
    told: () => restoring(REACHED, { status: "FAILED", put_back: true, failure: NO_SPACE, finished_at: iso(REACHED + 236 * SECOND), stages: failedStages(stage("put_back", "done", REACHED + 99 * SECOND, REACHED + 151 * SECOND), stage("redeploy", "done", REACHED + 151 * SECOND, REACHED + 231 * SECOND)) }),
  },
  { name: "09-maintenance", told: stuck },
  {
    name: "10-new-backup",
    told: library,
    dialog: true,
    async act(page) {
      await page.locator("#new-backup").click();
      await page.locator("#new-notes").fill("Before the update to 7.5.\nTom stands by until 09:00.");
    },
  },
  { name: "11-confirm-restore", told: library, dialog: true, act: openRestore(3) },
  { name: "12-confirm-restore-ready", told: library, dialog: true, act: openRestore(6) },
  {
    name: "13-confirm-restore-expired",
    told: library,
    dialog: true,
    async act(page) {
      await openRestore(3)(page);
      await page.clock.fastForward(5 * MINUTE + 2 * SECOND);
      await page.locator("#confirm-trouble .message").waitFor();
      await page.locator("#confirm-code [aria-hidden]").first().filter({ hasText: "R" }).waitFor();
    },
  },
  {
    name: "14-confirm-restore-busy",
    told: library,
    dialog: true,
    async act(page, told) {
      await openRestore(6)(page);
      told.answers["POST /restores"] = () => {
        begin(told, NOW, { requested_by: "Anneliese Brandt" });
        return problem(409, "busy", "busy", { operation: told.state.operation });
      };
      await page.locator("#confirm-typed").press("Enter");
      await page.locator("#confirm-trouble .message").waitFor();
    },
  },
  {
    name: "15-confirm-restart",
    told: library,
    dialog: true,
    async act(page) {
      await page.locator("#restart").click();
      await page.locator("#confirm-code [aria-hidden]").nth(5).filter({ hasText: /\S/ }).waitFor();
    },
  },
  {
    name: "16-confirm-end-maintenance",
    told: stuck,
    dialog: true,
    async act(page) {
      await page.locator("#messages .actions button").nth(1).click();
      await page.locator("#confirm-code [aria-hidden]").nth(5).filter({ hasText: /\S/ }).waitFor();
    },
  },
  {
    name: "17-edit-notes",
    told: library,
    async act(page) {
      await page.locator(`#r-${AUTUMN_ID} [data-part=edit]`).click();
      await page.locator(`#r-${AUTUMN_ID} textarea`).fill(`${AUTUMN}\nLena: fines of October are in this one too.`);
    },
  },
  {
    name: "18-source-ready",
    told() {
      const told = library();
      const [made] = told.activities;
      Object.assign(made, { status: "IN_PROGRESS", finished_at: null });
      beginWithout(told, NOW - MINUTE, { kind: "source_archive", record_id: made.id, stages: begun(NOW - MINUTE, "archive") });
      return told;
    },
    async act(page, told) {
      Object.assign(told.activities[0], { status: "SUCCESS", finished_at: iso(NOW) });
      told.state = { ...told.state, operation: null };
      await page.evaluate(() => dispatchEvent(new Event("online")));
      await page.locator("#messages .good-tone").waitFor();
    },
  },
  {
    name: "19-overdue",
    told() {
      const told = library();
      told.records = told.records.filter(({ created_at }) => Date.parse(created_at) < NOW - DAY - 20 * HOUR || Date.parse(created_at) % DAY === HOUR);
      for (const night of told.records.filter(({ created_at }) => Date.parse(created_at) > NOW - 2 * DAY)) Object.assign(night, { status: "FAILED", size: null, failure: REFUSED, ...lasted(Date.parse(night.created_at), 22, "backup", "failed") });
      told.state.nightly = nightly(NOW, "++++++++++-+--", { last_success_at: "2026-11-22T01:01:04Z", overdue: true });
      return told;
    },
  },
  {
    name: "20-offline",
    told: library,
    async act(page) {
      await page.unrouteAll();
      await page.route("**/api/**", (route) => route.abort());
      await pass(page, 30_000);
      await page.locator("#messages .message").waitFor();
    },
  },
  { name: "21-viewer", told: () => library({ user: { name: "Ruth Sandoval", role: "viewer", signed_in: true } }) },
  { name: "22-activity", told: library, hash: "#activity" },
  // Beyond the pictures.
  {
    name: "23-purge",
    told() {
      const told = library();
      const time = NOW - 4 * SECOND;
      told.activities.unshift(activity(time, { kind: "purge", status: "IN_PROGRESS", finished_at: null, requested_by: "Nightkeep" }));
      Object.assign(told.records[1], { expired: true });
      beginWithout(told, time, { kind: "purge", record_id: told.activities[0].id, requested_by: "Nightkeep", stages: begun(time, "purge") });
      return told;
    },
  },
  {
    name: "24-settings",
    told: () => library({ nightly: nightly(NOW, "++++++++++-+++", { on: false, next_at: null, last_success_at: week()[0].finished_at }), wrong_settings: [{ name: "retention-days", value: "sixty", expected: "a whole number from 1 to 3650", in_force: "60" }] }),
  },
  {
    name: "25-signed-out",
    told: library,
    async act(page, told) {
      told.answers["GET /state"] = () => problem(401, "signed-out", "You are not signed in, or were signed out. Nothing was changed. Sign in again.");
      await page.evaluate(() => dispatchEvent(new Event("online")));
      await page.locator("#messages .message").waitFor();
    },
  },
];

/** Opens a state on this scene. */
export async function openState(scene, t, state, options = {}) {
  const told = state.told();
  const page = await scene.open(t, told, { path: `/${state.hash ?? ""}`, ...options });
  await state.act?.(page, told);
  return page;
}
