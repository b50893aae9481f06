// Answers made for a test, where the real program would take days or luck to give them: the page comes
// from the program, what it is told from here.

export const SECOND = 1000;
export const HOUR = 3600 * SECOND;
export const DAY = 24 * HOUR;

export const iso = (time) => new Date(time).toISOString();

/** The id of a record made at that time. */
export function idAt(time, number = 0) {
  const stamp = time.toString(16).padStart(12, "0");
  return `${stamp.slice(0, 8)}-${stamp.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}

export function record(time, fields = {}) {
  const stage = { name: "backup", state: "done", started_at: iso(time), finished_at: iso(time + 58 * SECOND) };
  return {
    id: idAt(time), kind: "backup", trigger: "scheduled", status: "SUCCESS", created_at: iso(time), finished_at: iso(time + 58 * SECOND),
    notes: "", notes_version: 1, requested_by: "Maya Lindqvist", restored_from: null, safety_backup: null, put_back: null,
    size: { total_bytes: 4.83e9, added_bytes: 41.2e6, files: 17_482 }, stages: [stage], snapshots: [], failure: null, expired: false, notes_edited: null, ...fields,
  };
}

export function operation(time, fields = {}) {
  return {
    id: idAt(time, 1), kind: "backup", record_id: idAt(time), started_at: iso(time), requested_by: "Jonas Okafor",
    stages: [{ name: "backup", state: "in_progress", started_at: iso(time), finished_at: null }], progress: null, ...fields,
  };
}

export function activity(time, fields = {}) {
  return {
    id: idAt(time), kind: "restart", status: "SUCCESS", created_at: iso(time), finished_at: iso(time + 92 * SECOND), requested_by: "Jonas Okafor",
    stages: [], source_archive: null, purged: null, failure: null, ...fields,
  };
}

/** A failure with this cause, in these sentences. */
export const failure = (cause, happened, done, to_do, more = {}) => ({
  code: cause.code, happened, done, to_do, first: to_do, cause, later_cause: null, stays: false, ...more,
});

/** A restore of the first record, and its safety backup: newest first, as the server gives them. */
export function restore(time, restored, fields = {}) {
  const [begun, copied, safe] = [time + 156 * SECOND, time + 99 * SECOND, time + 58 * SECOND];
  const stage = (name, from, to, state = "done") => ({ name, state, started_at: iso(from), finished_at: iso(to) });
  const safety = record(time, { trigger: "safety", requested_by: "Jonas Okafor" });
  const stages = [stage("backup", time, safe), stage("restore", safe, copied), stage("redeploy", copied, begun)];
  const made = record(time + 1, {
    kind: "restore", trigger: "manual", requested_by: "Jonas Okafor", created_at: iso(time), finished_at: iso(begun), size: null,
    restored_from: restored, safety_backup: safety.id, stages, ...fields,
  });
  return [made, safety];
}

/** A world in which nothing happens until the test changes it. */
export function world(records = [], state = {}) {
  return {
    records,
    activities: [],
    /** The characters to be typed, one set after the other. */
    codes: ["K7M4PX", "R3WT9H", "4HQ9TC", "W6RJ2D"],
    /** What the page has sent: `POST /restores` and the body. */
    sent: [],
    /** Answers of the test's own to a request, by `POST /restores`. */
    answers: {},
    asked: { state: 0, records: 0 },
    headers: {},
    state: {
      application: { name: "Larkfield Library", services: { running: 4, desired: 4 } },
      operation: null,
      maintenance: { on: false, since: null, message: null },
      nightly: { on: false, next_at: null, time: null, time_zone: null, last_success_at: null, overdue: false, nights: [] },
      usual_seconds: { backup: null, restore: null, restart: null },
      retention_days: 60,
      wrong_settings: [],
      user: { name: "Maya Lindqvist", role: "operator", signed_in: false },
      ...state,
    },
  };
}

/** A schedule of every night at 02:00, with how the last nights went: `+` success, `-` failed, `.` none, `~` in progress. */
export function nightly(now, nights, fields = {}) {
  const OUTCOMES = { "+": "success", "-": "failed", ".": "none", "~": "in_progress" };
  const dates = [...nights].map((night, position) => ({ date: iso(now - (nights.length - 1 - position) * DAY).slice(0, 10), outcome: OUTCOMES[night] }));
  return { on: true, next_at: "2026-11-25T01:00:00Z", time: "02:00", time_zone: "Europe/Berlin", last_success_at: null, overdue: false, nights: dates, ...fields };
}

/** Begins an operation in the world. */
export function begin(world, time, fields) {
  world.records.unshift(record(time, { trigger: "manual", status: "IN_PROGRESS", finished_at: null, size: null }));
  beginWithout(world, time, fields);
}

/** Begins one whose records, if it has any, the test has put there. */
export function beginWithout(world, time, fields) {
  const on = !["source_archive", "purge"].includes(fields?.kind);
  world.state = { ...world.state, operation: operation(time, fields), maintenance: { on, since: on ? iso(time) : null, message: null } };
}

/** Ends the operation in the world. */
export function end(world) {
  world.state = { ...world.state, operation: null, maintenance: { on: false, since: null, message: null } };
}

/** How the server refuses. */
export const problem = (status, type, detail, more = {}) => ({ status, json: { type: `urn:nightkeep:problem:${type}`, title: type, status, detail, ...more } });

/** A page of what is in the world, and the id to ask for the next one with. */
function pageOf(all, name, query) {
  const before = query.get("before") ?? "~";
  const limit = Number(query.get("limit"));
  const found = all.filter(({ id }) => id < before);
  const shown = found.slice(0, limit);
  return { json: { [name]: shown, next: found.length > limit ? shown.at(-1).id : null } };
}

/** Has the page told what is in the world. */
export const tells = (world) => async (page) => {
  await page.route("**/api/**", async (route) => {
    const request = route.request();
    const { pathname, searchParams } = new URL(request.url());
    const path = pathname.slice("/api".length);
    const asked = `${request.method()} ${path}`;
    const body = request.postDataJSON();
    if (request.method() !== "GET") world.sent.push([asked, body]);
    const own = world.answers[asked];
    await route.fulfill({ headers: world.headers, ...(own ? await own(body) : await answer(world, page, asked, searchParams)) });
  });
};

async function answer(world, page, asked, query) {
  const one = /^GET \/activity\/(.+)$/.exec(asked)?.[1];
  if (one) return { json: { activity: world.activities.find(({ id }) => id === one) } };
  switch (asked) {
    case "GET /state":
      world.asked.state += 1;
      return { json: world.state };
    case "GET /records":
      world.asked.records += 1;
      return pageOf(world.records, "records", query);
    case "GET /activity":
      return pageOf(world.activities, "activities", query);
    case "POST /confirmations": {
      const code = world.codes.shift();
      return { status: 201, json: { id: `confirmation of ${code}`, code, expires_at: iso((await page.evaluate(() => Date.now())) + 300 * SECOND) } };
    }
    default:
      return problem(404, "no-such-path", `There is nothing at ${asked}.`);
  }
}
