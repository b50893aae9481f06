// @ts-check
// What is written: the description of a new backup, in a dialog, and the notes of a record, in place.
// Text is never lost: not by a refresh, not by an error, not by somebody else's text, not without being
// asked. Loaded when it is first needed.

/** @import { Operation, Record, State } from "./types.js" */
/** @import { Piece } from "./page.js" */
/** @import { Connection } from "./server.js" */

import { aboutInWords, between, clockOrDay, date } from "./figures.js";
import { byId, drafts, fromTemplate, nodes, part, plain, say, setAttribute, setAvailable, setIcon, setShown, setText, unavailable, words } from "./page.js";
import { sentences, signedOutText } from "./messages.js";
import { Problem, Unreachable, isShutOut, minuteNow, records, saveNotes, startBackup } from "./server.js";

/** The most characters that notes can have. */
const LONGEST = 10_000;

// ---- What is in the way of starting or saving something, in the words that every dialog uses.

/** @typedef {{title: string, text: Piece[], tone?: string, icon?: string}} Trouble */

/**
 * Somebody was faster.
 * @param {Pick<Operation, "kind" | "requested_by" | "started_at">} operation
 * @param {string} text what that means for what was to be started
 * @returns {Trouble}
 */
export function busy({ kind, requested_by, started_at }, text) {
  const title = words.busy(requested_by, kind, clockOrDay(Date.parse(started_at), minuteNow()));
  return { title, text: [text], tone: "warn-tone", icon: "lock" };
}

/** The connection is lost, or no answer came. @param {string} title @param {string} text @returns {Trouble} */
export const unreachable = (title, text) => ({ title, text: [text], tone: "warn-tone", icon: "offline" });

/** The session has ended. @returns {Trouble} */
export const signedOut = () => ({ title: `${words.signedOut}.`, text: signedOutText(), tone: "warn-tone", icon: "lock" });

/**
 * What keeps everybody from starting anything, if there is something.
 * @param {Connection} connection
 * @param {string} whenBack
 * @returns {Trouble | null}
 */
export function cutOff({ shutOut, lost }, whenBack) {
  if (shutOut) return signedOut();
  return lost ? unreachable(words.isLost, whenBack) : null;
}

/** Shows what went wrong, in an element that speaks it. @param {HTMLElement} place @param {Trouble | null} trouble */
export function showTrouble(place, trouble) {
  const before = place.dataset.shown ?? "";
  const after = trouble ? `${trouble.title} ${plain(trouble.text)}` : "";
  if (before === after) return;
  place.dataset.shown = after;
  setShown(place, true);
  place.replaceChildren();
  if (!trouble) return;
  const message = fromTemplate("t-trouble");
  message.classList.add(trouble.tone ?? "bad-tone");
  setIcon(message, trouble.icon ?? "failed");
  part(message, "title").textContent = trouble.title;
  part(message, "text").append(...nodes(trouble.text));
  place.append(message);
}

/**
 * Asks "Discard your text?" in place of the buttons. Asking again while the question is there answers
 * it with "Keep writing".
 * @param {HTMLElement} foot the buttons
 * @param {HTMLElement} field where writing goes on
 * @param {() => void} discard
 */
function askToDiscard(foot, field, discard) {
  const open = foot.querySelector(".discard");
  const buttons = [...foot.children].filter((child) => child !== open);
  const close = () => {
    foot.querySelector(".discard")?.remove();
    for (const button of buttons) button.removeAttribute("data-covered");
  };
  if (open) {
    close();
    field.focus();
    return;
  }
  const question = fromTemplate("t-discard");
  for (const button of buttons) button.setAttribute("data-covered", "");
  if (foot.classList.contains("foot")) for (const button of question.querySelectorAll("button")) button.classList.add("small");
  part(question, "discard").addEventListener("click", () => (close(), discard()));
  part(question, "keep").addEventListener("click", () => (close(), field.focus()));
  foot.append(question);
  part(question, "keep").focus();
}

/** By how many characters a text is too long, counted as the server counts. @param {Problem} problem @param {string} text */
const tooLongBy = ({ tooLongBy, status }, text) => tooLongBy ?? (status === 413 ? Math.max(0, [...text].length - LONGEST) : 0);

/** Whether a key asks to send what was written. @param {KeyboardEvent} event */
const sends = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing;

