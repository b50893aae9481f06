// @ts-check
// The page as a whole: asks for the state, shows it, and watches for what begins and ends.

/** @import { Message, Offer } from "./messages.js" */
/** @import { Activity, Operation, Record, State } from "./types.js" */

import { clock, dayAhead, zone } from "./figures.js";
import {
  alarm, byId, focusAgain, isLeaving, leave, part, say, setAttribute, setAvailable, setShown, setText, speakTheLanguage, words,
} from "./page.js";
import { keepPlace, watchPointer } from "./place.js";
import { failureToTell, focusFirst, focusHeading, isDismissed, notDone, showMessages, whatToTell } from "./messages.js";
import { showOperation, showStrip, tickOperation } from "./overview.js";
import {
  Problem, Unreachable, connection, everyMinute, minuteNow, readActivities, readActivity, records, refresh, signOut, startSourceArchive, watchState,
} from "./server.js";
import { isWriting, open, seek, showTable, tickTable, watchEnd } from "./table.js";

/** @type {State | null} */
let state = null;
/** The operation that the page has seen: its kind, and the record or activity that will tell how it ended. */
let watched = { kind: "", record: "" };
/** The one that this page saw end. */
let ended = { kind: "", record: "" };
/** How it ended, if that is not in a record of the table. */
let endedActivity = /** @type {Activity | null} */ (null);
/** What could not be done, where no dialog can say so. */
let refused = /** @type {Message | null} */ (null);
/** Whether the records have to be read again, and the activities. */
let stale = false;
let staleActivity = true;
/** The records are asked for together with the state, the first time. */
let firstRecords = /** @type {Promise<unknown> | null} */ (null);
/** Whether something was asked for by a button and has not been answered. */
let acting = false;
/** Failures whose details have been opened by themselves: once is enough. */
const opened = new Set();

// ---- What is not needed to see the page is loaded with the first sign of a hand, at the latest when it
// is needed.

/**
 * @typedef {object} Dialogs
 * @property {ReturnType<typeof import("./writing.js").createBackupDialog>} backup
 * @property {ReturnType<typeof import("./confirm.js").createConfirmation>} confirmation
 * @property {typeof import("./confirm.js")} subjects
 */

/** @type {Dialogs | null} */
let dialogs = null;
/** @type {typeof import("./activity.js") | null} */
let activity = null;

/** @returns {Promise<Dialogs>} */
async function loadDialogs() {
  const [writing, subjects] = await Promise.all([import("./writing.js"), import("./confirm.js")]);
  dialogs ??= {
    backup: writing.createBackupDialog({ onStarted: (id) => onStarted("backup", id), onBusy: refresh }),
    confirmation: subjects.createConfirmation({ onBusy: refresh, onGone: reloadRecords }),
    subjects,
  };
  return dialogs;
}

async function loadActivity() {
  activity = await import("./activity.js");
  return activity;
}

/**
 * @template T
 * @param {() => Promise<T>} load
 * @param {(loaded: T) => void} use
 */
async function loadThen(load, use) {
  let loaded;
  try {
    loaded = await load();
  } catch {
    alarm(words.notLoaded);
    return;
  }
  use(loaded);
}

/** @param {(dialogs: Dialogs) => void} use */
function inDialog(use) {
  return loadThen(loadDialogs, (loaded) => {
    loaded.backup.refresh(state, connection);
    loaded.confirmation.refresh(state, connection);
    use(loaded);
    loaded.confirmation.refresh(state, connection);
  });
}

for (const sign of ["pointermove", "pointerdown", "keydown"]) {
  addEventListener(sign, () => Promise.all([loadDialogs(), loadActivity()]).catch(() => {}), { once: true, passive: true });
}

// ---- Showing.

/** Shows everything as it is now. What has not changed is not touched. */
function render() {
  keepPlace(() => {
    showStrip(state, connection);
    tell();
    const inOperation = byId("operation").contains(document.activeElement);
    if (state) showOperation(state);
    if (inOperation && !state?.operation) focusFirst();
    showReason();
    showWords();
    showTable({ state, hindrance: hindrance(), notesHindrance: cutOff(), onRestore: restore });
    activity?.show(cutOff(), state?.retention_days ?? 0);
    dialogs?.backup.refresh(state, connection);
    dialogs?.confirmation.refresh(state, connection);
    openFailure();
  });
  if (document.body.hasAttribute("data-loading") && ((state && records.isLoaded()) || cutOff())) {
    document.body.removeAttribute("data-loading");
    focusAgain();
  }
}

