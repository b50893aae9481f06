// @ts-check
// Asks for the state: often while something is in progress, seldom otherwise, never while the page is
// hidden and at once when it is shown again. Knows whether the connection is there.

/** @import { State } from "./types.js" */

import { readState, Unreachable } from "./api.js";
import { now } from "./clock.js";

const BUSY = 2000;
const IDLE = 20_000;
/** Milliseconds until the next try, one for each failure in a row. The first is not worth a word. */
const TRIES = [1000, 2000, 4000, 8000, 15_000];

/**
 * @typedef {object} Connection
 * @property {boolean} lost
 * @property {string | null} trouble what the server said, if it answered at all
 * @property {number | null} asOf when the last answer came
 * @property {number} retryAt when the next try is due
 */

/** @type {Connection} */
export const connection = { lost: false, trouble: null, asOf: null, retryAt: 0 };

let failures = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {Promise<void> | null} */
let asking = null;
/** @type {(state: State) => void | Promise<void>} */
let told = () => {};
/** @type {() => void} */
let lost = () => {};

/**
 * @param {(state: State) => void | Promise<void>} onState after every answer
 * @param {() => void} onLost when there was none
 */
export function start(onState, onLost) {
  told = onState;
  lost = onLost;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else ask();
  });
  window.addEventListener("online", () => ask());
  ask();
}

/** Asks now; the promise ends when an answer to a question asked from now on has been dealt with. */
export async function refresh() {
  if (asking) await asking;
  await ask();
}

/** @returns {Promise<void>} */
function ask() {
  clearTimeout(timer);
  asking ??= once().finally(() => (asking = null));
  return asking;
}

async function once() {
  let state;
  try {
    state = await readState();
  } catch (error) {
    failed(/** @type {Error} */ (error));
    return;
  }
  failures = 0;
  Object.assign(connection, { lost: false, trouble: null, asOf: now() });
  schedule(state.operation ? BUSY : IDLE);
  await told(state);
}

/** @param {Error} error */
function failed(error) {
  const wait = TRIES[Math.min(failures, TRIES.length - 1)];
  failures += 1;
  schedule(wait);
  if (failures === 1) return;
  const trouble = error instanceof Unreachable ? null : error.message;
  Object.assign(connection, { lost: true, trouble, retryAt: Date.now() + wait });
  lost();
}

/** @param {number} wait */
function schedule(wait) {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(ask, wait);
}
