// @ts-check
// What is done only when it has been confirmed: a restore, a restart, the end of a maintenance. The
// dialog says what will happen and has six characters typed; the page compares while they are typed, the
// server decides. It is bound to what it was opened for; nothing in the table changes that. Loaded when
// it is first needed.

/** @import { Action, Confirmation, Operation, Record, State } from "./types.js" */
/** @import { Connection, Typed } from "./server.js" */
/** @import { Trouble } from "./writing.js" */

import { aboutInWords, ago, between, clock, date, size, timeOfId } from "./figures.js";
import { byId, fromTemplate, part, setAvailable, setIcon, setShown, setText, speak, unavailable, words } from "./page.js";
import { sentences } from "./messages.js";
import { hasOwnMaintenance, stuckBy } from "./overview.js";
import { Problem, Unreachable, askForConfirmation, endMaintenance, isShutOut, minuteNow, now, records, startRestart, startRestore } from "./server.js";
import { busy, cutOff, showTrouble, signedOut, unreachable } from "./writing.js";

/** Milliseconds until characters that did not come are asked for again. */
const AGAIN = 5000;

/** @type {Trouble} */
const EXPIRED = { title: words.charactersExpired, text: [words.typeNewOnes], tone: "warn-tone", icon: "clock" };
/** @type {Trouble} */
const WRONG = { title: words.charactersWrong, text: [words.typeNewOnes] };

/**
 * What is to be confirmed.
 * @typedef {object} Subject
 * @property {Action} action
 * @property {string | null} record what is to be restored
 * @property {string | null} icon
 * @property {HTMLElement} about what will happen
 * @property {(state: State) => void} show writes that, as things are now
 * @property {(typed: Typed) => Promise<() => void>} confirm does it; what it gives is called when the dialog is closed
 */

