// @ts-check
// What the server knows, and how it is asked: every request that the page makes, and what can come of
// it; the time; the state, asked for again and again; and the records that are loaded, newest first.
// No other module calls fetch.

/** @import { Action, ActivitiesPage, Activity, Confirmation, Operation, Record, RecordsPage, RecordWithHistory, SourceArchive, State } from "./types.js" */
/** @import { Piece } from "./page.js" */

import { words } from "./page.js";

/** Milliseconds after which no answer is taken for none. */
const PATIENCE = 15_000;

/** The server refused, and said why (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{type?: string, detail?: string, operation?: Operation | null, record?: Record, too_long_by?: number, contact?: string}} body
   */
  constructor(status, body) {
    super(body.detail ?? words.statusOnly(status));
    this.status = status;
    this.kind = (body.type ?? "").replace("urn:nightkeep:problem:", "");
    this.operation = body.operation ?? null;
    this.record = body.record ?? null;
    this.tooLongBy = body.too_long_by ?? null;
    this.contact = body.contact ?? null;
    const told = body.detail === undefined ? this.message : words.problem(this.kind, this.message);
    /** @type {Piece} in the page's language, if it has words for it */
    this.told = told ?? { text: this.message, lang: "en" };
  }
}

/** No answer came: whether the server did anything is not known. */
export class Unreachable extends Error {}

/** Milliseconds without a touch after which what the page asks by itself no longer keeps the session. */
const ATTENDED = 60_000;

let touchedAt = Date.now();
for (const event of ["pointermove", "click", "keydown", "wheel", "visibilitychange"]) {
  addEventListener(event, () => (touchedAt = Date.now()), { capture: true, passive: true });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, headers?: {[name: string]: string}}} [more]
 */
async function request(method, path, { body, headers = {} } = {}) {
  if (body) headers["content-type"] = "application/json";
  if (Date.now() - touchedAt > ATTENDED) headers["nightkeep-unattended"] = "1";
  let response, text;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    text = await response.text();
  } catch (cause) {
    throw new Unreachable("no answer", { cause });
  }
  learn(response.headers.get("date"));
  if (response.status === 304) return { body: null, etag: null };
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = {};
  }
  if (response.ok) return { body: parsed, etag: response.headers.get("etag") };
  const problem = new Problem(response.status, parsed);
  // Whatever it was that was asked: it is the same for the whole page.
  if (isShutOut(problem) && path !== "/api/state") ask();
  throw problem;
}

/** Whether it is for want of a session or of any role. @param {unknown} error */
export function isShutOut(error) {
  return error instanceof Problem && (error.kind === "signed-out" || error.kind === "no-role");
}

/** @type {{etag: string | null, state: State | null}} */
const known = { etag: null, state: null };

/**
 * The state; the very same object as last time if nothing has changed.
 * @returns {Promise<State>}
 */
async function readState() {
  const answer = await request("GET", "/api/state", { headers: known.etag ? { "if-none-match": known.etag } : {} });
  if (answer.body) {
    known.state = answer.body;
    known.etag = answer.etag;
  }
  return /** @type {State} */ (known.state);
}

/** @param {{before: string | null, limit: number}} range @returns {Promise<RecordsPage>} */
async function readRecords(range) {
  return (await request("GET", `/api/records?${query(range)}`)).body;
}

/** A record with its earlier notes. @param {string} id @returns {Promise<RecordWithHistory>} */
export async function readRecord(id) {
  return (await request("GET", `/api/records/${id}`)).body.record;
}

/**
 * @param {string} id
 * @param {string} notes
 * @param {number} version the version that they are to replace
 * @returns {Promise<Record>}
 */
export async function saveNotes(id, notes, version) {
  const answer = await request("PATCH", `/api/records/${id}`, { body: { notes }, headers: { "if-match": `"${version}"` } });
  return answer.body.record;
}

/** @param {string} notes @returns {Promise<Record>} */
export async function startBackup(notes) {
  return (await request("POST", "/api/backups", { body: { notes } })).body.record;
}

/**
 * The characters that have to be typed before something is done.
 * @param {Action} action
 * @param {string | null} recordId what is to be restored
 * @returns {Promise<Confirmation>}
 */
export async function askForConfirmation(action, recordId) {
  return (await request("POST", "/api/confirmations", { body: recordId ? { action, record_id: recordId } : { action } })).body;
}

