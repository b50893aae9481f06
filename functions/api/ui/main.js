// @ts-check
// The page as a whole: asks for the state, shows it, and watches for what begins and ends.

/** @import { State } from "./types.js" */

import { everyMinute, minuteNow } from "./clock.js";
import { byId, part, setAvailable, setShown, setText } from "./dom.js";
import { dayAhead, plural, zone } from "./format.js";
import { say } from "./live.js";
import * as messages from "./messages.js";
import { createDialog } from "./newbackup.js";
import * as news from "./news.js";
import * as operation from "./operation.js";
import { keepPlace, watchPointer } from "./place.js";
import * as poll from "./poll.js";
import * as records from "./records.js";
import * as summary from "./summary.js";
import * as table from "./table.js";
import { kind } from "./words.js";

/** @type {State | null} */
let state = null;
/** The operation that the page has seen, with the record that will tell how it ended. */
let watched = { id: "", record: /** @type {string | null} */ (null) };
/** The record whose operation this page saw end. */
let ended = /** @type {string | null} */ (null);
/** Whether the records have to be read again. */
let stale = true;
/** Failures whose details have been opened by themselves: once is enough. */
const opened = new Set();

const { connection } = poll;
const dialog = createDialog({ onStarted, onBusy: () => poll.refresh() });

/** Shows everything as it is now. What has not changed is not touched. */
function render() {
  keepPlace(() => {
    summary.show(state, connection, records.all());
    showMessages();
    const inOperation = byId("operation").contains(document.activeElement);
    if (state) operation.show(state);
    if (inOperation && !state?.operation) messages.focusFirst();
    showReason();
    showBlank();
    table.show({ state, connected: !connection.lost, records: records.all() });
    dialog.refresh(state, !connection.lost);
    openFailure();
  });
}

function showMessages() {
  const seen = { state, connection, records: records.all(), ended: records.find(ended), isDismissed: messages.isDismissed };
  messages.show(news.messages(seen), {
    onDismiss() {
      render();
      byId("records-title").focus();
    },
    onTryNow: () => poll.refresh(),
  });
}

/** The one reason for which nothing can be started now. */
function reason() {
  if (connection.lost) return "Unavailable until the connection is back.";
  if (state?.operation) return `Unavailable until the ${kind(state.operation.kind)} has ended. Notes can be edited.`;
  return state ? null : "Unavailable until the page has loaded.";
}

function showReason() {
  const why = reason();
  setText(part(byId("why"), "reason"), why ?? "");
  setShown(byId("why"), why !== null);
  setAvailable(byId("new-backup"), why === null ? null : "why");
}

function showBlank() {
  if (!state) return;
  const { application, nightly, retention_days } = state;
  const first = nightly.next_at
    ? `The first automatic backup of ${application.name} runs ${dayAhead(Date.parse(nightly.next_at), minuteNow()).replace(",", " at")}. You need not wait for it: make one now with New backup.`
    : `Make the first backup of ${application.name} with New backup.`;
  setText(byId("blank-text"), `${first} The first takes longest; every later one saves only what is new.`);
  setText(byId("footer-retention"), `Records can’t be removed by hand. Those older than ${plural(retention_days, "day")} are removed by themselves.`);
  setText(byId("footer-zone"), `Times are in your time zone, ${zone()}.`);
}

/** The details of a failure that is told of are opened, once. */
function openFailure() {
  if (!state) return;
  const failed = news.toldFailure(state, records.all(), records.find(ended));
  if (!failed || opened.has(failed.id) || messages.isDismissed(failed.id)) return;
  opened.add(failed.id);
  table.open(failed.id);
}

/** @param {State} answer */
async function onState(answer) {
  const before = state;
  const wasLost = byId("messages").querySelector("#message-offline") !== null;
  state = answer;
  const now = answer.operation;
  if (before?.operation?.id !== now?.id) stale = true;
  if (watched.id && watched.id !== now?.id) {
    ended = watched.record;
    watched = { id: "", record: null };
  }
  if (now) watched = { id: now.id, record: now.record_id };
  // An operation may begin and end between two answers.
  if (!now && records.all().some((record) => record.status === "IN_PROGRESS")) stale = true;
  // A beginning and an end are shown together with their record.
  if (!stale || !(await readRecords())) render();
  if (wasLost) say("Connected again.");
}

/** @returns {Promise<boolean>} whether the records were read, and with that everything shown */
async function readRecords() {
  const first = !records.isLoaded();
  stale = false;
  try {
    await records.reload();
  } catch {
    // The next answer to the state asks again.
    stale = true;
    return false;
  }
  if (first) table.seek();
  return true;
}

/** @param {string} recordId */
async function onStarted(recordId) {
  watched = { id: recordId, record: recordId };
  await poll.refresh();
  if (!byId("operation").hidden) byId("operation-title").focus();
  else messages.focusFirst();
}

byId("new-backup").addEventListener("click", () => {
  const why = reason();
  if (why === null) dialog.open();
  else say(why);
});

document.addEventListener("visibilitychange", () => (stale = stale || !document.hidden));
window.addEventListener("beforeunload", (event) => {
  if (dialog.isWriting() || table.isWriting()) event.preventDefault();
});

records.onChange(render);
everyMinute(render);
setInterval(() => {
  if (document.hidden) return;
  if (state?.operation) {
    operation.tick(state);
    table.tick();
  }
  if (connection.lost) showMessages();
}, 1000);
watchPointer();
table.watchEnd();
table.watchAddress();
poll.start(onState, render);