/** @param {{onBusy: () => void, onGone: () => void}} actions */
export function createConfirmation({ onBusy, onGone }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm-dialog"));
  const field = /** @type {HTMLInputElement} */ (part(dialog, "typed"));
  const confirm = part(dialog, "confirm");
  const cells = /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll(".code [aria-hidden]")]);
  /** @type {Subject | null} */
  let subject = null;
  /** @type {State | null} */
  let state = null;
  /** @type {Connection | null} */
  let connection = null;
  /** @type {Confirmation | null} */
  let confirmation = null;
  let asking = false;
  let askAt = 0;
  let sending = false;
  /** Whether it can never be done: there is no such backup, or it cannot be restored. */
  let impossible = false;
  let matched = false;
  /** @type {Trouble | null} what came of the last try */
  let refusal = null;
  /** @type {Trouble | null} what is in the way now */
  let hindrance = null;
  let hinderedBy = "";

  const typed = () => field.value.toUpperCase();
  const matches = () => confirmation !== null && typed() === confirmation.code;
  const kept = () => (field.value === "" ? "" : words.typedIsKept);

  const render = () => {
    if (!subject) return;
    if (state) subject.show(state);
    showTrouble(part(dialog, "trouble"), hindrance ?? refusal);
    const code = confirmation?.code ?? "";
    setText(part(dialog, "code-spoken"), [...code].join(", "));
    for (const [position, cell] of cells.entries()) {
      setText(cell, code.charAt(position));
      cell.classList.toggle("match", code !== "" && typed().charAt(position) === code.charAt(position));
    }
    const all = matches();
    setText(part(dialog, "hint"), hint(confirmation, typed(), impossible));
    setShown(part(dialog, "hint-icon"), all);
    byId("confirm-hint").classList.toggle("match", all && !hindrance);
    setAvailable(confirm, hindrance || impossible ? "confirm-trouble" : !all || sending ? "confirm-hint" : null);
    setText(part(dialog, "confirm-word"), sending ? words.startingNow : words.confirm[subject.action].button);
    field.readOnly = sending;
    if (all && !matched) speak(part(dialog, "spoken"), words.charactersMatch);
    matched = all;
  };

  const ask = async () => {
    const mine = subject;
    if (!mine) return;
    asking = true;
    render();
    try {
      const answer = await askForConfirmation(mine.action, mine.record);
      if (subject === mine) confirmation = answer;
    } catch (error) {
      if (subject !== mine) return;
      askAt = Date.now() + AGAIN;
      refused(error, words.charactersNotLoaded);
    } finally {
      if (subject === mine) asking = false;
      render();
    }
  };

  /** @param {Trouble} why the ones that were shown can't be used any more */
  const renew = (why) => {
    confirmation = null;
    field.value = "";
    // Said again, even if it was the same before.
    showTrouble(part(dialog, "trouble"), null);
    refusal = why;
    hindrance = findHindrance();
    return ask();
  };

  const send = async () => {
    if (!subject || !confirmation || unavailable(confirm)) {
      part(dialog, "trouble").scrollIntoView({ block: "nearest" });
      speak(part(dialog, "spoken"), part(dialog, "hint").textContent ?? "");
      return;
    }
    const mine = subject;
    sending = true;
    refusal = null;
    render();
    try {
      const after = await mine.confirm({ id: confirmation.id, code: typed() });
      sending = false;
      close();
      after();
    } catch (error) {
      sending = false;
      if (error instanceof Problem && error.kind === "not-confirmed") {
        await renew(now() >= Date.parse(confirmation.expires_at) ? EXPIRED : WRONG);
      } else {
        refused(error, words.nothingStarted);
      }
      render();
      field.focus();
    }
  };

  /** @param {unknown} error @param {string} title */
  const refused = (error, title) => {
    if (error instanceof Unreachable) {
      refusal = confirmation ? unreachable(words.noAnswer, words.startShows) : unreachable(title, words.askedAgain);
      return;
    }
    if (!(error instanceof Problem)) throw error;
    if (isShutOut(error)) {
      refusal = signedOut();
    } else if (error.status === 409) {
      refusal = error.operation && subject ? busyWith(subject, error.operation) : { title, text: [error.told], tone: "warn-tone", icon: "lock" };
      onBusy();
    } else if (error.status === 404) {
      impossible = true;
      refusal = { title: words.backupGone, text: [words.backupGoneText(state?.retention_days ?? null)] };
      onGone();
    } else if (error.kind === "not-restorable") {
      impossible = true;
      refusal = { title: words.cantBeRestored, text: [error.told] };
      onGone();
    } else {
      refusal = { title, text: sentences([error.told, kept().trim()]) };
    }
  };

  const close = () => {
    subject = null;
    confirmation = null;
    field.value = "";
    dialog.close();
  };

  const cancel = () => {
    if (!sending) close();
  };

  const findHindrance = () => {
    if (!subject || !connection || !hinderedBy) return null;
    const cut = cutOff(connection, words.whenBack(subject.action) + kept());
    return cut ?? (state?.operation ? busyWith(subject, state.operation) : null);
  };

  /** @param {Subject} subject @param {Operation} operation */
  const busyWith = ({ action }, operation) => {
    const usual = /** @type {{[kind: string]: number | null}} */ (state?.usual_seconds ?? {})[operation.kind];
    const left = usual ? usual - (now() - Date.parse(operation.started_at)) / 1000 : 0;
    return busy(operation, words.whenEnded(action, left > 0 ? aboutInWords(left) : null) + kept());
  };

  field.addEventListener("input", () => {
    const clean = field.value.replace(/\s/g, "");
    if (clean !== field.value) field.value = clean;
    render();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    cancel();
  });
  dialog.addEventListener("cancel", (event) => (event.preventDefault(), cancel()));
  part(dialog, "close").addEventListener("click", cancel);
  part(dialog, "cancel").addEventListener("click", cancel);
  /** @type {HTMLFormElement} */ (dialog.querySelector("form")).addEventListener("submit", (event) => (event.preventDefault(), send()));

  return {
    /** @param {Subject} about */
    open(about) {
      if (dialog.open) return;
      subject = about;
      confirmation = null;
      asking = false;
      impossible = false;
      matched = false;
      refusal = null;
      hindrance = null;
      hinderedBy = "";
      field.value = "";
      setText(part(dialog, "title"), words.confirm[about.action].title);
      setShown(part(dialog, "confirm-icon"), about.icon !== null);
      if (about.icon) setIcon(part(dialog, "confirm-icon"), about.icon);
      part(dialog, "about").replaceChildren(about.about);
      setText(part(dialog, "spoken"), "");
      render();
      dialog.showModal();
      part(dialog, "content").scrollTop = 0;
      field.focus({ preventScroll: true });
      ask();
    },
    /** @param {State | null} newState @param {Connection} newConnection */
    refresh(newState, newConnection) {
      state = newState;
      connection = newConnection;
      const by = connection.shutOut ? "session" : connection.lost ? "connection" : state?.operation?.id ?? "";
      // Written once for each hindrance: it is spoken when it changes.
      if (by !== hinderedBy) {
        hinderedBy = by;
        hindrance = findHindrance();
        // What was refused because of an operation or a session holds no longer when that has ended.
        if (!hindrance && refusal?.icon === "lock") refusal = null;
      }
      if (dialog.open) render();
    },
    /** Once a second. */
    tick() {
      if (!dialog.open || sending || asking || impossible) return;
      if (confirmation && now() >= Date.parse(confirmation.expires_at)) renew(EXPIRED);
      else if (!confirmation && Date.now() >= askAt) ask();
    },
  };
}

