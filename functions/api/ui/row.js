// @ts-check
// One row of the table: a record, and what can be done with it. It is made once and then changed in
// place, so that the focus, a selection, open details and text being written stay.

/** @import { Progress, Record, State } from "./types.js" */

import { minuteNow, now } from "./clock.js";
import * as details from "./details.js";
import { fromTemplate, part, setAttribute, setAvailable, setIcon, setShown, setText, unavailable } from "./dom.js";
import { agoByDay, clockOrDay, date, duration, exact, size, timeOfId } from "./format.js";
import { say } from "./live.js";
import { cause } from "./news.js";
import { createEditor, hasDraft } from "./notes.js";
import { currentStage } from "./progress.js";
import { STATUS, capital, started } from "./words.js";

/**
 * What a row shows beside its own record.
 * @typedef {object} Around
 * @property {State | null} state
 * @property {boolean} connected
 * @property {string | null} hindrance why nothing can be started now
 * @property {Record[]} records
 * @property {(record: Record) => void} onRestore
 */

/**
 * @param {Record} first
 */
export function createRow(first) {
  const row = fromTemplate("t-record");
  row.id = `r-${first.id}`;
  let record = first;
  /** @type {Around} */
  let around = { state: null, connected: true, hindrance: null, records: [], onRestore: () => {} };
  /** @type {HTMLElement | null} */
  let sheet = null;
  /** @type {ReturnType<typeof createEditor> | null} */
  let editor = null;
  const edit = part(row, "edit");
  const toggle = part(row, "toggle");
  const restore = part(row, "restore");

  restore.addEventListener("click", () => {
    if (unavailable(restore)) say(`${around.hindrance}.`);
    else around.onRestore(record);
  });
  edit.addEventListener("click", () => {
    if (unavailable(edit)) say("Unavailable until the connection is back.");
    else (editor ?? write()).focus();
  });
  toggle.addEventListener("click", () => (sheet ? close() : open()));

  function write() {
    const begun = createEditor(() => record, () => {
      begun.form.remove();
      editor = null;
      showNotes();
      edit.focus();
    });
    editor = begun;
    part(row, "notes").before(begun.form);
    showNotes();
    return begun;
  }

  function open() {
    if (sheet) return;
    sheet = details.create(row.id);
    details.show(sheet, record, around.records);
    row.after(sheet);
    row.classList.add("has-details");
    setAttribute(toggle, "aria-expanded", "true");
    setAttribute(toggle, "aria-controls", sheet.id);
  }

  function close() {
    sheet?.remove();
    sheet = null;
    row.classList.remove("has-details");
    setAttribute(toggle, "aria-expanded", "false");
    setAttribute(toggle, "aria-controls", null);
  }

  function showNotes() {
    const isRestore = record.kind === "restore";
    const empty = record.notes.trim() === "";
    setShown(part(row, "restored"), isRestore && record.restored_from !== null);
    if (record.restored_from) {
      const link = /** @type {HTMLAnchorElement} */ (part(row, "restored-link"));
      setAttribute(link, "href", `#r-${record.restored_from}`);
      setText(link, date(timeOfId(record.restored_from)));
    }
    const isSafety = record.trigger === "safety";
    setShown(part(row, "before"), isSafety);
    setText(part(row, "before"), isSafety ? madeBefore(record, around.records) : "");
    setShown(part(row, "expired"), record.expired === true);
    setText(part(row, "notes"), record.notes);
    setShown(part(row, "notes"), !editor && !empty);
    setShown(part(row, "no-notes"), !editor && empty && !isRestore && !isSafety && !record.failure && !record.expired);
    setShown(part(row, "cause"), record.failure !== null);
    setText(part(row, "cause-text"), [cause(record).happened, aftermath(record)].join(" ").trim());
    part(row, "notes-cell").classList.toggle("is-empty", !part(row, "no-notes").hidden);
  }

  /** Once a second: how long it has been going on. */
  function tick() {
    const end = record.finished_at ? Date.parse(record.finished_at) : now();
    setText(part(row, "duration"), duration(end - Date.parse(record.created_at)));
  }

  /**
   * @param {Record} newest
   * @param {Around} newAround
   */
  function update(newest, newAround) {
    record = newest;
    around = newAround;
    const created = Date.parse(record.created_at);
    const name = `the ${record.kind} of ${date(created)}`;
    row.classList.toggle("is-restore", record.kind === "restore");
    const status = STATUS[record.status];
    setAttribute(part(row, "status"), "class", `status ${status.look}`);
    setIcon(part(row, "status"), status.icon);
    part(row, "status").querySelector("svg")?.classList.toggle("turning", record.status === "IN_PROGRESS");
    setText(part(row, "status-word"), status.word);
    setText(part(row, "kind"), capital(record.kind));
    const time = part(row, "date");
    setAttribute(time, "datetime", record.created_at);
    setAttribute(time, "title", exact(created));
    setText(time, date(created));
    setText(part(row, "ago"), agoByDay(created, minuteNow()));
    showNotes();
    const { word, by } = started(record);
    setText(part(row, "trigger"), word);
    setText(part(row, "by"), by);
    const [amount, more] = amounts(record, around);
    setText(part(row, "size"), amount);
    setText(part(row, "size-more"), more);
    tick();
    setShown(restore, record.kind === "backup" && record.status === "SUCCESS" && !record.expired);
    setAttribute(restore, "aria-label", `Restore ${name}`);
    setAvailable(restore, around.hindrance === null ? null : "why");
    setAttribute(restore, "data-why", around.hindrance);
    setAttribute(edit, "aria-label", `Edit notes of ${name}`);
    setAttribute(toggle, "aria-label", `Details of ${name}`);
    setAvailable(edit, around.connected ? null : "why");
    setAttribute(edit, "data-why", around.connected ? null : "Unavailable until the connection is back");
    if (sheet) details.show(sheet, record, around.records);
    editor?.refresh();
  }

  if (hasDraft(first.id)) write();
  return {
    row,
    update,
    tick,
    open,
    isRunning: () => record.status === "IN_PROGRESS",
    isWriting: () => editor?.isChanged() ?? false,
    /** @param {Element | null} place puts the row, and what is open below it, before this */
    moveBefore(place) {
      row.parentElement?.insertBefore(row, place);
      if (sheet) row.after(sheet);
    },
    /** The last element that belongs to the row. */
    last: () => sheet ?? row,
    remove() {
      sheet?.remove();
      row.remove();
    },
  };
}

