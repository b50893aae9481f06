// @ts-check
// The second view: what was done and is no row of the table, newest first. Rows are matched by id and
// changed in place.

/** @import { Activity } from "./types.js" */

import { readActivities } from "./api.js";
import { minuteNow, now } from "./clock.js";
import { byId, fromTemplate, part, setAttribute, setAvailable, setIcon, setPieces, setShown, setText, unavailable } from "./dom.js";
import { download } from "./download.js";
import { agoByDay, date, duration, exact, size } from "./format.js";
import { alarm, say } from "./live.js";
import { zoneOf } from "./table.js";
import { STATUS, purged as purgedText } from "./words.js";

const PAGE = 50;

const WORDS = { restart: "Restart of all services", source_archive: "Source archive", end_maintenance: "Maintenance ended by hand", purge: "Purge" };

/** @type {Activity[]} */
let list = [];
/** @type {string | null} */
let next = null;
let loaded = false;
let connected = true;
let retentionDays = 0;
/** @type {Map<string, HTMLElement>} */
const rows = new Map();
/** @type {Promise<void>} */
let last = Promise.resolve();

/** Reads the newest ones again, keeping the older ones that are loaded. */
export function reload() {
  last = last.catch(() => {}).then(async () => {
    const page = await readActivities({ before: null, limit: PAGE });
    const end = page.activities.at(-1)?.id;
    const older = page.next === null || end === undefined ? [] : list.filter(({ id }) => id < end);
    if (older.length === 0) next = page.next;
    list = [...page.activities, ...older];
    loaded = true;
    render();
  });
  return last;
}

/**
 * @param {boolean} isConnected
 * @param {number} days how long records are kept
 */
export function show(isConnected, days) {
  connected = isConnected;
  retentionDays = days;
  render();
}

/** Once a second. */
export function tick() {
  for (const activity of list) if (activity.status === "IN_PROGRESS") showDuration(activity);
}

export function watchEnd() {
  byId("older-activity").addEventListener("click", older);
}

async function older() {
  const button = byId("older-activity");
  if (unavailable(button) || next === null) return;
  setAvailable(button, "more-activity-trouble");
  const before = next;
  let worked = true;
  last = last.catch(() => {}).then(async () => {
    const page = await readActivities({ before, limit: PAGE });
    const known = new Set(list.map(({ id }) => id));
    list = [...list, ...page.activities.filter(({ id }) => !known.has(id))];
    next = page.next;
  });
  await last.catch(() => {
    worked = false;
    alarm("Older entries could not be loaded.");
  });
  setShown(byId("more-activity-trouble"), !worked);
  setAvailable(button, null);
  setText(button, worked ? "Show older entries" : "Try again");
  render();
}

function render() {
  const body = byId("activity-rows");
  const ids = new Set(list.map(({ id }) => id));
  for (const [id, row] of rows) {
    if (ids.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  const newest = list.find(({ source_archive }) => source_archive !== null)?.id;
  for (const [position, activity] of list.entries()) {
    let row = rows.get(activity.id);
    if (!row) {
      row = create(activity.id);
      rows.set(activity.id, row);
    }
    if (body.children[position] !== row) body.insertBefore(row, body.children[position] ?? null);
    update(row, activity, activity.id === newest);
  }
  setShown(byId("activity"), loaded && list.length > 0);
  setShown(byId("no-activity"), loaded && list.length === 0);
  setShown(byId("more-activity"), next !== null);
  setText(byId("activity-zone"), `(${zoneOf(list)})`);
}

/** @param {string} id */
function create(id) {
  const row = fromTemplate("t-activity");
  const button = part(row, "download");
  button.addEventListener("click", () => {
    if (unavailable(button)) say("Unavailable until the connection is back.");
    else download(id, button);
  });
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {Activity} activity
 * @param {boolean} isNewest whether it is the newest source archive, the one that is kept
 */
function update(row, activity, isNewest) {
  const created = Date.parse(activity.created_at);
  const status = STATUS[activity.status];
  setAttribute(part(row, "status"), "class", `status ${status.look}`);
  setIcon(part(row, "status"), status.icon);
  part(row, "status").querySelector("svg")?.classList.toggle("turning", activity.status === "IN_PROGRESS");
  setText(part(row, "status-word"), status.word);
  const time = part(row, "date");
  setAttribute(time, "datetime", activity.created_at);
  setAttribute(time, "title", exact(created));
  setText(time, date(created));
  setText(part(row, "ago"), agoByDay(created, minuteNow()));
  setText(part(row, "what"), WORDS[activity.kind] ?? activity.kind);
  const made = activity.source_archive;
  const more = made ? [{ text: made.file_name, look: "mono" }, `, ${size(made.size_bytes)}${isNewest ? "" : ", no longer kept"}`] : activity.purged ? [purgedText(activity.purged, retentionDays)] : [];
  setPieces(part(row, "more"), more);
  setShown(part(row, "more"), more.length > 0);
  const { failure } = activity;
  setShown(part(row, "cause"), failure !== null);
  setText(part(row, "cause-text"), failure ? `${failure.happened} ${failure.done} ${failure.to_do}` : "");
  setText(part(row, "trigger"), activity.kind === "purge" ? "Automatic" : "Manual");
  setText(part(row, "by"), activity.kind === "purge" ? "Every night" : activity.requested_by);
  showDuration(activity);
  const button = part(row, "download");
  setShown(button, made !== null && isNewest);
  setAttribute(button, "aria-label", made ? `Download ${made.file_name}` : null);
  setAvailable(button, connected ? null : "why");
}

/** @param {Activity} activity */
function showDuration({ id, kind, created_at, finished_at }) {
  const row = rows.get(id);
  if (!row) return;
  const end = finished_at ? Date.parse(finished_at) : now();
  setText(part(row, "duration"), kind === "end_maintenance" ? "–" : duration(end - Date.parse(created_at)));
}
