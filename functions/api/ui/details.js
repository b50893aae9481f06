// @ts-check
// What opens below a row: why it failed and what to do, its stages, its sources, its name.

/** @import { Record } from "./types.js" */

import { element, fromTemplate } from "./dom.js";
import { count, date, duration, exact, size, timeOfId } from "./format.js";
import { cause, newestSuccess } from "./news.js";
import { capital, standing, stage as stageWord } from "./words.js";

/**
 * @param {string} id
 */
export function create(id) {
  const row = fromTemplate("t-details");
  row.id = `${id}-details`;
  return row;
}

/**
 * Writes the details, unless they are so already: what was selected in them stays selected.
 * @param {HTMLElement} row
 * @param {Record} record
 * @param {Record[]} records
 */
export function show(row, record, records) {
  const newest = record.failure && record.kind === "backup" ? newestSuccess(records) : null;
  const { notes, notes_version, ...rest } = record;
  const signature = JSON.stringify([rest, newest?.id]);
  if (row.dataset.shown === signature) return;
  row.dataset.shown = signature;
  const sheet = /** @type {HTMLElement} */ (row.querySelector(".sheet"));
  sheet.replaceChildren(...(record.failure ? [facts(record, newest)] : []), pairs(record), ...lastWords(record));
}

/**
 * @param {Record} record
 * @param {Record | null} newest the newest backup that succeeded
 */
function facts(record, newest) {
  const { failure } = record;
  const list = element("dl", undefined, "facts3");
  const toDo = element("dd", failure?.to_do);
  if (newest) {
    const link = /** @type {HTMLAnchorElement} */ (element("a", date(Date.parse(newest.created_at))));
    link.href = `#r-${newest.id}`;
    toDo.append(" The newest backup that succeeded is that of ", link, ".");
  }
  if (record.put_back === false && record.safety_backup) {
    const link = /** @type {HTMLAnchorElement} */ (element("a", date(timeOfId(record.safety_backup))));
    link.href = `#r-${record.safety_backup}`;
    toDo.append(" The safety backup is that of ", link, ".");
  }
  list.append(
    element("dt", "What happened"), element("dd", cause(record).happened),
    element("dt", "What was done"), element("dd", failure?.done),
    element("dt", "What to do"), toDo,
  );
  return list;
}

/** @param {Record} record */
function lastWords(record) {
  const { said } = cause(record);
  if (said === "") return [];
  const box = element("div", undefined, "wide");
  const text = element("pre", said, "said");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", "Last words of the program");
  box.append(element("p", "Last words of the program", "name"), text);
  return [box];
}

/** @param {Record} record */
function pairs(record) {
  const list = element("dl", undefined, record.failure ? "pairs" : "pairs only");
  const add = (/** @type {string} */ name, /** @type {string[]} */ lines, look = "") => {
    const value = element("dd", undefined, look);
    value.append(...lines.flatMap((line, position) => (position === 0 ? [line] : [element("br"), line])));
    list.append(element("dt", name), value);
  };
  for (const stage of record.stages) {
    const took = stage.started_at && stage.finished_at ? duration(Date.parse(stage.finished_at) - Date.parse(stage.started_at)) : "";
    add(capital(stageWord(stage.name, record.kind)), [standing(stage, took)]);
  }
  const sources = record.snapshots ?? [];
  if (sources.length > 0) {
    add("Sources", sources.map(({ source, size: { total_bytes, files } }) => `${source}: ${size(total_bytes)}, ${count(files)} ${files === 1 ? "file" : "files"}`));
    add("Snapshots", sources.map(({ id }) => id.slice(0, 8)), "mono");
  } else if (record.size) {
    add("Files", [count(record.size.files)]);
  }
  add("Started", [exact(Date.parse(record.created_at))]);
  if (record.finished_at) add("Ended", [exact(Date.parse(record.finished_at))]);
  if (record.failure) add("Cause", [record.failure.code], "mono");
  add("Record", [record.id], "mono");
  return list;
}