/** @typedef {{id: string, code: string}} Typed a confirmation, and what was typed */

/** @param {string} recordId @param {Typed} confirmation @returns {Promise<Record>} */
export async function startRestore(recordId, confirmation) {
  return (await request("POST", "/api/restores", { body: { record_id: recordId, confirmation } })).body.record;
}

/** @param {Typed} confirmation @returns {Promise<Activity>} */
export async function startRestart(confirmation) {
  return (await request("POST", "/api/restarts", { body: { confirmation } })).body.activity;
}

/** @param {Typed} confirmation */
export async function endMaintenance(confirmation) {
  await request("POST", "/api/maintenance/end", { body: { confirmation } });
}

/** @returns {Promise<Activity>} */
export async function startSourceArchive() {
  return (await request("POST", "/api/source-archives", { body: {} })).body.activity;
}

/** A source archive; its link is made for this answer. @param {string} id @returns {Promise<SourceArchive>} */
export async function readSourceArchive(id) {
  return (await request("GET", `/api/source-archives/${id}`)).body;
}

/** @param {{before: string | null, limit: number}} range @returns {Promise<ActivitiesPage>} */
export async function readActivities(range) {
  return (await request("GET", `/api/activity?${query(range)}`)).body;
}

/** @param {string} id @returns {Promise<Activity>} */
export async function readActivity(id) {
  return (await request("GET", `/api/activity/${id}`)).body.activity;
}

/** @returns {Promise<{url: string}>} where to go then */
export async function signOut() {
  return (await request("POST", "/sign-out", { body: {} })).body;
}

