// @ts-check
// What there is to tell above the table: derived from the state and the records each time, so that a
// message is there exactly while it holds or has not been dismissed.

/** @import { Activity, State, Record, WrongSetting } from "./types.js" */
/** @import { Piece } from "./dom.js" */
/** @import { Connection } from "./poll.js" */

import { minuteNow, now } from "./clock.js";
import { clockOrDay, clockWithSeconds, date, daysAndHours, duration, plural, size, timeOfId } from "./format.js";
import { kind, purged as purgedText } from "./words.js";

/**
 * @typedef {object} Message
 * @property {string} key what it is about: the same message keeps its place and is spoken once
 * @property {"good-tone" | "bad-tone" | "warn-tone"} tone
 * @property {string} icon
 * @property {string} title
 * @property {Piece[]} text
 * @property {Fact[]} [facts] in place of the text
 * @property {Offer[]} [offers] its buttons
 * @property {"alarm" | "say"} spoken
 * @property {string} [about] the record or activity that it is about, if it can be dismissed
 */

/**
 * A name, and a sentence or the steps to take.
 * @typedef {{name: string, lines: Piece[][]}} Fact
 */

/**
 * What a message offers to do.
 * @typedef {object} Offer
 * @property {"try_now" | "restore" | "end_maintenance" | "download"} does
 * @property {string} [id] to what
 * @property {string} label
 * @property {string} [icon]
 * @property {string} look
 * @property {boolean} available
 */

/**
 * @param {object} seen
 * @param {State | null} seen.state
 * @param {Connection} seen.connection
 * @param {Record[]} seen.records
 * @param {Record | null} seen.ended the record whose operation this page saw end
 * @param {Activity | null} seen.activity or the activity
 * @param {(id: string) => boolean} seen.isDismissed
 * @returns {Message[]}
 */
export function messages({ state, connection, records, ended, activity, isDismissed }) {
  const found = [];
  if (connection.lost) found.push(offline(connection));
  if (!state) return found;
  if (state.maintenance.on && !state.operation) found.push(maintenance(state, records, !connection.lost));
  const failed = toldFailure(state, records, ended);
  if (failed && !isDismissed(failed.id)) found.push(failure(failed, records, ended));
  if (ended?.status === "SUCCESS" && !isDismissed(ended.id)) found.push(success(ended, state));
  if (activity && !isDismissed(activity.id)) found.push(done(activity, state, !connection.lost));
  if (state.nightly.overdue && records.some(({ status }) => status !== "IN_PROGRESS")) found.push(overdue(state, records));
  if (state.wrong_settings?.length) found.push(wrongSettings(state.wrong_settings));
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
  // Data that is in doubt has a message of its own, until it has been seen to.
  if (newest.put_back === false) return null;
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
 * The restore that left maintenance on, because it failed and could not be put back.
 * @param {State} state
 * @param {Record[]} records
 */
export function stuckBy({ maintenance }, records) {
  const newest = records.find((record) => record.kind === "restore" && record.status !== "IN_PROGRESS");
  if (!maintenance.on || !maintenance.since || newest?.put_back !== false || !newest.finished_at) return null;
  // If it was ended and is on again, that is not the restore's doing.
  return Date.parse(maintenance.since) <= Date.parse(newest.finished_at) ? newest : null;
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
    text: [parts.filter((part) => part !== "").join(" ")],
    offers: [{ does: "try_now", label: "Try now", look: "small", available: true }],
    spoken: "say",
  };
}

/**
 * @param {State} state
 * @param {Record[]} records
 * @param {boolean} connected
 * @returns {Message}
 */
function maintenance(state, records, connected) {
  const { application, maintenance } = state;
  const restore = stuckBy(state, records);
  if (restore) return stuck(restore, application.name, connected);
  const since = maintenance.since ? `It has been on since ${clockOrDay(Date.parse(maintenance.since), now())}. ` : "";
  return {
    key: "maintenance",
    tone: "bad-tone",
    icon: "warn",
    title: `${application.name} is under maintenance and needs you`,
    text: [`${since}No operation of Nightkeep turned it on, so Nightkeep leaves it as it is. End it where it was turned on.`],
    spoken: "alarm",
  };
}

/**
 * @param {Record} restore
 * @param {string} application
 * @param {boolean} available
 * @returns {Message}
 */
