// @ts-check
// The table: a row for each record, newest first, matched by id. A row is made once and then changed in
// place, so that the focus, a selection, open details and text being written stay. Rows stand in groups,
// of which the browser lays out only those in sight; those out of sight are brought up to date when
// there is time, or when they come near.

/** @import { Progress, Record, State } from "./types.js" */

import { showDetails } from "./details.js";
import { agoByDay, clockOrDay, date, duration, exact, size, timeOfId, zoneOf } from "./figures.js";
import {
  alarm, byId, drafts, fromTemplate, partsOf, say, setAttribute, setAvailable, setIcon, setPieces, setShown, setText, unavailable, words,
} from "./page.js";
import { sentences, told } from "./messages.js";
import { currentStage } from "./overview.js";
import { minuteNow, now, records } from "./server.js";

/** Rows in a group. */
const GROUP = 50;
/** Milliseconds at a time for what is out of sight. */
const SLICE = 6;

/** What every kind of row says of its status. */
export const STATUS = /** @type {{[status in Record["status"]]: {icon: string, look: string}}} */ ({
  IN_PROGRESS: { icon: "running", look: "running" },
  SUCCESS: { icon: "success", look: "success" },
  FAILED: { icon: "failed", look: "failed" },
});

/**
 * What a row shows beside its own record.
 * @typedef {object} Around
 * @property {State | null} state
 * @property {string | null} hindrance why nothing can be started now
 * @property {string | null} notesHindrance why notes can't be edited now
 * @property {(record: Record) => void} onRestore
 */

/** @typedef {ReturnType<typeof createRow>} Row */

/** @type {Map<string, Row>} */
const rows = new Map();
/** Rows that are not up to date, because they are out of sight. @type {Set<Row>} */
const outdated = new Set();
/** @type {WeakSet<Element>} groups in or near sight */
const near = new WeakSet();
/** @type {Around} */
let around = { state: null, hindrance: null, notesHindrance: null, onRestore: () => {} };
let waiting = false;

const watcher = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    if (!isIntersecting) {
      near.delete(target);
      continue;
    }
    near.add(target);
    for (const row of outdated) if (row.row.parentElement === target) bring(row);
  }
}, { rootMargin: "1000px 0px" });

/** @param {Row} row */
function bring(row) {
  outdated.delete(row);
  row.update(around);
}

/** @param {Around} newAround */
export function showTable(newAround) {
  around = newAround;
  const list = records.all();
  for (const [id, row] of rows) {
    // What is gone from the list goes from the table, unless text would go with it.
    if (records.find(id) || row.isWriting()) continue;
    const group = row.row.parentElement;
    row.remove();
    rows.delete(id);
    outdated.delete(row);
    if (group?.children.length === 0 && group.parentElement?.lastElementChild !== group) group.remove();
  }
  let place = firstRow(byId("rows").querySelector("tbody"));
  for (const record of list) {
    const known = rows.get(record.id);
    const row = known ?? createRow(record);
    rows.set(record.id, row);
    if (row.row !== place) row.moveBefore(place);
    row.take(record);
    place = nextRow(row.last());
    const group = row.row.parentElement;
    if (!known || (group && near.has(group))) bring(row);
    else outdated.add(row);
  }
  bringSome();
  const loaded = records.isLoaded();
  setShown(byId("records"), loaded && list.length > 0);
  setShown(byId("blank"), loaded && list.length === 0);
  setShown(byId("more"), records.hasOlder());
  if (loaded) setText(byId("records-count"), counted(list.length));
  setText(byId("zone"), `(${zoneOf(list.slice(0, 200))})`);
}

/** Brings what is out of sight up to date, a little at a time. */
function bringSome() {
  if (waiting || outdated.size === 0) return;
  waiting = true;
  (window.requestIdleCallback ?? setTimeout)(() => {
    waiting = false;
    const end = performance.now() + SLICE;
    for (const row of outdated) {
      bring(row);
      if (performance.now() > end) break;
    }
    bringSome();
  });
}

/** @param {Element | null} group */
function firstRow(group) {
  while (group && !group.firstElementChild) group = group.nextElementSibling;
  return group?.firstElementChild ?? null;
}

/** @param {Element} last the last element of a row */
function nextRow(last) {
  return last.nextElementSibling ?? firstRow(last.parentElement?.nextElementSibling ?? null);
}

/** The group at the end, a new one if that is full. */
function lastGroup() {
  const table = byId("rows");
  const last = table.lastElementChild;
  if (last?.localName === "tbody" && last.children.length < GROUP) return last;
  const group = fromTemplate("t-group");
  table.append(group);
  watcher.observe(group);
  // The first is in sight as soon as there is anything.
  if (table.children.length === 2) near.add(group);
  return group;
}

/** Once a second. */
export function tickTable() {
  for (const row of rows.values()) if (row.isRunning()) row.tick();
}

