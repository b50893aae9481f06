// @ts-check
// What is in the way of starting something, in the words that every dialog uses.

/** @import { Operation } from "./types.js" */

import { minuteNow } from "./clock.js";
import { clockOrDay } from "./format.js";
import { kind } from "./words.js";

/** @typedef {{title: string, text: string, tone?: string, icon?: string}} Trouble */

/**
 * Somebody was faster.
 * @param {Pick<Operation, "kind" | "requested_by" | "started_at">} operation
 * @param {string} text what that means for what was to be started
 * @returns {Trouble}
 */
export function busy(operation, text) {
  const at = clockOrDay(Date.parse(operation.started_at), minuteNow());
  return { title: `${operation.requested_by} started a ${kind(operation.kind)} at ${at}.`, text, tone: "warn-tone", icon: "lock" };
}

/**
 * The connection is lost, or no answer came.
 * @param {string} title
 * @param {string} text
 * @returns {Trouble}
 */
export function unreachable(title, text) {
  return { title, text, tone: "warn-tone", icon: "offline" };
}
