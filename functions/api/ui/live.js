// @ts-check
// What is spoken. Two elements that exist from the start: one for news, one for failures. Only what
// changes in meaning is said, never each refresh.

import { byId } from "./dom.js";

/**
 * News: a start, a stage, a quarter of the way, an end.
 * @param {string} text
 */
export function say(text) {
  speak(byId("spoken"), text);
}

/**
 * A failure.
 * @param {string} text
 */
export function alarm(text) {
  speak(byId("alarm"), text);
}

/**
 * In an element of a dialog's own: what is outside of an open dialog is not heard. The same text is a
 * change too: asked twice, it is said twice.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function speak(element, text) {
  element.textContent = element.textContent === text ? `${text}\u00a0` : text;
}
