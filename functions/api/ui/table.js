// @ts-check
// The table: a row for each record, newest first, matched by id. And the way to older ones.

/** @import { Around } from "./row.js" */

import { byId, setAvailable, setShown, setText, unavailable } from "./dom.js";
import { count, offset, zone } from "./format.js";
import { alarm } from "./live.js";
import * as records from "./records.js";
import { createRow } from "./row.js";

/** @type {Map<string, ReturnType<typeof createRow>>} */
const rows = new Map();

/** @param {Around} around */
export function show(around) {
  const list = records.all();
  const body = byId("rows");
  const ids = new Set(list.map((record) => record.id));
  for (const [id, row] of rows) {
    // What is gone from the list goes from the table, unless text would go with it.
    if (ids.has(id) || row.isWriting()) continue;
    row.remove();
    rows.delete(id);
  }
  /** @type {Element | null} */
  let place = body.firstElementChild;
  for (const record of list) {
    let row = rows.get(record.id);
    if (!row) {
      row = createRow(record);
      rows.set(record.id, row);
      body.insertBefore(row.row, place);
    } else if (row.row !== place) {
      row.moveBefore(place);
    }
    row.update(record, around);
    place = row.last().nextElementSibling;
  }
  const loaded = records.isLoaded();
  setShown(byId("records"), loaded && list.length > 0);
  setShown(byId("blank"), loaded && list.length === 0);
  setShown(byId("more"), records.hasOlder());
  if (loaded) setText(byId("records-count"), counted(list.length));
  setText(byId("zone"), `(${zoneOf(list)})`);
}

/** Once a second. */
export function tick() {
  for (const row of rows.values()) if (row.isRunning()) row.tick();
}

/**
 * Opens a record's details.
 * @param {string} id
 */
export function open(id) {
  rows.get(id)?.open();
}

/** Whether text that is not saved is being written in a row. */
export function isWriting() {
  return [...rows.values()].some((row) => row.isWriting());
}

/** Older records on demand, and when their place comes into sight. */
export function watchEnd() {
  const button = byId("older");
  button.addEventListener("click", () => older());
  new IntersectionObserver((seen) => {
    if (seen.some((entry) => entry.isIntersecting) && byId("more-trouble").hidden) older();
  }, { rootMargin: "300px" }).observe(byId("more"));
}

/** Follows the address: a link to a record brings it into sight, from the server if need be. */
export function watchAddress() {
  window.addEventListener("hashchange", seek);
}

export async function seek() {
  const id = /^#r-([0-9a-f-]{36})$/.exec(location.hash)?.[1];
  if (!id) return;
  while (!rows.has(id) && records.hasOlder() && id < (records.all().at(-1)?.id ?? "")) {
    if (!(await older())) return;
  }
  const row = rows.get(id)?.row;
  if (!row) {
    alarm("This record no longer exists.");
    return;
  }
  focusRow(row);
  row.scrollIntoView({ block: "center" });
}

/**
 * Rows take the focus only when it is brought to them, not by a click.
 * @param {HTMLElement} row
 */
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
  setText(button, "Loading older records");
  let worked = true;
  try {
    await records.loadOlder();
  } catch {
    worked = false;
    alarm("Older records could not be loaded.");
  }
  setShown(byId("more-trouble"), !worked);
  setAvailable(button, null);
  setText(button, worked ? "Show older records" : "Try again");
  const first = records.all()[before];
  const row = first && rows.get(first.id)?.row;
  if (hadFocus && worked && row) focusRow(row);
  return worked;
}

/** @param {number} number */
function counted(number) {
  if (number === 0) return "No records";
  if (records.hasOlder()) return `The newest ${count(number)} records`;
  return number === 1 ? "1 record" : `${count(number)} records, newest first`;
}

/**
 * The zone of the dates: its distance from UTC, or its name if that changes among them.
 * @param {{created_at: string}[]} list
 */
export function zoneOf(list) {
  const offsets = new Set(list.map((record) => offset(Date.parse(record.created_at))));
  return offsets.size > 1 ? zone() : [...offsets][0] ?? offset(Date.now());
}
