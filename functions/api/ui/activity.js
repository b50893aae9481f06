// @ts-check
// The second view: what was done and is no row of the table, newest first. Rows are matched by id and
// changed in place. And the download of a source archive, whose link is made at each click, for it does
// not last. Loaded when it is first needed.

/** @import { Activity } from "./types.js" */
/** @import { Piece } from "./page.js" */

import { agoByDay, date, duration, exact, size, zoneOf } from "./figures.js";
import {
  alarm, byId, fromTemplate, leave, part, plain, say, setAttribute, setAvailable, setIcon, setPieces, setShown, setText, unavailable, words,
} from "./page.js";
import { purgedText, sentences, told } from "./messages.js";
import { Problem, Unreachable, minuteNow, now, readActivities, readSourceArchive } from "./server.js";
import { STATUS } from "./table.js";

const PAGE = 50;

/** @type {Activity[]} */
let list = [];
/** @type {string | null} */
let next = null;
let loaded = false;
/** What holds for all of them: why nothing can be asked for now, and how long records are kept. */
let around = { hindrance: /** @type {string | null} */ (null), days: 0 };
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

/** @param {string | null} hindrance @param {number} days */
export function show(hindrance, days) {
  around = { hindrance, days };
  render();
}

/** Once a second. */
export function tick() {
  for (const activity of list) if (activity.status === "IN_PROGRESS") showDuration(activity);
}

byId("older-activity").addEventListener("click", older);

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
    alarm(words.page.olderActivityTrouble);
  });
  setShown(byId("more-activity-trouble"), !worked);
  setAvailable(button, null);
  setText(button, worked ? words.page.olderActivity : words.tryAgain);
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
    if (unavailable(button)) say(words.sentence(around.hindrance ?? ""));
    else download(id, button);
  });
  return row;
}

/** @param {HTMLElement} row @param {Activity} activity @param {boolean} isNewest whether it is the newest source archive, the one that is kept */
function update(row, activity, isNewest) {
  const { status, kind, created_at, requested_by, source_archive: made, failure } = activity;
  const created = Date.parse(created_at);
  const { look, icon } = STATUS[status];
  setAttribute(part(row, "status"), "class", `status ${look}`);
  setIcon(part(row, "status"), icon);
  part(row, "status").querySelector("svg")?.classList.toggle("turning", status === "IN_PROGRESS");
  setText(part(row, "status-word"), words.status[status]);
  const time = part(row, "date");
  setAttribute(time, "datetime", created_at);
  setAttribute(time, "title", exact(created));
  setText(time, date(created));
  setText(part(row, "ago"), agoByDay(created, minuteNow()));
  setText(part(row, "what"), words.activity(kind));
  const more = moreOf(activity, isNewest);
  setPieces(part(row, "more"), more);
  setShown(part(row, "more"), more.length > 0);
  const why = failure && told(failure, { ...activity, put_back: null });
  setShown(part(row, "cause"), failure !== null);
  setPieces(part(row, "cause-text"), why ? sentences([why.happened, why.done, why.toDo]) : []);
  const byItself = kind === "purge";
  setText(part(row, "trigger"), byItself ? words.trigger.scheduled : words.trigger.manual);
  setText(part(row, "by"), byItself ? words.everyNightCapital : requested_by);
  showDuration(activity);
  const button = part(row, "download");
  setShown(button, made !== null && isNewest);
  setAttribute(button, "aria-label", made ? words.downloadFile(made.file_name) : null);
  setAvailable(button, around.hindrance === null ? null : "why");
}

/** @param {Activity} activity @param {boolean} isNewest @returns {Piece[]} */
function moreOf({ source_archive: made, purged }, isNewest) {
  if (purged) return [purgedText(purged, around.days)];
  return made ? [{ text: made.file_name, look: "mono" }, `, ${size(made.size_bytes)}${isNewest ? "" : `, ${words.noLongerKept}`}`] : [];
}

/** @param {Activity} activity */
function showDuration({ id, kind, created_at, finished_at }) {
  const row = rows.get(id);
  if (!row) return;
  const end = finished_at ? Date.parse(finished_at) : now();
  setText(part(row, "duration"), kind === "end_maintenance" ? "–" : duration(end - Date.parse(created_at)));
}

/** Asks for a link and follows it; why that can't be, if it can't, is shown beside the button. @param {string} id @param {HTMLElement} button */
export async function download(id, button) {
  const why = await follow(id);
  setAttribute(button, "data-why", why && plain(why));
  if (why) alarm(words.sentence(plain(why)));
}

/** @param {string} id @returns {Promise<Piece[] | null>} why not */
async function follow(id) {
  try {
    const { url } = await readSourceArchive(id);
    if (url === null) return [words.archiveNotKept];
    leave();
    location.assign(url);
    return null;
  } catch (error) {
    if (error instanceof Unreachable) return [`${words.noLink}: ${words.noAnswerTryAgain}`];
    if (!(error instanceof Problem)) throw error;
    return error.status === 404 ? [words.archiveGone] : [`${words.noLink}. ${plain([error.told]).replace(/\.$/, "")}`];
  }
}
