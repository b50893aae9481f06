// @ts-check
// What there is to tell above the table: derived from the state and the records each time, so that a
// message is there exactly while it holds or has not been dismissed.

/** @import { State, Record } from "./types.js" */
/** @import { Connection } from "./poll.js" */

import { minuteNow, now } from "./clock.js";
import { clockOrDay, clockWithSeconds, date, daysAndHours, duration, plural, size } from "./format.js";
import { kind } from "./words.js";

/**
 * @typedef {object} Message
 * @property {string} key what it is about: the same message keeps its place and is spoken once
 * @property {"good-tone" | "bad-tone" | "warn-tone"} tone
 * @property {string} icon
 * @property {string} title
 * @property {string} text
 * @property {"alarm" | "say"} spoken
 * @property {string} [record] what it is about, if it can be dismissed
 * @property {boolean} [tryNow] whether it offers to try the connection now
 */

/**
 * @param {object} seen
 * @param {State | null} seen.state
 * @param {Connection} seen.connection
 * @param {Record[]} seen.records
 * @param {Record | null} seen.ended the record whose operation this page saw end
 * @param {(id: string) => boolean} seen.isDismissed
 * @returns {Message[]}
 */
export function messages({ state, connection, records, ended, isDismissed }) {
  const found = [];
  if (connection.lost) found.push(offline(connection));
  if (!state) return found;
  if (state.maintenance.on && !state.operation) found.push(maintenance(state, records));
  const failed = toldFailure(state, records, ended);
  if (failed && !isDismissed(failed.id)) found.push(failure(failed, records, ended));
  if (ended?.kind === "backup" && ended.status === "SUCCESS" && !isDismissed(ended.id)) found.push(success(ended, state));
  if (state.nightly.overdue && state.nightly.last_success_at) found.push(overdue(state, records));
  return found;
}

/**
 * The failure to tell of: the newest record that has ended, if it failed. When backups are overdue that
 * is the message, and names the cause; then only what this page saw fail has one of its own.
 * @param {State} state
 * @param {Record[]} records
 * @param {Record | null} ended
 */
export function toldFailure(state, records, ended) {
  const newest = newestEnded(records);
  if (newest?.status !== "FAILED") return null;
  return state.nightly.overdue && newest.id !== ended?.id ? null : newest;
}

/** @param {Record[]} records */
export function newestEnded(records) {
  return records.find((record) => record.status !== "IN_PROGRESS") ?? null;
}

/** @param {Record[]} records */
export function newestSuccess(records) {
  return records.find((record) => record.kind === "backup" && record.status === "SUCCESS") ?? null;
}

/**
 * What happened, in a sentence, and the last words of a program that failed, if there were any: they
 * can be many lines, and are only for the details.
 * @param {Record} record
 * @returns {{happened: string, said: string}}
 */
export function cause(record) {
  const [, happened, said] = /^(.*?)\s+Its last words: “(.*)”\.$/s.exec(record.failure?.happened ?? "") ?? [];
  return happened === undefined ? { happened: record.failure?.happened ?? "", said: "" } : { happened, said };
}

/**
 * @param {Connection} connection
 * @returns {Message}
 */
function offline(connection) {
  const left = Math.ceil((connection.retryAt - Date.now()) / 1000);
  const again = left > 0 ? `Trying again in ${plural(left, "second")}.` : "Trying again now.";
  const seen = connection.asOf === null ? "Nothing could be loaded yet." : `What you see is as of ${clockWithSeconds(connection.asOf)}.`;
  const parts = [connection.trouble ?? "", seen, "Anything in progress goes on without this page.", again];
  return {
    key: "offline",
    tone: "warn-tone",
    icon: "offline",
    title: connection.trouble === null ? "Connection lost" : "The console can’t answer at the moment",
    text: parts.filter((part) => part !== "").join(" "),
    spoken: "say",
    tryNow: true,
  };
}

/**
 * @param {State} state
 * @param {Record[]} records
 * @returns {Message}
 */
function maintenance({ application, maintenance }, records) {
  const newest = newestEnded(records);
  const facts = newest?.kind === "restore" ? newest.failure : null;
  const since = maintenance.since ? `It has been on since ${clockOrDay(Date.parse(maintenance.since), now())}. ` : "";
  const byHand = `${since}No operation of Nightkeep turned it on, so Nightkeep leaves it as it is. End it where it was turned on.`;
  return {
    key: "maintenance",
    tone: "bad-tone",
    icon: "warn",
    title: `${application.name} is ${facts ? "still " : ""}under maintenance and needs you`,
    text: facts ? `${facts.happened} ${facts.done} ${facts.to_do}` : byHand,
    spoken: "alarm",
  };
}

/**
 * @param {Record} record
 * @param {Record[]} records
 * @param {Record | null} ended
 * @returns {Message}
 */
function failure(record, records, ended) {
  const created = Date.parse(record.created_at);
  const lastNight = record.trigger === "scheduled" && minuteNow() - created < 24 * 3600_000;
  const title = lastNight
    ? "Last night’s backup failed"
    : record.id === ended?.id ? `The ${kind(record.kind)} failed` : `The ${kind(record.kind)} of ${date(created)} failed`;
  const details = records[0]?.id === record.id ? "The details are in the first row." : "The details are in its row.";
  const facts = record.failure;
  return {
    key: `failed ${record.id}`,
    tone: "bad-tone",
    icon: "failed",
    title,
    text: [cause(record).happened, facts?.done, facts?.to_do, details].filter(Boolean).join(" "),
    spoken: "alarm",
    record: record.id,
  };
}

/**
 * @param {Record} record
 * @param {State} state
 * @returns {Message}
 */
function success(record, { application, maintenance, operation }) {
  const took = record.finished_at ? `in ${duration(Date.parse(record.finished_at) - Date.parse(record.created_at))}` : "";
  const what = record.size ? `${size(record.size.total_bytes)}, of which ${size(record.size.added_bytes)} were new, ${took}.` : `Done ${took}.`;
  const after = maintenance.on
    ? operation ? "" : ` ${application.name} is still under maintenance, as it was before.`
    : ` ${application.name} is available again.`;
  return { key: `done ${record.id}`, tone: "good-tone", icon: "success", title: "Backup completed", text: what + after, spoken: "say", record: record.id };
}

/**
 * @param {State} state
 * @param {Record[]} records
 * @returns {Message}
 */
function overdue({ nightly }, records) {
  const since = minuteNow() - Date.parse(nightly.last_success_at ?? "");
  const newest = newestEnded(records);
  const facts = newest?.kind === "backup" ? newest.failure : null;
  const why = newest && facts ? `The newest one failed. ${cause(newest).happened} ${facts.to_do}` : "Start a new backup, and find out why none ran.";
  return {
    key: "overdue",
    tone: "warn-tone",
    icon: "warn",
    title: `No successful backup for ${daysAndHours(since)}`,
    text: `${why} This warning goes away after the next success.`,
    spoken: "alarm",
  };
}