/** Opens a record's details. @param {string} id */
export function open(id) {
  rows.get(id)?.open();
}

/** Whether text that is not saved is being written in a row. */
export function isWriting() {
  return [...rows.values()].some((row) => row.isWriting());
}

const end = new IntersectionObserver((seen) => {
  if (seen.some(({ isIntersecting }) => isIntersecting) && byId("more-trouble").hidden) older();
}, { rootMargin: "300px" });

/** Older records on demand, and when their place comes into sight. */
export function watchEnd() {
  byId("older").addEventListener("click", () => older());
  end.observe(byId("more"));
  window.addEventListener("hashchange", seek);
}

/** Follows the address: a link to a record brings it into sight, from the server if need be. */
export async function seek() {
  const id = /^#r-([0-9a-f-]{36})$/.exec(location.hash)?.[1];
  if (!id) return;
  while (!rows.has(id) && records.hasOlder() && id < (records.all().at(-1)?.id ?? "")) {
    if (!(await older())) return;
  }
  const row = rows.get(id)?.row;
  if (!row) {
    alarm(words.recordGone);
    return;
  }
  // Groups that never were in sight have no true height yet: they get one, and keep it.
  const table = byId("rows");
  table.classList.add("whole");
  focusRow(row);
  row.scrollIntoView({ block: "center" });
  requestAnimationFrame(() => requestAnimationFrame(() => table.classList.remove("whole")));
}

/** Rows take the focus only when it is brought to them, not by a click. @param {HTMLElement} row */
function focusRow(row) {
  row.tabIndex = -1;
  row.focus({ preventScroll: true });
  row.addEventListener("blur", () => row.removeAttribute("tabindex"), { once: true });
}

/** @returns {Promise<boolean>} whether it worked */
async function older() {
  const button = byId("older");
  if (unavailable(button)) return false;
  const before = records.all().length;
  const hadFocus = document.activeElement === button;
  setAvailable(button, "more-trouble");
  setText(button, words.loadingOlder);
  let worked = true;
  try {
    await records.loadOlder();
  } catch {
    worked = false;
    alarm(words.page.olderTrouble);
  }
  setShown(byId("more-trouble"), !worked);
  setAvailable(button, null);
  setText(button, worked ? words.page.older : words.tryAgain);
  // Whoever is at the new end already is told so only when it is looked at anew.
  end.unobserve(byId("more"));
  end.observe(byId("more"));
  const first = records.all()[before];
  const row = first && rows.get(first.id)?.row;
  if (hadFocus && worked && row) focusRow(row);
  return worked;
}

/** @param {number} number */
function counted(number) {
  if (number === 0) return words.noRecords;
  return records.hasOlder() ? words.newestRecords(number) : words.allRecords(number);
}

// ---- One row.

