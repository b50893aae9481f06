// @ts-check
// The page as a whole: asks for the state, shows it, and watches for what begins and ends.

/** @import { Message, Offer } from "./news.js" */
/** @import { Activity, Operation, Record, State } from "./types.js" */

import * as activity from "./activity.js";
import { Problem, Unreachable, readActivities, readActivity, startSourceArchive } from "./api.js";
import { everyMinute, minuteNow } from "./clock.js";
import { createConfirmation } from "./confirm.js";
import { byId, part, setAvailable, setShown, setText } from "./dom.js";
import { download, isBeginning } from "./download.js";
import { dayAhead, plural, zone } from "./format.js";
import { alarm, say } from "./live.js";
import * as messages from "./messages.js";
import { createDialog } from "./newbackup.js";
import * as news from "./news.js";
import * as operation from "./operation.js";
import { keepPlace, watchPointer } from "./place.js";
import * as poll from "./poll.js";
import * as records from "./records.js";
import * as subjects from "./subjects.js";
import * as summary from "./summary.js";
import * as table from "./table.js";
import { busy } from "./trouble.js";
import * as views from "./views.js";
import { ended as hasEnded } from "./words.js";

/** @type {State | null} */
let state = null;
/** The operation that the page has seen: its kind, and the record or activity that will tell how it ended. */
let watched = { kind: "", record: "" };
/** The one that this page saw end. */
let ended = { kind: "", record: "" };
/** How it ended, if that is not in a record of the table. */
let endedActivity = /** @type {Activity | null} */ (null);
/** What could not be started, where no dialog can say so. */
let refused = /** @type {Message | null} */ (null);
/** Whether the records have to be read again, and the activities. */
let stale = true;
let staleActivity = true;
let archiving = false;
/** Failures whose details have been opened by themselves: once is enough. */
const opened = new Set();

const { connection } = poll;
const dialog = createDialog({ onStarted: (id) => onStarted("backup", id), onBusy: () => poll.refresh() });
const confirmation = createConfirmation({
  onBusy: () => poll.refresh(),
  onGone: () => readRecords(),
});

/** Shows everything as it is now. What has not changed is not touched. */
function render() {
  keepPlace(() => {
    summary.show(state, connection, records.all());
    showMessages();
    const inOperation = byId("operation").contains(document.activeElement);
    if (state) operation.show(state, records.all());
    if (inOperation && !state?.operation) messages.focusFirst();
    showReason();
    showBlank();
    table.show({ state, connected: !connection.lost, hindrance: hindrance(), records: records.all(), onRestore: restore });
    activity.show(!connection.lost, state?.retention_days ?? 0);
    dialog.refresh(state, !connection.lost);
    confirmation.refresh(state, !connection.lost);
    openFailure();
  });
}

function showMessages() {
  const seen = { state, connection, records: records.all(), ended: endedRecord(), activity: endedActivity, isDismissed: messages.isDismissed };
  const told = news.messages(seen);
  if (refused?.about && !messages.isDismissed(refused.about)) told.unshift(refused);
  messages.show(told, {
    onDismiss() {
      render();
      messages.focusHeading();
    },
    onOffer,
  });
}

/**
 * @param {Offer} offer
 * @param {HTMLElement} button
 */
function onOffer({ does, id }, button) {
  switch (does) {
    case "try_now": return poll.refresh();
    case "download": return download(id ?? "", button);
    case "end_maintenance": return confirmation.open(subjects.end(onMaintenanceEnded));
    case "restore": {
      const record = records.find(id ?? null);
      return record ? restore(record) : alarm("This record no longer exists.");
    }
  }
}

function endedRecord() {
  return records.find(ended.record);
}

/** The one reason for which nothing can be started now, without its full stop. */
function hindrance() {
  if (connection.lost) return "Unavailable until the connection is back";
  if (state?.operation) return `Unavailable until ${hasEnded(state.operation.kind)}`;
  return state ? null : "Unavailable until the page has loaded";
}

function reason() {
  const why = hindrance();
  if (why === null) return null;
  return state?.operation && !connection.lost ? `${why}. Notes can be edited.` : `${why}.`;
}

function showReason() {
  const why = reason();
  setText(part(byId("why"), "reason"), why ?? "");
  setShown(byId("why"), why !== null);
  for (const id of ["new-backup", "restart", "download-source"]) setAvailable(byId(id), why === null ? null : "why");
}

function showBlank() {
  if (!state) return;
  const { application, nightly, retention_days } = state;
  const first = nightly.next_at
    ? `The first automatic backup of ${application.name} runs ${dayAhead(Date.parse(nightly.next_at), minuteNow()).replace(",", " at")}. You need not wait for it: make one now with New backup.`
    : `Nightly backups are off. Make the first backup of ${application.name} with New backup.`;
  setText(byId("blank-text"), `${first} The first takes longest; every later one saves only what is new.`);
  setText(byId("footer-retention"), `Records can’t be removed by hand. Those older than ${plural(retention_days, "day")} are removed by themselves.`);
  setText(byId("footer-zone"), `Times are in your time zone, ${zone()}.`);
}

