// @ts-check
// The dialog that starts a backup. It stays open, with what was typed, until the backup has begun or
// the text has been given up.

/** @import { Trouble } from "./trouble.js" */
/** @import { State } from "./types.js" */

import { Problem, Unreachable, startBackup } from "./api.js";
import { byId, part, setAvailable, setText, unavailable } from "./dom.js";
import * as drafts from "./drafts.js";
import { aboutInWords, duration } from "./format.js";
import { newestSuccess } from "./news.js";
import * as records from "./records.js";
import { busy, unreachable } from "./trouble.js";
import { askToDiscard, byCharacters, sends, showTrouble, tooLongBy } from "./writing.js";

const DRAFT = "description";
/** What an operation in progress means for what is being written. */
const LATER = "Nothing else was started. You can try again when it has ended. What you typed is kept.";

/**
 * @param {{onStarted: (recordId: string) => void, onBusy: () => void}} actions
 */
export function createDialog({ onStarted, onBusy }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("new-backup-dialog"));
  const field = /** @type {HTMLTextAreaElement} */ (part(dialog, "text"));
  const start = part(dialog, "start");
  let sending = false;
  /** @type {Trouble | null} what came of the last try */
  let refusal = null;
  /** @type {Trouble | null} what is in the way now */
  let hindrance = null;

  const render = () => {
    const trouble = hindrance ?? refusal;
    showTrouble(part(dialog, "trouble"), trouble);
    setAvailable(start, hindrance || sending ? "new-trouble" : null);
    setText(start, sending ? "Starting" : "Start backup");
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
      refusal = troubleOf(error, field.value);
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
      field.value ||= drafts.recall(DRAFT)?.text ?? "";
      render();
      dialog.showModal();
      field.focus();
    },
    isWriting: () => dialog.open && field.value !== "",
    /**
     * @param {State | null} state
     * @param {boolean} connected
     */
    refresh(state, connected) {
      if (!connected) hindrance = unreachable("The connection is lost.", "You can start the backup when it is back. What you typed is kept.");
      else hindrance = state?.operation ? busy(state.operation, LATER) : null;
      // What was refused because of an operation holds no longer when that has ended.
      if (!hindrance && refusal?.icon === "lock") refusal = null;
      if (state) setText(part(dialog, "time"), timeOf(state));
      if (dialog.open) render();
    },
  };
}

/**
 * @param {unknown} error
 * @param {string} text what was typed
 * @returns {Trouble}
 */
function troubleOf(error, text) {
  if (error instanceof Unreachable) {
    return unreachable("There was no answer.", "Whether the backup was started shows when the connection is back. What you typed is kept.");
  }
  if (!(error instanceof Problem)) throw error;
  if (error.status === 409 && error.operation) return busy(error.operation, LATER);
  const by = error.tooLongBy ?? (error.status === 413 ? tooLongBy(text) : 0);
  if (by > 0) return { title: "The description is too long", text: `${byCharacters(by)} Nothing was started and your text is still here. Shorten it, then start.` };
  return { title: "The backup was not started.", text: `${error.message} What you typed is kept.` };
}

/** @param {State} state */
function timeOf({ application, usual_seconds }) {
  const usual = usual_seconds.backup;
  const newest = newestSuccess(records.all());
  const last = newest?.finished_at ? duration(Date.parse(newest.finished_at) - Date.parse(newest.created_at)) : null;
  const first = `${application.name} is under maintenance while it is backed up`;
  const how = usual === null ? `${first}.` : `${first}, for ${aboutInWords(usual)}.`;
  return last === null ? `${how} The first backup takes longest.` : `${how} The last backup took ${last}.`;
}