function tell() {
  const told = whatToTell({ state, connection, ended: endedRecord(), activity: endedActivity });
  if (refused?.about && !isDismissed(refused.about)) told.unshift(refused);
  showMessages(told, {
    onDismiss() {
      render();
      focusHeading();
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
    case "try_now": return refresh();
    case "download": return loadThen(loadActivity, ({ download }) => download(id ?? "", button));
    case "end_maintenance": return inDialog(({ confirmation, subjects }) => confirmation.open(subjects.end(onMaintenanceEnded)));
    case "restore": {
      const record = records.find(id);
      return record ? restore(record) : alarm(words.recordGone);
    }
  }
}

const endedRecord = () => records.find(ended.record);

/** Why nothing at all can be done now, without its full stop. */
function cutOff() {
  if (connection.shutOut) return words.untilSignedIn;
  return connection.lost ? words.untilConnected : null;
}

/** The one reason for which nothing can be started now. */
function hindrance() {
  const cut = cutOff();
  if (cut !== null) return cut;
  if (state?.operation) return words.untilEnded(state.operation.kind);
  return state ? null : words.untilLoaded;
}

function reason() {
  const why = hindrance();
  if (why === null) return null;
  return state?.operation && cutOff() === null ? `${words.sentence(why)} ${words.notesCanBeEdited}` : words.sentence(why);
}

function showReason() {
  const why = reason();
  const mayAct = state?.user.role !== "viewer";
  setText(part(byId("why"), "reason"), why ?? "");
  setShown(byId("why"), why !== null && mayAct);
  setShown(byId("actions"), mayAct);
  setShown(byId("read-only"), !mayAct);
  byId("rows").classList.toggle("read-only", !mayAct);
  for (const id of ["new-backup", "restart", "download-source"]) setAvailable(byId(id), why === null ? null : "why");
}

function showWords() {
  if (!state) return;
  const { application, nightly, retention_days, user } = state;
  const next = nightly.next_at === null ? null : Date.parse(nightly.next_at);
  const blank = user.role === "viewer" ? words.blankForViewer : words.blank;
  document.title = words.title(application.name, view === "activity");
  setText(byId("blank-text"), blank(application.name, next === null ? null : dayAhead(next, minuteNow()), next === null ? "" : clock(next)));
  setText(byId("footer-retention"), words.footer(retention_days));
  setText(byId("footer-zone"), words.footerZone(zone()));
}

/** The details of a failure that is told of are opened, once. */
function openFailure() {
  if (!state) return;
  const failed = failureToTell(state, endedRecord());
  if (!failed || opened.has(failed.id) || isDismissed(failed.id)) return;
  opened.add(failed.id);
  open(failed.id);
}

// ---- What the server tells.

/** @param {State} answer */
async function onState(answer) {
  await firstRecords;
  firstRecords = null;
  const before = state;
  const wasLost = byId("messages").querySelector("#message-offline, #message-signed-out") !== null;
  state = answer;
  const now = answer.operation;
  // A safety backup ends before the restore does.
  if (before && stagesOf(before.operation) !== stagesOf(now)) stale = true;
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
  if (now && ["backup", "restore"].includes(now.kind) && !records.find(now.record_id)) stale = true;
  // A beginning and an end are shown together with their record.
  if (!stale || !(await reloadRecords())) render();
  if (staleActivity && view === "activity") await reloadActivity();
  if (wasLost) say(words.connectedAgain);
}

/** @param {Operation | null} operation */
function stagesOf(operation) {
  return operation ? `${operation.id} ${operation.stages.map((stage) => stage.state)}` : "";
}

/** How what has no record in the table ended is read once; if it can't be, the next answer to the state asks again. */
async function readEnded() {
  const isActivity = ["restart", "source_archive", "purge"].includes(ended.kind);
  if (!isActivity || endedActivity?.id === ended.record) return;
  try {
    const found = await readActivity(ended.record);
    if (found.status === "IN_PROGRESS") return;
    endedActivity = found;
    // What was purged is gone.
    if (found.kind === "purge") stale = true;
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
  }
}

async function reloadActivity() {
  staleActivity = false;
  try {
    await (activity ?? (await loadActivity())).reload();
    render();
  } catch {
    staleActivity = true;
  }
}

/** @returns {Promise<boolean>} whether the records were read, and with that everything shown */
async function reloadRecords() {
  const first = !records.isLoaded();
  stale = false;
  try {
    await records.reload();
  } catch {
    // The next answer to the state asks again.
    stale = true;
    return false;
  }
  if (first) seek();
  return true;
}

/**
 * @param {string} kind
 * @param {string} record the record or the activity
 */
async function onStarted(kind, record) {
  watched = { kind, record };
  refused = null;
  stale = true;
  staleActivity = true;
  await refresh();
  if (!byId("operation").hidden) byId("operation-title").focus();
  else focusFirst();
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
  await refresh();
  focusFirst();
}

// ---- What can be done.

/** @param {Record} record */
function restore(record) {
  inDialog(({ confirmation, subjects }) => confirmation.open(subjects.restore(record, (id) => onStarted("restore", id))));
}

function restart() {
  return inDialog(({ confirmation, subjects }) => confirmation.open(subjects.restart((id) => onStarted("restart", id))));
}

async function archiveSource() {
  try {
    await onStarted("source_archive", (await startSourceArchive()).id);
  } catch (error) {
    if (error instanceof Problem && error.status === 409 && error.operation) {
      const { requested_by, kind, started_at } = error.operation;
      alarm(`${words.busy(requested_by, kind, clock(Date.parse(started_at)))} ${words.nothingElseStarted}`);
      refresh();
    } else {
      notPossible(words.noArchive, error, words.archiveShows);
    }
  }
}

async function leaveConsole() {
  try {
    location.assign((await signOut()).url);
  } catch (error) {
    notPossible(words.notSignedOut, error, words.stillSignedIn);
  }
}

/**
 * @param {string} title
 * @param {unknown} error
 * @param {string} noAnswer what to say if there was none
 */
function notPossible(title, error, noAnswer) {
  if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
  refused = notDone(title, [error instanceof Problem ? error.told : noAnswer], Date.now());
  render();
}

/**
 * A button that does something, unless there is a reason not to or it is at it already.
 * @param {string} id
 * @param {() => unknown} act
 */
function onClick(id, act) {
  byId(id).addEventListener("click", async () => {
    const why = id === "sign-out" ? null : reason();
    if (why !== null) return say(why);
    if (acting) return;
    acting = true;
    try {
      await act();
    } finally {
      acting = false;
    }
  });
}

// ---- The two views. Which one is shown is in the address.

/** @type {"records" | "activity"} */
let view = "records";
/** Where each view was scrolled to when it was left. */
const places = { records: 0, activity: 0 };

/** @param {boolean} byHand */
async function followAddress(byHand) {
  const wanted = location.hash === "#activity" ? "activity" : "records";
  const isOther = wanted !== view;
  if (isOther) places[view] = window.scrollY;
  view = wanted;
  for (const name of /** @type {const} */ (["records", "activity"])) {
    setShown(byId(`${name}-view`), name === view);
    setAttribute(byId(`to-${name}`), "aria-current", name === view ? "page" : null);
  }
  if (!isOther) return;
  if (state) render();
  if (byHand) {
    focusHeading();
    window.scrollTo({ top: places[view], behavior: "instant" });
  }
  if (view === "activity" && staleActivity) await reloadActivity();
}

// ---- The beginning.

speakTheLanguage();
onClick("new-backup", () => inDialog(({ backup }) => backup.open()));
onClick("restart", restart);
onClick("download-source", archiveSource);
onClick("sign-out", leaveConsole);
document.addEventListener("click", ({ target }) => {
  // What was typed is kept in this tab.
  if (target instanceof Element && target.closest('a[href^="/sign-in"]')) leave();
});
document.addEventListener("visibilitychange", () => (stale = stale || !document.hidden));
window.addEventListener("beforeunload", (event) => {
  if (!isLeaving() && (dialogs?.backup.isWriting() || isWriting())) event.preventDefault();
});
records.onChange(render);
everyMinute(render);
setInterval(() => {
  if (document.hidden) return;
  if (state?.operation) {
    tickOperation(state);
    tickTable();
    activity?.tick();
  }
  dialogs?.confirmation.tick();
  if (connection.lost) tell();
}, 1000);
watchPointer();
window.addEventListener("hashchange", () => followAddress(true));
watchEnd();
followAddress(false);
firstRecords = reloadRecords();
watchState(onState, render);