/** The details of a failure that is told of are opened, once. */
function openFailure() {
  if (!state) return;
  const failed = news.toldFailure(state, records.all(), endedRecord());
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
  // A safety backup ends before the restore does.
  if (stagesOf(before?.operation) !== stagesOf(now)) stale = true;
  if (before?.operation?.id !== now?.id) staleActivity = true;
  if (watched.record && watched.record !== now?.record_id) {
    ended = watched;
    endedActivity = null;
    watched = { kind: "", record: "" };
  }
  if (now) {
    watched = { kind: now.kind, record: now.record_id };
    refused = null;
  }
  await readEnded();
  // An operation may begin and end between two answers.
  if (!now && records.all().some((record) => record.status === "IN_PROGRESS")) stale = true;
  // A beginning and an end are shown together with their record.
  if (!stale || !(await readRecords())) render();
  if (staleActivity && views.current() === "activity") await reloadActivity();
  if (wasLost) say("Connected again.");
}

/** @param {Operation | null | undefined} operation */
function stagesOf(operation) {
  return operation ? `${operation.id} ${operation.stages.map((stage) => stage.state)}` : "";
}

/** How a restart or a source archive ended is read once; if it can't be, the next answer to the state asks again. */
async function readEnded() {
  const isActivity = ["restart", "source_archive", "purge"].includes(ended.kind);
  if (!isActivity || endedActivity?.id === ended.record) return;
  try {
    const found = await readActivity(ended.record);
    if (found.status !== "IN_PROGRESS") endedActivity = found;
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
  }
}

async function reloadActivity() {
  staleActivity = false;
  try {
    await activity.reload();
  } catch {
    staleActivity = true;
  }
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

/**
 * @param {string} kind
 * @param {string} record the record or the activity
 */
async function onStarted(kind, record) {
  watched = { kind, record };
  refused = null;
  staleActivity = true;
  await poll.refresh();
  if (!byId("operation").hidden) byId("operation-title").focus();
  else messages.focusFirst();
}

/** The maintenance was ended by hand: its trace is the newest activity. */
async function onMaintenanceEnded() {
  try {
    const [newest] = (await readActivities({ before: null, limit: 1 })).activities;
    if (newest?.kind === "end_maintenance") {
      ended = { kind: newest.kind, record: newest.id };
      endedActivity = newest;
    }
  } catch {
    // It shows in the strip all the same.
  }
  staleActivity = true;
  await poll.refresh();
  messages.focusFirst();
}

/** @param {Record} record */
function restore(record) {
  confirmation.open(subjects.restore(record, (id) => onStarted("restore", id)));
}

async function archiveSource() {
  if (archiving) return;
  archiving = true;
  try {
    await onStarted("source_archive", (await startSourceArchive()).id);
  } catch (error) {
    notArchived(error);
  } finally {
    archiving = false;
  }
}

/** @param {unknown} error */
function notArchived(error) {
  if (error instanceof Problem && error.status === 409 && error.operation) {
    const { title, text } = busy(error.operation, "Nothing else was started. You can try again when it has ended.");
    alarm(`${title} ${text}`);
    poll.refresh();
    return;
  }
  if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
  const why = error instanceof Problem ? error.message : "There was no answer: whether it was begun shows when the connection is back.";
  refused = news.notArchived(why, Date.now());
  render();
}

/**
 * A button that does something unless there is a reason not to.
 * @param {string} id
 * @param {() => void} act
 */
function onClick(id, act) {
  byId(id).addEventListener("click", () => {
    const why = reason();
    if (why === null) act();
    else say(why);
  });
}

onClick("new-backup", () => dialog.open());
onClick("restart", () => confirmation.open(subjects.restart((id) => onStarted("restart", id))));
onClick("download-source", archiveSource);

document.addEventListener("visibilitychange", () => (stale = stale || !document.hidden));
window.addEventListener("beforeunload", (event) => {
  if (!isBeginning() && (dialog.isWriting() || table.isWriting())) event.preventDefault();
});

records.onChange(render);
everyMinute(render);
setInterval(() => {
  if (document.hidden) return;
  if (state?.operation) {
    operation.tick(state);
    table.tick();
    activity.tick();
  }
  confirmation.tick();
  if (connection.lost) showMessages();
}, 1000);
watchPointer();
table.watchEnd();
activity.watchEnd();
views.watch(async (byHand) => {
  if (state) render();
  if (byHand) messages.focusHeading();
  if (views.current() === "activity" && staleActivity) await reloadActivity();
});
table.watchAddress();
poll.start(onState, render);