function stuck(restore, application, available) {
  const { restored_from, safety_backup, failure } = restore;
  const safety = safety_backup && `safety backup of ${clockOrDay(timeOfId(safety_backup), now())}`;
  const what = restored_from ? { text: date(timeOfId(restored_from)), href: `#r-${restored_from}` } : date(Date.parse(restore.created_at));
  const first = failure?.to_do.replace(", then restore the safety backup, or end the maintenance by hand", "");
  /** @type {Piece[][]} */
  const toDo = [
    ...(first ? [[first]] : []),
    [`Restore ${safety ? `the ${safety}, or any other backup` : "a backup"}. Maintenance then ends by itself.`],
    ["Only if you have repaired the data in another way: end the maintenance by hand."],
  ];
  return {
    key: `stuck ${restore.id}`,
    tone: "bad-tone",
    icon: "warn",
    title: `${application} is still under maintenance and needs you`,
    text: [],
    facts: [
      { name: "What happened", lines: [["The restore of ", what, ` failed. ${cause(restore).happened}`]] },
      { name: "What was done", lines: [[failure?.done ?? "", ...(safety ? [" The ", { text: safety, href: `#r-${safety_backup}` }, " is complete and safe."] : [])]] },
      { name: "What to do", lines: toDo },
    ],
    offers: [
      ...(safety ? [offer({ does: "restore", id: safety_backup, label: `Restore the ${safety}`, icon: "restore", look: "primary", available })] : []),
      offer({ does: "end_maintenance", label: "End maintenance", look: "", available }),
    ],
    spoken: "alarm",
  };
}

/**
 * @param {Offer} offered
 * @returns {Offer}
 */
const offer = (offered) => offered;

/**
 * @param {Record} record
 * @param {Record[]} records
 * @param {Record | null} ended
 * @returns {Message}
 */
function failure(record, records, ended) {
  const details = records[0]?.id === record.id ? "The details are in the first row." : "The details are in its row.";
  const facts = record.failure;
  const begins = failedStage(record) === "backup" && record.kind === "restore" ? "The safety backup failed. " : "";
  const text = [begins + cause(record).happened, facts?.done, facts?.to_do, details].filter(Boolean).join(" ");
  return {
    key: `failed ${record.id}`,
    tone: record.put_back ? "warn-tone" : "bad-tone",
    icon: record.put_back ? "warn" : "failed",
    title: failureTitle(record, ended),
    text: [text],
    spoken: "alarm",
    about: record.id,
  };
}

/**
 * @param {Record} record
 * @param {Record | null} ended
 */
function failureTitle(record, ended) {
  const created = Date.parse(record.created_at);
  if (record.trigger === "scheduled" && minuteNow() - created < 24 * 3600_000) {
    return record.failure?.code === "night_missed" ? "Last night’s backup did not run" : "Last night’s backup failed";
  }
  const name = record.id === ended?.id ? `The ${kind(record.kind)}` : `The ${kind(record.kind)} of ${date(created)}`;
  if (record.kind === "backup") return `${name} failed`;
  if (record.put_back) return `The restore failed. Your data was put back as it was at ${clockOrDay(created, minuteNow())}`;
  switch (failedStage(record)) {
    case "backup": return `${name} was not begun`;
    case "redeploy": return `${name} is complete, but the restart of services failed`;
    default: return `${name} failed`;
  }
}

/** @param {Record} record */
function failedStage(record) {
  return record.stages.find((stage) => stage.state === "failed")?.name ?? null;
}

/**
 * @param {Record} record
 * @param {State} state
 * @returns {Message}
 */
function success(record, state) {
  const text = record.kind === "backup" ? backedUp(record) : restored(record);
  return {
    key: `done ${record.id}`,
    tone: "good-tone",
    icon: "success",
    title: record.kind === "backup" ? "Backup completed" : "Restore completed",
    text: [text + availableAgain(state)],
    spoken: "say",
    about: record.id,
  };
}

/** @param {Record} record */
function backedUp({ size: held, created_at, finished_at }) {
  const took = finished_at ? `in ${duration(Date.parse(finished_at) - Date.parse(created_at))}` : "";
  return held ? `${size(held.total_bytes)}, of which ${size(held.added_bytes)} were new, ${took}.` : `Done ${took}.`;
}

