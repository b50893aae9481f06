// @ts-check
// What the description of a new backup and the notes of a record have in common: a field, a row of
// buttons below it that asks before text is thrown away, and a place for what went wrong.

/** @import { Trouble } from "./trouble.js" */

import { fromTemplate, part, setIcon, setShown } from "./dom.js";
import { count } from "./format.js";

/** The most characters that notes can have. */
const LONGEST = 10_000;

/**
 * Asks "Discard your text?" in place of the buttons. Asking again while the question is there answers
 * it with "Keep writing".
 * @param {HTMLElement} foot the buttons
 * @param {HTMLElement} field where writing goes on
 * @param {() => void} discard
 */
export function askToDiscard(foot, field, discard) {
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

/**
 * Shows what went wrong, in an element that speaks it; with no title, nothing.
 * @param {HTMLElement} place
 * @param {Trouble | null} trouble
 */
export function showTrouble(place, trouble) {
  const before = place.dataset.shown ?? "";
  const after = trouble ? `${trouble.title} ${trouble.text}` : "";
  if (before === after) return;
  place.dataset.shown = after;
  setShown(place, true);
  place.replaceChildren();
  if (!trouble) return;
  const message = fromTemplate("t-trouble");
  message.classList.add(trouble.tone ?? "bad-tone");
  setIcon(message, trouble.icon ?? "failed");
  part(message, "title").textContent = trouble.title;
  part(message, "text").textContent = trouble.text;
  place.append(message);
}

/**
 * By how many characters a text is too long, counted as the server counts.
 * @param {string} text
 */
export function tooLongBy(text) {
  return Math.max(0, [...text].length - LONGEST);
}

/**
 * "by 12 characters"
 * @param {number} characters
 */
export function byCharacters(characters) {
  return `by ${count(characters)} character${characters === 1 ? "" : "s"}.`;
}

/**
 * Whether a key asks to send what was written.
 * @param {KeyboardEvent} event
 */
export function sends(event) {
  return event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing;
}

