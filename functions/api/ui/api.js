// @ts-check
// Every request that the page makes, and what can come of it: an answer, a problem that the server
// names, or no answer at all. No other module calls fetch.

/** @import { Action, ActivitiesPage, Activity, Confirmation, Operation, Record, RecordsPage, SourceArchive, State } from "./types.js" */

import { learn } from "./clock.js";

/** Milliseconds after which no answer is taken for none. */
const PATIENCE = 15_000;

/** The server refused, and said why (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{type?: string, detail?: string, operation?: Operation | null, record?: Record, too_long_by?: number}} body
   */
  constructor(status, body) {
    super(body.detail ?? `The server answered with status ${status}.`);
    this.status = status;
    this.kind = (body.type ?? "").replace("urn:nightkeep:problem:", "");
    this.operation = body.operation ?? null;
    this.record = body.record ?? null;
    this.tooLongBy = body.too_long_by ?? null;
  }
}

/** No answer came: whether the server did anything is not known. */
export class Unreachable extends Error {}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, headers?: {[name: string]: string}}} [more]
 */
async function request(method, path, { body, headers = {} } = {}) {
  if (body) headers["content-type"] = "application/json";
  let response, text;
  try {
    response = await fetch(`/api${path}`, {
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
  if (!response.ok) throw new Problem(response.status, parsed);
  return { body: parsed, etag: response.headers.get("etag") };
}

/** @type {{etag: string | null, state: State | null}} */
const known = { etag: null, state: null };

/**
 * The state; the very same object as last time if nothing has changed.
 * @returns {Promise<State>}
 */
export async function readState() {
  const answer = await request("GET", "/state", { headers: known.etag ? { "if-none-match": known.etag } : {} });
  if (answer.body) {
    known.state = answer.body;
    known.etag = answer.etag;
  }
  return /** @type {State} */ (known.state);
}

/**
 * @param {{before: string | null, limit: number}} range
 * @returns {Promise<RecordsPage>}
 */
export async function readRecords(range) {
  return (await request("GET", `/records?${query(range)}`)).body;
}

/**
 * @param {string} id
 * @param {string} notes
 * @param {number} version the version that they are to replace
 * @returns {Promise<Record>}
 */
export async function saveNotes(id, notes, version) {
  const answer = await request("PATCH", `/records/${id}`, { body: { notes }, headers: { "if-match": `"${version}"` } });
  return answer.body.record;
}

/**
 * @param {string} notes
 * @returns {Promise<Record>}
 */
export async function startBackup(notes) {
  return (await request("POST", "/backups", { body: { notes } })).body.record;
}

/**
 * The characters that have to be typed before something is done.
 * @param {Action} action
 * @param {string | null} recordId what is to be restored
 * @returns {Promise<Confirmation>}
 */
export async function askForConfirmation(action, recordId) {
  return (await request("POST", "/confirmations", { body: recordId ? { action, record_id: recordId } : { action } })).body;
}

/**
 * @typedef {{id: string, code: string}} Typed a confirmation, and what was typed
 */

/**
 * @param {string} recordId
 * @param {Typed} confirmation
 * @returns {Promise<Record>}
 */
export async function startRestore(recordId, confirmation) {
  return (await request("POST", "/restores", { body: { record_id: recordId, confirmation } })).body.record;
}

/**
 * @param {Typed} confirmation
 * @returns {Promise<Activity>}
 */
export async function startRestart(confirmation) {
  return (await request("POST", "/restarts", { body: { confirmation } })).body.activity;
}

/** @param {Typed} confirmation */
export async function endMaintenance(confirmation) {
  await request("POST", "/maintenance/end", { body: { confirmation } });
}

/** @returns {Promise<Activity>} */
export async function startSourceArchive() {
  return (await request("POST", "/source-archives", { body: {} })).body.activity;
}

/**
 * A source archive; its link is made for this answer.
 * @param {string} id
 * @returns {Promise<SourceArchive>}
 */
export async function readSourceArchive(id) {
  return (await request("GET", `/source-archives/${id}`)).body;
}

/**
 * @param {{before: string | null, limit: number}} range
 * @returns {Promise<ActivitiesPage>}
 */
export async function readActivities(range) {
  return (await request("GET", `/activity?${query(range)}`)).body;
}

/**
 * @param {string} id
 * @returns {Promise<Activity>}
 */
export async function readActivity(id) {
  return (await request("GET", `/activity/${id}`)).body.activity;
}

/** @param {{before: string | null, limit: number}} range */
function query({ before, limit }) {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (before) parameters.set("before", before);
  return parameters;
}