/** @param {Record} record */
function restored({ restored_from, safety_backup }) {
  const is = restored_from ? `The data is as it was on ${date(timeOfId(restored_from))}.` : "The data is as the backup holds it.";
  const before = safety_backup ? ` The safety backup of ${clockOrDay(timeOfId(safety_backup), minuteNow())} keeps what was there before.` : "";
  return is + before;
}

/** @param {State} state */
function availableAgain({ application, maintenance, operation }) {
  if (!maintenance.on) return ` ${application.name} is available again.`;
  return operation ? "" : ` ${application.name} is still under maintenance, as it was before.`;
}

/**
 * @param {WrongSetting[]} settings
 * @returns {Message}
 */
function wrongSettings(settings) {
  /** @type {Piece[]} */
  const text = settings.flatMap(({ name, value, expected, in_force }) => [
    { text: name, look: "mono" }, " is “", { text: value, look: "mono" }, `”, but has to be ${expected}; `, { text: in_force, look: "mono" }, " is in force meanwhile. ",
  ]);
  const title = settings.length === 1 ? `The setting “${settings[0].name}” can’t be used` : `${settings.length} settings can’t be used`;
  return { key: "settings", tone: "warn-tone", icon: "warn", title, text: [...text, "Correct it where it was set; this warning then goes away."], spoken: "alarm" };
}

/**
 * The end of what has no record in the table.
 * @param {Activity} activity
 * @param {State} state
 * @param {boolean} connected
 * @returns {Message}
 */
function done(activity, state, connected) {
  const common = /** @type {const} */ ({ key: `done ${activity.id}`, about: activity.id });
  if (activity.status === "FAILED") {
    const { happened, done, to_do } = activity.failure ?? { happened: "", done: "", to_do: "" };
    const title = activity.kind === "source_archive" ? "No source archive was made" : `The ${kind(activity.kind)} failed`;
    return { ...common, tone: "bad-tone", icon: "failed", title, text: [`${happened} ${done} ${to_do}`.trim()], spoken: "alarm" };
  }
  /** @type {{title: string, text: Piece[], offers?: Offer[]}} */
  const told = activity.kind === "source_archive" ? archived(activity, connected) : over(activity, state);
  return { ...common, tone: "good-tone", icon: "success", ...told, spoken: "say" };
}

/**
 * @param {Activity} activity
 * @param {State} state
 */
function over({ kind, purged }, state) {
  const { application } = state;
  if (kind === "purge") return { title: "Purge completed", text: purged ? [`${purgedText(purged, state.retention_days)}.`] : [] };
  if (kind === "end_maintenance") return { title: "Maintenance ended", text: [`${application.name} is available again, with its data as it is now.`] };
  const { running, desired } = application.services;
  const count = desired === 0 ? "" : `${Math.min(running, desired)} of ${desired} services are running.`;
  return { title: "All services restarted", text: [(count + availableAgain(state)).trim()] };
}

/**
 * @param {Activity} activity
 * @param {boolean} available
 */
function archived({ id, source_archive }, available) {
  const amount = size(source_archive?.size_bytes ?? 0);
  /** @type {Piece[]} */
  const text = [
    { text: source_archive?.file_name ?? "", look: "mono" }, `, ${amount}. A fresh link is made each time you click. You find the archive again under `,
    { text: "Activity", href: "#activity" }, ".",
  ];
  return { title: "Source archive ready", text, offers: [offer({ does: "download", id, label: `Download (${amount})`, icon: "download", look: "", available })] };
}

/**
 * A source archive that was not even begun.
 * @param {string} why
 * @param {number} at tells one time from another
 * @returns {Message}
 */
export function notArchived(why, at) {
  const about = `source-archive-${at}`;
  return { key: about, about, tone: "bad-tone", icon: "failed", title: "No source archive was made", text: [why], spoken: "alarm" };
}

/**
 * @param {State} state
 * @param {Record[]} records
 * @returns {Message}
 */
function overdue({ nightly }, records) {
  const last = nightly.last_success_at;
  const newest = newestEnded(records);
  const facts = newest?.kind === "backup" ? newest.failure : null;
  const why = newest && facts ? `The newest one failed. ${cause(newest).happened} ${facts.to_do}` : "Start a new backup, and find out why none ran.";
  return {
    key: "overdue",
    tone: "warn-tone",
    icon: "warn",
    title: last ? `No successful backup for ${daysAndHours(minuteNow() - Date.parse(last))}` : "There is no successful backup yet",
    text: [`${why} This warning goes away after the next success.`],
    spoken: "alarm",
  };
}
