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
    size: { total_bytes: 4.83e9, added_bytes: 41.2e6, files: 17_482 }, stages: [stage], snapshots: [], failure: null, ...fields,
  };
}

export function operation(time, fields = {}) {
  return {
    id: idAt(time, 1), kind: "backup", record_id: idAt(time), started_at: iso(time), requested_by: "Jonas Okafor",
    stages: [{ name: "backup", state: "in_progress", started_at: iso(time), finished_at: null }], progress: null, ...fields,
  };
}

/** A world in which nothing happens until the test changes it. */
export function world(records = [], state = {}) {
  return {
    records,
    asked: { state: 0, records: 0 },
    headers: {},
    state: {
      application: { name: "Larkfield Library", services: { running: 4, desired: 4 } },
      operation: null,
      maintenance: { on: false, since: null, message: null },
      nightly: { next_at: null, time: null, time_zone: null, last_success_at: null, overdue: false, nights: [] },
      usual_seconds: { backup: null, restore: null, restart: null },
      retention_days: 60,
      user: { name: "Maya Lindqvist", role: "operator" },
      ...state,
    },
  };
}

/** Begins an operation in the world. */
export function begin(world, time, fields) {
  world.records.unshift(record(time, { trigger: "manual", status: "IN_PROGRESS", finished_at: null, size: null }));
  world.state = { ...world.state, operation: operation(time, fields), maintenance: { on: true, since: iso(time), message: null } };
}

/** Has the page told what is in the world. */
export const tells = (world) => async (page) => {
  await page.route("**/api/state", (route) => {
    world.asked.state += 1;
    return route.fulfill({ json: world.state, headers: world.headers });
  });
  await page.route("**/api/records?*", (route) => {
    world.asked.records += 1;
    const query = new URL(route.request().url()).searchParams;
    const before = query.get("before") ?? "~";
    const limit = Number(query.get("limit"));
    const found = world.records.filter(({ id }) => id < before);
    const records = found.slice(0, limit);
    return route.fulfill({ json: { records, next: found.length > limit ? records.at(-1).id : null }, headers: world.headers });
  });
};
