// @ts-check
// The dialog that has six characters typed before something is done. The page compares while they are
// typed, the server decides. It is bound to what it was opened for; nothing in the table changes that.

/** @import { Typed } from "./api.js" */
/** @import { Trouble } from "./trouble.js" */
/** @import { Action, Confirmation, Operation, State } from "./types.js" */

import { Problem, Unreachable, askForConfirmation } from "./api.js";
import { now } from "./clock.js";
import { byId, part, setAvailable, setIcon, setShown, setText, unavailable } from "./dom.js";
import { aboutInWords, clock } from "./format.js";
import { speak } from "./live.js";
import { busy, unreachable } from "./trouble.js";
import { showTrouble } from "./writing.js";

const LENGTH = 6;
/** Milliseconds until characters that did not come are asked for again. */
const AGAIN = 5000;

/** @type {Trouble} */
const EXPIRED = { title: "The characters were older than 5 minutes.", text: "Nothing was started. Type the new ones below.", tone: "warn-tone", icon: "clock" };
/** @type {Trouble} */
const WRONG = { title: "The characters did not match.", text: "Nothing was started. Type the new ones below." };

/**
 * What is to be confirmed.
 * @typedef {object} Subject
 * @property {Action} action
 * @property {string | null} record what is to be restored
 * @property {string} title
 * @property {string} button
 * @property {string | null} icon
 * @property {string} verb "You can … when it has ended."
 * @property {HTMLElement} about what will happen
 * @property {(state: State) => void} show writes that, as things are now
 * @property {(typed: Typed) => Promise<() => void>} confirm does it; what it gives is called when the dialog is closed
 */

/**
 * @param {{onBusy: () => void, onGone: () => void}} actions
 */
export function createConfirmation({ onBusy, onGone }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm-dialog"));
  const field = /** @type {HTMLInputElement} */ (part(dialog, "typed"));
  const confirm = part(dialog, "confirm");
  const cells = /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll(".code [aria-hidden]")]);
  /** @type {Subject | null} */
  let subject = null;
  /** @type {State | null} */
  let state = null;
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
    setText(part(dialog, "confirm-word"), sending ? "Starting" : subject.button);
    field.readOnly = sending;
    if (all && !matched) speak(part(dialog, "spoken"), "The characters match.");
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
      refused(error, "The characters could not be loaded.");
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
    if (hindrance && subject) hindrance = hindranceOf(subject, "");
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
        refused(error, "Nothing was started.");
      }
      render();
      field.focus();
    }
  };

  /**
   * @param {unknown} error
   * @param {string} title
   */
  const refused = (error, title) => {
    if (error instanceof Unreachable) {
      refusal = confirmation
        ? unreachable("There was no answer.", "Whether it was started shows when the connection is back. What you typed is kept.")
        : unreachable(title, "There was no answer. Nothing was started. They are asked for again in a moment.");
      return;
    }
    if (!(error instanceof Problem)) throw error;
    if (error.status === 409) {
      refusal = error.operation && subject ? busyWith(subject, error.operation, field.value) : { title, text: error.message, tone: "warn-tone", icon: "lock" };
      onBusy();
    } else if (error.status === 404) {
      impossible = true;
      const age = state ? `It was older than ${state.retention_days} days and was removed. ` : "";
      refusal = { title: "This backup no longer exists.", text: `${age}Nothing was started. Choose another one.` };
      onGone();
    } else if (error.kind === "not-restorable") {
      impossible = true;
      refusal = { title: "This backup can’t be restored.", text: error.message };
      onGone();
    } else {
      refusal = { title, text: `${error.message}${kept(field.value)}` };
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

  /**
   * @param {Subject} subject
   * @param {string} text what was typed
   */
  const hindranceOf = (subject, text) => {
    if (hinderedBy === "connection") return unreachable("The connection is lost.", `You can ${subject.verb} when it is back.${kept(text)}`);
    return state?.operation ? busyWith(subject, state.operation, text) : null;
  };

  /**
   * @param {Subject} subject
   * @param {Operation} operation
   * @param {string} text what was typed
   */
  const busyWith = (subject, operation, text) => {
    const usual = /** @type {{[kind: string]: number | null}} */ (state?.usual_seconds ?? {})[operation.kind];
    const left = usual ? usual - (now() - Date.parse(operation.started_at)) / 1000 : 0;
    return busy(operation, `You can ${subject.verb} when it has ended${left > 0 ? `, in ${aboutInWords(left)}` : ""}.${kept(text)}`);
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
      subject = about;
      confirmation = null;
      asking = false;
      impossible = false;
      matched = false;
      refusal = null;
      field.value = "";
      setText(part(dialog, "title"), about.title);
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
    /**
     * @param {State | null} newState
     * @param {boolean} connected
     */
    refresh(newState, connected) {
      state = newState;
      const by = connected ? state?.operation?.id ?? "" : "connection";
      // Written once for each hindrance: it is spoken when it changes.
      if (by !== hinderedBy) {
        hinderedBy = by;
        hindrance = subject && by ? hindranceOf(subject, field.value) : null;
        // What was refused because of an operation holds no longer when that has ended.
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

/** @param {string} text what was typed */
function kept(text) {
  return text === "" ? "" : " What you typed is kept.";
}

/**
 * @param {Confirmation | null} confirmation
 * @param {string} typed
 * @param {boolean} impossible
 */
function hint(confirmation, typed, impossible) {
  if (!confirmation) return impossible ? "" : "The characters are on their way.";
  const { code, expires_at } = confirmation;
  if (typed === code) return "The characters match.";
  const wrong = [...typed].findIndex((character, position) => character !== code.charAt(position));
  const far = wrong < 0 ? `${typed.length} of ${LENGTH}.` : `Character ${wrong + 1} is a different one.`;
  return `${far} Capitals or small letters, both are fine. Valid until ${clock(Date.parse(expires_at))}.`;
}
