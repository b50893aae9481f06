// @ts-check
// Notes, edited in place. Text is never lost: not by a refresh, not by an error, not by somebody else's
// text, not without being asked.

/** @import { Record } from "./types.js" */

import { Problem, Unreachable, saveNotes } from "./api.js";
import { fromTemplate, part, setAttribute, setShown, setText, unavailable } from "./dom.js";
import * as drafts from "./drafts.js";
import { date } from "./format.js";
import { say } from "./live.js";
import * as records from "./records.js";
import { askToDiscard, byCharacters, sends, showTrouble, tooLongBy } from "./writing.js";

/** @param {string} id */
const draftOf = (id) => `notes.${id}`;

/** @param {string} id */
export function hasDraft(id) {
  return drafts.recall(draftOf(id)) !== null;
}

/**
 * @param {() => Record} current the record as it is known now
 * @param {() => void} closed called when writing has ended
 */
export function createEditor(current, closed) {
  const { id, kind, created_at } = current();
  const form = /** @type {HTMLFormElement} */ (fromTemplate("t-edit"));
  const field = /** @type {HTMLTextAreaElement} */ (part(form, "text"));
  const save = part(form, "save");
  const draft = drafts.recall(draftOf(id));
  /** The notes that are to be replaced, and their version. */
  let base = { text: current().notes, version: draft?.version ?? current().notes_version };
  field.value = draft?.text ?? base.text;
  field.id = `notes-${id}`;
  const label = part(form, "label");
  label.setAttribute("for", field.id);
  label.textContent = `Notes of the ${kind} of ${date(Date.parse(created_at))}`;

  const isChanged = () => field.value !== base.text;

  const finish = () => {
    drafts.forget(draftOf(id));
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
    busy(true);
    try {
      records.put(await saveNotes(id, field.value, base.version));
      busy(false);
      finish();
      say("Notes saved.");
    } catch (error) {
      busy(false);
      refused(error);
    }
  };

  /** @param {boolean} is */
  const busy = (is) => {
    field.readOnly = is;
    setAttribute(save, "aria-disabled", is ? "true" : null);
    setText(save, is ? "Saving" : "Save notes");
  };

  /** @param {unknown} error */
  const refused = (error) => {
    if (error instanceof Problem && error.status === 412 && error.record) {
      // Perhaps it is our own text: saved before, its answer lost on the way.
      if (error.record.notes === field.value) {
        records.put(error.record);
        finish();
        say("Notes saved.");
      } else {
        showTheirs(error.record);
      }
    } else {
      showTrouble(part(form, "trouble"), trouble(error, field.value));
      field.focus();
    }
  };

  /** @param {Record} record */
  const showTheirs = (record) => {
    base = { text: record.notes, version: record.notes_version };
    remember();
    records.put(record);
    showTrouble(part(form, "trouble"), {
      title: "Somebody else changed these notes.",
      text: "Yours were not saved. Both texts are shown; keep one, or join them.",
      tone: "warn-tone",
      icon: "warn",
    });
    setText(part(form, "their-text"), record.notes);
    for (const name of ["theirs", "keep-theirs", "join"]) setShown(part(form, name), true);
    field.focus();
  };

  const remember = () => {
    if (isChanged()) drafts.keep(draftOf(id), { text: field.value, version: base.version });
    else drafts.forget(draftOf(id));
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

/**
 * @param {unknown} error
 * @param {string} text
 */
function trouble(error, text) {
  const title = "The notes were not saved.";
  if (error instanceof Unreachable) return { title, text: "There was no answer. Your text is still here. Try again." };
  if (!(error instanceof Problem)) throw error;
  const by = error.tooLongBy ?? (error.status === 413 ? tooLongBy(text) : 0);
  if (by > 0) return { title: "The notes are too long", text: `${byCharacters(by)} Nothing was saved and your text is still here. Shorten it, then save.` };
  return { title, text: `${error.message} Your text is still here.` };
}