/**
 * What a safety backup was made for.
 * @param {Record} record
 * @param {Record[]} records
 */
function madeBefore(record, records) {
  const restored = records.find(({ safety_backup }) => safety_backup === record.id)?.restored_from;
  return `Safety backup before ${restored ? `the restore of ${date(timeOfId(restored))}` : "a restore"}.`;
}

/**
 * What became of the data after a restore that failed.
 * @param {Record} record
 */
function aftermath({ put_back, created_at }) {
  if (put_back === null) return "";
  return put_back
    ? `The safety backup was put back; the data is as it was at ${clockOrDay(Date.parse(created_at), minuteNow())}.`
    : "Putting the safety backup back failed too; maintenance stayed on.";
}

/**
 * How much, and the line below it.
 * @param {Record} record
 * @param {Around} around
 * @returns {[string, string]}
 */
function amounts(record, { state, records }) {
  if (record.status === "IN_PROGRESS") {
    const progress = progressOf(record, state, records);
    return progress ? [size(progress.done_bytes), "so far"] : ["–", ""];
  }
  if (record.kind === "restore") return restoredAmounts(record, records);
  if (record.status === "FAILED") return ["–", "nothing kept"];
  return record.size ? [size(record.size.total_bytes), `${size(record.size.added_bytes)} new`] : ["–", ""];
}

/**
 * A restore is as large as the backup that the data came from.
 * @param {Record} record
 * @param {Record[]} records
 * @returns {[string, string]}
 */
function restoredAmounts({ status, put_back, restored_from, safety_backup }, records) {
  if (status === "FAILED" && put_back !== true) return ["–", put_back === false ? "incomplete" : ""];
  const from = put_back ? safety_backup : restored_from;
  const held = records.find(({ id }) => id === from)?.size;
  return [held ? size(held.total_bytes) : "–", put_back ? "put back" : "restored"];
}

/**
 * The progress, if it is this record's: while a restore makes its safety backup, it is that one's.
 * @param {Record} record
 * @param {State | null} state
 * @param {Record[]} records
 * @returns {Progress | null}
 */
function progressOf(record, state, records) {
  const operation = state?.operation;
  if (!operation) return null;
  const stage = operation.stages[currentStage(operation)];
  const isSafety = operation.kind === "restore" && stage?.name === "backup";
  const owner = isSafety ? records.find(({ id }) => id === operation.record_id)?.safety_backup : operation.record_id;
  return owner === record.id ? operation.progress : null;
}
