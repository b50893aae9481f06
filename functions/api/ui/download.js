// @ts-check
// The download of a source archive. Its link is made at each click, for it does not last.

import { Problem, Unreachable, readSourceArchive } from "./api.js";
import { setAttribute } from "./dom.js";
import { alarm } from "./live.js";

/** Milliseconds in which the browser finds out that the link leads to a file, and stays on the page. */
const BEGINNING = 1000;

let begunAt = 0;

/** Whether the page seems to be left only because a download begins. */
export function isBeginning() {
  return Date.now() - begunAt < BEGINNING;
}

/**
 * Asks for a link and follows it; why that can't be, if it can't, is shown beside the button.
 * @param {string} id
 * @param {HTMLElement} button
 */
export async function download(id, button) {
  const why = await follow(id);
  setAttribute(button, "data-why", why);
  if (why) alarm(`${why}.`);
}

/**
 * @param {string} id
 * @returns {Promise<string | null>} why not
 */
async function follow(id) {
  try {
    const { url } = await readSourceArchive(id);
    if (url === null) return "This archive is no longer kept. Make a new one with Download source code";
    begunAt = Date.now();
    location.assign(url);
    return null;
  } catch (error) {
    if (error instanceof Unreachable) return "No link came: there was no answer. Try again";
    if (!(error instanceof Problem)) throw error;
    return error.status === 404 ? "This archive no longer exists" : `No link came. ${error.message.replace(/\.$/, "")}`;
  }
}