/** Where to sign in, and come back to what is shown now. */
export function signInAddress() {
  return `/sign-in?to=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
}

/** @param {{before: string | null, limit: number}} range */
function query({ before, limit }) {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (before) parameters.set("before", before);
  return parameters;
}

// ---- The time. What the page shows is reckoned from the server's times, so a browser whose clock is
// wrong is corrected by the server's; relative times change once a minute, not with every refresh.

/** Below this the difference is the network's and the header's whole seconds, not a wrong clock. */
const TOLERANCE = 5000;

let clockAhead = 0;
let minute = Date.now();

/** Learns from the Date header of an answer how far the server's clock is ahead. @param {string | null} header */
function learn(header) {
  const difference = Date.parse(header ?? "") - Date.now();
  if (Number.isNaN(difference) || Math.abs(difference - clockAhead) <= TOLERANCE) return;
  clockAhead = difference;
  minute = now();
}

/** Milliseconds since 1970, by the server's clock. */
export const now = () => Date.now() + clockAhead;

/** The time from which relative times are reckoned. */
export const minuteNow = () => minute;

/** Calls back whenever relative times are due to change. @param {() => void} callback */
export function everyMinute(callback) {
  const tick = () => {
    minute = now();
    callback();
  };
  setInterval(tick, 60_000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}

// ---- The state is asked for often while something is in progress, seldom otherwise, never while the
// page is hidden and at once when it is shown again.

const BUSY = 2000;
const IDLE = 20_000;
/** Milliseconds until the next try, one for each failure in a row. The first is not worth a word. */
const TRIES = [1000, 2000, 4000, 8000, 15_000, 30_000];

/**
 * @typedef {object} Connection
 * @property {boolean} lost
 * @property {Piece | null} trouble what the server said, if it answered at all
 * @property {Problem | null} shutOut for want of a session or of any role
 * @property {number | null} asOf when the last answer came
 * @property {number} retryAt when the next try is due
 */

/** @type {Connection} */
export const connection = { lost: false, trouble: null, shutOut: null, asOf: null, retryAt: 0 };

let failures = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {Promise<void> | null} */
let asking = null;
/** @type {(state: State) => void | Promise<void>} */
let pass = () => {};
/** @type {() => void} */
let lost = () => {};

/**
 * @param {(state: State) => void | Promise<void>} onState after every answer
 * @param {() => void} onLost when there was none
 */
export function watchState(onState, onLost) {
  pass = onState;
  lost = onLost;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else ask();
  });
  window.addEventListener("online", () => ask());
  ask();
}

/** Asks now; the promise ends when an answer to a question asked from now on has been dealt with. */
export async function refresh() {
  if (asking) await asking;
  await ask();
}

/** @returns {Promise<void>} */
function ask() {
  clearTimeout(timer);
  asking ??= once().finally(() => (asking = null));
  return asking;
}

async function once() {
  let state;
  try {
    state = await readState();
  } catch (error) {
    failed(/** @type {Error} */ (error));
    return;
  }
  failures = 0;
  Object.assign(connection, { lost: false, trouble: null, shutOut: null, asOf: now() });
  try {
    await pass(state);
  } finally {
    // Only now: nothing is asked while an answer is dealt with, so a timer that rings then sets no other.
    schedule(state.operation ? BUSY : IDLE);
  }
}

/** @param {Error} error */
function failed(error) {
  if (isShutOut(error)) {
    failures = 0;
    // Somebody may sign in again in another tab.
    schedule(IDLE);
    Object.assign(connection, { lost: false, trouble: null, shutOut: error });
    lost();
    return;
  }
  const wait = TRIES[Math.min(failures, TRIES.length - 1)];
  failures += 1;
  schedule(wait);
  if (failures === 1) return;
  const trouble = error instanceof Problem ? error.told : error instanceof Unreachable ? null : error.message;
  Object.assign(connection, { lost: true, trouble, retryAt: Date.now() + wait });
  lost();
}

/** @param {number} wait */
function schedule(wait) {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(ask, wait);
}

// ---- The records that the page has loaded. They are read again when something has changed and older
// ones are added on demand; ids sort by time, so the order is theirs.

const FIRST = 50;
const OLDER = 100;
/** The most that the server gives at once. */
const MOST = 200;

/** @type {Record[]} */
let all = [];
/** @type {Map<string, Record>} */
let named = new Map();
/** @type {Map<string, Record>} the restore that each safety backup was made for */
let restores = new Map();
/** @type {string | null} */
let next = null;
let loaded = false;
/** @type {() => void} */
let changed = () => {};
/** @type {Promise<void>} */
let last = Promise.resolve();

export const records = {
  /** @param {() => void} callback whenever the list has changed */
  onChange: (callback) => (changed = callback),
  all: () => all,
  isLoaded: () => loaded,
  hasOlder: () => next !== null,
  /** @param {string | null | undefined} id */
  find: (id) => named.get(id ?? "") ?? null,
  /** @param {string} safety a safety backup's id */
  restoreOf: (safety) => restores.get(safety) ?? null,
  newestEnded: () => all.find((record) => record.status !== "IN_PROGRESS") ?? null,
  newestSuccess: () => all.find((record) => record.kind === "backup" && record.status === "SUCCESS" && !record.expired) ?? null,

  /** Reads what is loaded again, one reading after the other. */
  reload() {
    last = last.catch(() => {}).then(async () => {
      const page = await readRecords({ before: null, limit: Math.min(MOST, Math.max(FIRST, all.length + 10)) });
      const end = page.records.at(-1)?.id;
      const older = page.next === null || end === undefined ? [] : all.filter((record) => record.id < end);
      if (older.length === 0) next = page.next;
      loaded = true;
      hold([...page.records.map(withNewestNotes), ...older]);
    });
    return last;
  },

  /** Adds the next page of older ones. */
  loadOlder() {
    last = last.catch(() => {}).then(async () => {
      if (next === null) return;
      const page = await readRecords({ before: next, limit: OLDER });
      const end = all.at(-1)?.id;
      next = page.next;
      hold([...all, ...page.records.filter((record) => end === undefined || record.id < end)]);
    });
    return last;
  },

  /** Takes over a record that the server has just given, new or changed. @param {Record} record */
  put(record) {
    const others = all.filter((other) => other.id !== record.id);
    const position = others.findIndex((other) => other.id < record.id);
    if (position < 0 && next !== null && !records.find(record.id)) return;
    others.splice(position < 0 ? others.length : position, 0, withNewestNotes(record));
    hold(others);
  },
};

/** @param {Record[]} list */
function hold(list) {
  all = list;
  named = new Map(list.map((record) => [record.id, record]));
  restores = new Map(list.flatMap((record) => (record.safety_backup ? [[record.safety_backup, record]] : [])));
  changed();
}

/**
 * An answer may have been written before the last change of the notes came in.
 * @param {Record} record
 * @returns {Record}
 */
function withNewestNotes(record) {
  const ours = records.find(record.id);
  if (!ours || ours.notes_version <= record.notes_version) return record;
  return { ...record, notes: ours.notes, notes_version: ours.notes_version, notes_edited: ours.notes_edited };
}
