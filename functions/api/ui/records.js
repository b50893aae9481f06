// @ts-check
// The records that the page has loaded, newest first. They are read again when something has changed
// and older ones are added on demand; ids sort by time, so the order is theirs.

/** @import { Record } from "./types.js" */

import { readRecords } from "./api.js";

const PAGE = 50;
/** The most that the server gives at once. */
const MOST = 200;

/** @type {Record[]} */
let list = [];
/** @type {string | null} */
let next = null;
let loaded = false;
/** @type {() => void} */
let changed = () => {};
/** @type {Promise<void>} */
let last = Promise.resolve();

/** @param {() => void} callback whenever the list has changed */
export function onChange(callback) {
  changed = callback;
}

export const all = () => list;
export const isLoaded = () => loaded;
export const hasOlder = () => next !== null;

/** @param {string | null} id */
export function find(id) {
  return list.find((record) => record.id === id) ?? null;
}

/** Reads what is loaded again, one reading after the other. */
export function reload() {
  last = last.catch(() => {}).then(async () => {
    const page = await readRecords({ before: null, limit: Math.min(MOST, Math.max(PAGE, list.length + 10)) });
    const end = page.records.at(-1)?.id;
    const older = page.next === null || end === undefined ? [] : list.filter((record) => record.id < end);
    if (older.length === 0) next = page.next;
    list = [...page.records.map(withNewestNotes), ...older];
    loaded = true;
    changed();
  });
  return last;
}

/** Adds the next page of older ones. */
export function loadOlder() {
  last = last.catch(() => {}).then(async () => {
    if (next === null) return;
    const page = await readRecords({ before: next, limit: PAGE });
    const end = list.at(-1)?.id;
    list = [...list, ...page.records.filter((record) => end === undefined || record.id < end)];
    next = page.next;
    changed();
  });
  return last;
}

/**
 * Takes over a record that the server has just given, new or changed.
 * @param {Record} record
 */
export function put(record) {
  const others = list.filter((other) => other.id !== record.id);
  const position = others.findIndex((other) => other.id < record.id);
  if (position < 0 && next !== null && !find(record.id)) return;
  others.splice(position < 0 ? others.length : position, 0, withNewestNotes(record));
  list = others;
  changed();
}

/**
 * An answer may have been written before the last change of the notes came in.
 * @param {Record} record
 * @returns {Record}
 */
function withNewestNotes(record) {
  const ours = find(record.id);
  if (!ours || ours.notes_version <= record.notes_version) return record;
  return { ...record, notes: ours.notes, notes_version: ours.notes_version };
}