/** @param {Confirmation | null} confirmation @param {string} typed @param {boolean} impossible */
function hint(confirmation, typed, impossible) {
  if (!confirmation) return impossible ? "" : words.charactersComing;
  const { code, expires_at } = confirmation;
  if (typed === code) return words.charactersMatch;
  const wrong = [...typed].findIndex((character, position) => character !== code.charAt(position));
  return words.charactersHint(typed.length, wrong + 1, clock(Date.parse(expires_at)));
}

// ---- What can be confirmed. Each says what will happen, before anything does.

/** @param {Record} record the backup @param {(recordId: string) => void} onStarted @returns {Subject} */
export function restore(record, onStarted) {
  const about = fromTemplate("t-about-restore");
  const when = date(Date.parse(record.created_at));
  return {
    action: "restore",
    record: record.id,
    icon: "restore",
    about,
    show(state) {
      const { application, usual_seconds } = state;
      const stays = staysOn(state);
      const { notes } = records.find(record.id) ?? record;
      setText(part(about, "date"), when);
      setText(part(about, "origin"), origin(record));
      setText(part(about, "notes"), notes);
      setShown(part(about, "notes"), notes.trim() !== "");
      setText(part(about, "backup"), words.safetyStep(application.name, stays));
      setText(part(about, "restore"), words.restoreStep(when));
      setText(part(about, "restart"), words.restartAfterStep(application.services.desired, !stays || stuckBy(state) !== null));
      const last = records.all().find(({ kind, status }) => kind === "restore" && status === "SUCCESS");
      const took = last ? between(last.created_at, last.finished_at) : "";
      const usual = usual_seconds.restore;
      setText(part(about, "time"), words.maintenanceFor(usual === null ? null : aboutInWords(usual)) + (took ? words.lastRestoreTook(took) : ""));
    },
    async confirm(typed) {
      const begun = await startRestore(record.id, typed);
      records.put(begun);
      return () => onStarted(begun.id);
    },
  };
}

/** @param {(activityId: string) => void} onStarted @returns {Subject} */
export function restart(onStarted) {
  const about = fromTemplate("t-about-restart");
  return {
    action: "restart",
    record: null,
    icon: "restart",
    about,
    show(state) {
      const { application, usual_seconds } = state;
      const stays = staysOn(state);
      const usual = usual_seconds.restart;
      setText(part(about, "maintenance"), words.maintenanceStep(application.name, stays, usual === null ? null : aboutInWords(usual)));
      setText(part(about, "restart"), words.restartStep(application.services.desired));
      setText(part(about, "back"), words.backStep(stays));
    },
    async confirm(typed) {
      const { id } = await startRestart(typed);
      return () => onStarted(id);
    },
  };
}

/** @param {() => void} onEnded @returns {Subject} */
export function end(onEnded) {
  const about = fromTemplate("t-about-end");
  return {
    action: "end_maintenance",
    record: null,
    icon: null,
    about,
    show(state) {
      const from = stuckBy(state)?.restored_from;
      setText(part(about, "doubt"), words.inDoubt(from ? date(timeOfId(from)) : null));
      setText(part(about, "after"), words.afterEnd(state.application.name));
    },
    async confirm(typed) {
      await endMaintenance(typed);
      return onEnded;
    },
  };
}

/** Whether there is maintenance that no operation in progress will end. @param {State} state */
const staysOn = (state) => state.maintenance.on && !hasOwnMaintenance(state);

/** 15 hours ago · manual, by Maya Lindqvist · 4.81 GB @param {Record} record */
function origin({ created_at, trigger, requested_by, size: held }) {
  return [ago(Date.parse(created_at), minuteNow()), words.origin(trigger, requested_by), ...(held ? [size(held.total_bytes)] : [])].join(" · ");
}