// ---- The dialog that starts a backup. It stays open, with what was typed, until the backup has begun or
// the text has been given up.

const DRAFT = "description";

/** @param {{onStarted: (recordId: string) => void, onBusy: () => void}} actions */
export function createBackupDialog({ onStarted, onBusy }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("new-backup-dialog"));
  const field = /** @type {HTMLTextAreaElement} */ (part(dialog, "text"));
  const start = part(dialog, "start");
  let sending = false;
  /** @type {Trouble | null} what came of the last try */
  let refusal = null;
  /** @type {Trouble | null} what is in the way now */
  let hindrance = null;

  const render = () => {
    showTrouble(part(dialog, "trouble"), hindrance ?? refusal);
    setAvailable(start, hindrance || sending ? "new-trouble" : null);
    setText(start, sending ? words.startingNow : words.page.start);
    field.readOnly = sending;
  };

  const close = () => {
    field.value = "";
    drafts.forget(DRAFT);
    refusal = null;
    dialog.close();
  };

  const cancel = () => {
    if (sending) return;
    if (field.value === "") close();
    else askToDiscard(part(dialog, "foot"), field, close);
  };

  const send = async () => {
    if (sending || unavailable(start)) {
      part(dialog, "trouble").scrollIntoView({ block: "nearest" });
      return;
    }
    sending = true;
    refusal = null;
    render();
    try {
      const record = await startBackup(field.value);
      sending = false;
      close();
      records.put(record);
      onStarted(record.id);
    } catch (error) {
      sending = false;
      refusal = backupTrouble(error, field.value);
      if (error instanceof Problem && error.status === 409) onBusy();
      field.focus();
    }
    render();
  };

  field.addEventListener("input", () => {
    if (field.value === "") drafts.forget(DRAFT);
    else drafts.keep(DRAFT, { text: field.value });
  });
  dialog.addEventListener("keydown", (event) => {
    if (sends(event)) send();
    else if (event.key === "Escape" && !event.isComposing) cancel();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("cancel", (event) => (event.preventDefault(), cancel()));
  part(dialog, "close").addEventListener("click", cancel);
  part(dialog, "cancel").addEventListener("click", cancel);
  /** @type {HTMLFormElement} */ (dialog.querySelector("form")).addEventListener("submit", (event) => (event.preventDefault(), send()));

  return {
    open() {
      if (dialog.open) return;
      field.value ||= drafts.recall(DRAFT)?.text ?? "";
      render();
      dialog.showModal();
      field.focus();
    },
    isWriting: () => dialog.open && field.value !== "",
    /** @param {State | null} state @param {Connection} connection */
    refresh(state, connection) {
      hindrance = cutOff(connection, words.backupWhenBack) ?? (state?.operation ? busy(state.operation, words.backupLater) : null);
      // What was refused because of an operation or a session holds no longer when that has ended.
      if (!hindrance && refusal?.icon === "lock") refusal = null;
      if (state) setText(part(dialog, "time"), timeOf(state));
      if (dialog.open) render();
    },
  };
}

/** @param {unknown} error @param {string} text what was typed @returns {Trouble} */
function backupTrouble(error, text) {
  if (error instanceof Unreachable) return unreachable(words.noAnswer, words.backupShows);
  if (!(error instanceof Problem)) throw error;
  if (isShutOut(error)) return signedOut();
  if (error.status === 409 && error.operation) return busy(error.operation, words.backupLater);
  const by = tooLongBy(error, text);
  if (by > 0) {
    const { title, text } = words.tooLongBackup(by);
    return { title, text: [text] };
  }
  return { title: words.backupNotStarted, text: sentences([error.told, words.typedIsKept.trim()]) };
}

/** @param {State} state */
function timeOf({ application, usual_seconds: { backup } }) {
  const newest = records.newestSuccess();
  const last = newest ? between(newest.created_at, newest.finished_at) : "";
  return words.whileBackedUp(application.name, backup === null ? null : aboutInWords(backup)) + (last ? words.lastTook(last) : words.firstLongest);
}

// ---- Notes, edited in place.

/** @typedef {ReturnType<typeof createEditor>} Editor */

/**
 * @param {() => Record} current the record as it is known now
 * @param {() => void} closed called when writing has ended
 */
export function createEditor(current, closed) {
  const { id, kind, created_at } = current();
  const key = `notes.${id}`;
  const form = /** @type {HTMLFormElement} */ (fromTemplate("t-edit"));
  const field = /** @type {HTMLTextAreaElement} */ (part(form, "text"));
  const save = part(form, "save");
  const draft = drafts.recall(key);
  /** The notes that are to be replaced, and their version. */
  let base = { text: current().notes, version: draft?.version ?? current().notes_version };
  field.value = draft?.text ?? base.text;
  field.id = `notes-${id}`;
  const label = part(form, "label");
  label.setAttribute("for", field.id);
  label.textContent = words.notesOf(kind, date(Date.parse(created_at)));

  const isChanged = () => field.value !== base.text;

  const finish = () => {
    drafts.forget(key);
    closed();
  };

  const cancel = () => {
    if (isChanged()) askToDiscard(part(form, "foot"), field, finish);
    else finish();
  };

  const send = async () => {
    if (unavailable(save)) return;
    if (!isChanged()) {
      finish();
      return;
    }
    wait(true);
    try {
      records.put(await saveNotes(id, field.value, base.version));
      wait(false);
      finish();
      say(words.notesSaved);
    } catch (error) {
      wait(false);
      refused(error);
    }
  };

  /** @param {boolean} is */
  const wait = (is) => {
    field.readOnly = is;
    setAttribute(save, "aria-disabled", is ? "true" : null);
    setText(save, is ? words.saving : words.page.save);
  };

  /** @param {unknown} error */
  const refused = (error) => {
    if (error instanceof Problem && error.status === 412 && error.record) {
      // Perhaps it is our own text: saved before, its answer lost on the way.
      if (error.record.notes === field.value) {
        records.put(error.record);
        finish();
        say(words.notesSaved);
      } else {
        showTheirs(error.record);
      }
    } else {
      showTrouble(part(form, "trouble"), notesTrouble(error, field.value));
      field.focus();
    }
  };

  /** @param {Record} record */
  const showTheirs = (record) => {
    base = { text: record.notes, version: record.notes_version };
    remember();
    records.put(record);
    const { by = null, at = null } = record.notes_edited ?? {};
    const title = words.changedByOther(by, at && clockOrDay(Date.parse(at), minuteNow()));
    showTrouble(part(form, "trouble"), { title, text: [words.bothShown], tone: "warn-tone", icon: "warn" });
    setText(part(form, "their-text"), record.notes);
    for (const name of ["theirs", "keep-theirs", "join"]) setShown(part(form, name), true);
    field.focus();
  };

  const remember = () => {
    if (isChanged()) drafts.keep(key, { text: field.value, version: base.version });
    else drafts.forget(key);
  };

  field.addEventListener("input", remember);
  form.addEventListener("submit", (event) => (event.preventDefault(), send()));
  form.addEventListener("keydown", (event) => {
    if (sends(event)) send();
    else if (event.key === "Escape" && !event.isComposing) cancel();
    else return;
    event.preventDefault();
  });
  part(form, "cancel").addEventListener("click", cancel);
  part(form, "keep-theirs").addEventListener("click", finish);
  part(form, "join").addEventListener("click", () => {
    field.value = [base.text, field.value].filter((text) => text !== "").join("\n");
    setShown(part(form, "join"), false);
    remember();
    field.focus();
  });

  return {
    form,
    isChanged,
    focus() {
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    },
    /** The record may have changed: as long as nothing was typed, its newest notes are what is edited. */
    refresh() {
      const { notes, notes_version } = current();
      if (isChanged() || notes_version === base.version) return;
      base = { text: notes, version: notes_version };
      field.value = notes;
    },
  };
}

/** @param {unknown} error @param {string} text @returns {Trouble} */
function notesTrouble(error, text) {
  const title = words.notesNotSaved;
  if (error instanceof Unreachable) return { title, text: [words.textStillHereTryAgain] };
  if (!(error instanceof Problem)) throw error;
  if (isShutOut(error)) return signedOut();
  const by = tooLongBy(error, text);
  if (by > 0) {
    const { title, text } = words.tooLongNotes(by);
    return { title, text: [text] };
  }
  return { title, text: sentences([error.told, words.textStillHere.trim()]) };
}