/** @param {Record} first */
function createRow(first) {
  const row = fromTemplate("t-record");
  row.id = `r-${first.id}`;
  const parts = partsOf(row);
  const { restore, edit, toggle } = parts;
  let record = first;
  /** @type {HTMLElement | null} */
  let sheet = null;
  /** @type {import("./writing.js").Editor | null} */
  let editor = null;
  let loading = false;

  restore.addEventListener("click", () => {
    if (unavailable(restore)) say(words.sentence(around.hindrance ?? ""));
    else around.onRestore(record);
  });
  edit.addEventListener("click", async () => {
    if (unavailable(edit)) say(words.sentence(around.notesHindrance ?? ""));
    else (await write())?.focus();
  });
  toggle.addEventListener("click", () => (sheet ? close() : openSheet()));

  async function write() {
    if (editor || loading) return editor;
    loading = true;
    try {
      const { createEditor } = await import("./writing.js");
      const begun = createEditor(() => record, () => {
        begun.form.remove();
        editor = null;
        showNotes();
        edit.focus();
      });
      editor = begun;
      parts.notes.before(begun.form);
      showNotes();
    } catch (error) {
      alarm(words.notLoaded);
    } finally {
      loading = false;
    }
    return editor;
  }

  function openSheet() {
    if (sheet) return;
    sheet = fromTemplate("t-details");
    sheet.id = `${row.id}-details`;
    showDetails(sheet, record);
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
    const { restored_from, trigger, notes, failure, kind, expired } = record;
    const empty = notes.trim() === "";
    const isSafety = trigger === "safety";
    setShown(parts.restored, kind === "restore" && restored_from !== null);
    if (restored_from) {
      setAttribute(parts["restored-link"], "href", `#r-${restored_from}`);
      setText(parts["restored-link"], date(timeOfId(restored_from)));
    }
    setShown(parts.before, isSafety);
    setText(parts.before, isSafety ? madeBefore(record) : "");
    setShown(parts.expired, expired === true);
    setText(parts.notes, notes);
    setShown(parts.notes, !editor && !empty);
    setShown(parts["no-notes"], !editor && empty && kind !== "restore" && !isSafety && !failure && !expired);
    setShown(parts.cause, failure !== null);
    setPieces(parts["cause-text"], failure ? sentences([told(failure, record).happened, aftermath(record)]) : []);
    parts["notes-cell"].classList.toggle("is-empty", !parts["no-notes"].hidden);
  }

  /** Once a second: how long it has been going on. */
  function tick() {
    const end = record.finished_at ? Date.parse(record.finished_at) : now();
    setText(parts.duration, duration(end - Date.parse(record.created_at)));
  }

  /** @param {Around} around */
  function update({ state, hindrance, notesHindrance }) {
    const { kind, status, trigger, created_at, requested_by } = record;
    const created = Date.parse(created_at);
    const when = date(created);
    const { icon, look } = STATUS[status];
    row.classList.toggle("is-restore", kind === "restore");
    setAttribute(parts.status, "class", `status ${look}`);
    setIcon(parts.status, icon);
    parts.status.querySelector("svg")?.classList.toggle("turning", status === "IN_PROGRESS");
    setText(parts["status-word"], words.status[status]);
    setText(parts.kind, words.recordKind[kind]);
    setAttribute(parts.date, "datetime", created_at);
    setAttribute(parts.date, "title", exact(created));
    setText(parts.date, when);
    setText(parts.ago, agoByDay(created, minuteNow()));
    showNotes();
    setText(parts.trigger, words.trigger[trigger]);
    setText(parts.by, trigger === "scheduled" ? words.everyNightCapital : requested_by);
    const [amount, more] = amounts(record, state);
    setText(parts.size, amount);
    setText(parts["size-more"], more);
    tick();
    const mayAct = state?.user.role !== "viewer";
    setShown(restore, mayAct && kind === "backup" && status === "SUCCESS" && !record.expired);
    setShown(edit, mayAct);
    setAttribute(restore, "aria-label", words.restoreRecord(kind, when));
    setAttribute(edit, "aria-label", words.editRecord(kind, when));
    setAttribute(toggle, "aria-label", words.detailsOf(kind, when));
    setAvailable(restore, hindrance === null ? null : "why");
    setAttribute(restore, "data-why", hindrance);
    setAvailable(edit, notesHindrance === null ? null : "why");
    setAttribute(edit, "data-why", notesHindrance);
    if (sheet) showDetails(sheet, record);
    editor?.refresh();
  }

  if (drafts.recall(`notes.${first.id}`)) write();
  return {
    row,
    /** @param {Record} newest */
    take: (newest) => (record = newest),
    update,
    tick,
    open: openSheet,
    isRunning: () => record.status === "IN_PROGRESS",
    isWriting: () => editor?.isChanged() ?? false,
    /** Puts the row, and what is open below it, before this or at the end. @param {Element | null} place */
    moveBefore(place) {
      (place?.parentElement ?? lastGroup()).insertBefore(row, place);
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

/** What a safety backup was made for. @param {Record} record */
function madeBefore({ id }) {
  const restored = records.restoreOf(id)?.restored_from;
  return words.safetyBackup(restored ? date(timeOfId(restored)) : null);
}

/** What became of the data after a restore that failed. @param {Record} record */
function aftermath({ put_back, created_at }) {
  if (put_back === null) return "";
  return put_back ? words.wasPutBack(clockOrDay(Date.parse(created_at), minuteNow())) : words.notPutBack;
}

/** How much, and the line below it. @param {Record} record @param {State | null} state @returns {[string, string]} */
function amounts(record, state) {
  const { status, kind, size: held } = record;
  if (status === "IN_PROGRESS") {
    const progress = progressOf(record, state);
    return progress ? [size(progress.done_bytes), words.soFar] : ["–", ""];
  }
  if (kind === "restore") return restoredAmounts(record);
  if (status === "FAILED") return ["–", words.nothingKept];
  return held ? [size(held.total_bytes), words.added(size(held.added_bytes))] : ["–", ""];
}

/** A restore is as large as the backup that the data came from. @param {Record} record @returns {[string, string]} */
function restoredAmounts({ status, put_back, restored_from, safety_backup }) {
  if (status === "FAILED" && put_back !== true) return ["–", put_back === false ? words.incomplete : ""];
  const held = records.find(put_back ? safety_backup : restored_from)?.size;
  return [held ? size(held.total_bytes) : "–", put_back ? words.putBack : words.restoredAmount];
}

/** The progress, if it is this record's: while a restore makes its safety backup, it is that one's. @param {Record} record @param {State | null} state @returns {Progress | null} */
function progressOf(record, state) {
  const operation = state?.operation;
  if (!operation) return null;
  const stage = operation.stages[currentStage(operation)];
  const isSafety = operation.kind === "restore" && stage?.name === "backup";
  const owner = isSafety ? records.find(operation.record_id)?.safety_backup : operation.record_id;
  return owner === record.id ? operation.progress : null;
}
