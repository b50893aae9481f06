// @ts-check
// What opens below a row: why it failed and what to do, its stages, its sources, its name.

/** @import { Record } from "./types.js" */
/** @import { Piece } from "./page.js" */

import { between, count, date, exact, size, timeOfId } from "./figures.js";
import { told } from "./messages.js";
import { element, nodes, words } from "./page.js";
import { readRecord, records } from "./server.js";

/** Writes the details, unless they are so already: what was selected in them stays selected. @param {HTMLElement} row @param {Record} record */
export function showDetails(row, record) {
  const newest = record.failure && record.kind === "backup" ? records.newestSuccess() : null;
  const { notes, notes_version, ...rest } = record;
  const signature = JSON.stringify([rest, newest?.id]);
  if (row.dataset.shown === signature) return;
  row.dataset.shown = signature;
  const sheet = /** @type {HTMLElement} */ (row.querySelector(".sheet"));
  const said = record.failure ? told(record.failure, record).said : "";
  sheet.replaceChildren(...(record.failure ? [facts(record, newest)] : []), pairs(record), ...(said ? [lastWords(said)] : []));
  if (record.notes_edited) showEarlierNotes(sheet, record.id);
}

/** @param {Record} record @param {Record | null} newest the newest backup that succeeded */
function facts(record, newest) {
  const { failure, put_back, safety_backup } = record;
  const list = element("dl", undefined, "facts3");
  if (!failure) return list;
  const { happened, done, toDo } = told(failure, record);
  const add = (/** @type {string} */ name, /** @type {Piece[]} */ pieces) => {
    const value = element("dd");
    value.append(...nodes(pieces));
    list.append(element("dt", name), value);
  };
  const link = (/** @type {string} */ id, /** @type {number} */ time) => ({ text: date(time), href: `#r-${id}` });
  add(words.happened, [happened]);
  add(words.done, [done]);
  add(words.toDo, [
    toDo,
    ...(newest ? [` ${words.newestSuccess}`, link(newest.id, Date.parse(newest.created_at)), "."] : []),
    ...(put_back === false && safety_backup ? [` ${words.theSafetyBackup}`, link(safety_backup, timeOfId(safety_backup)), "."] : []),
  ]);
  return list;
}

/** @param {string} said */
function lastWords(said) {
  const box = element("div", undefined, "wide");
  const text = element("pre", said, "said");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", words.lastWords);
  box.append(element("p", words.lastWords, "name"), text);
  return box;
}

/** @param {Record} record */
function pairs(record) {
  const list = element("dl", undefined, record.failure ? "pairs" : "pairs only");
  const add = (/** @type {string} */ name, /** @type {string[]} */ lines, look = "") => {
    const value = element("dd", undefined, look);
    value.append(...lines.flatMap((line, position) => (position === 0 ? [line] : [element("br"), line])));
    list.append(element("dt", name), value);
  };
  for (const { name, state, started_at, finished_at } of record.stages) {
    const took = started_at ? between(started_at, finished_at) : "";
    const stands = { done: words.stageDone(took), failed: words.stageFailed(took), in_progress: words.stageInProgress, to_come: words.stageNotBegun }[state];
    add(words.capital(words.stage(name, record.kind)), [stands]);
  }
  const sources = record.snapshots ?? [];
  if (sources.length > 0) {
    add(words.sources, sources.map(({ source, size: { total_bytes, files } }) => words.sourceLine(source, size(total_bytes), files)));
    add(words.snapshots, sources.map(({ id }) => id.slice(0, 8)), "mono");
  } else if (record.size) {
    add(words.page.files, [count(record.size.files)]);
  }
  add(words.page.started, [exact(Date.parse(record.created_at))]);
  if (record.finished_at) add(words.ended, [exact(Date.parse(record.finished_at))]);
  if (record.notes_edited) add(words.notesEdited, [words.byAt(record.notes_edited.by, date(Date.parse(record.notes_edited.at)))]);
  if (record.failure) add(words.cause, [record.failure.code], "mono");
  add(words.record, [record.id], "mono");
  return list;
}

/** The notes as they were, from the server: they are seldom wanted. @param {HTMLElement} sheet @param {string} id */
async function showEarlierNotes(sheet, id) {
  const history = await readRecord(id).then(({ notes_history }) => notes_history ?? [], () => []);
  sheet.querySelector(".earlier")?.remove();
  if (history.length === 0) return;
  const box = element("div", undefined, "wide earlier");
  box.append(element("p", words.earlierNotes, "name"));
  for (const { notes, by, at } of history) {
    const text = element("p", notes === "" ? words.page.noNotes : notes, "notes");
    text.dir = "auto";
    box.append(element("p", words.byAt(by, date(Date.parse(at))), "sub"), text);
  }
  sheet.append(box);
}
