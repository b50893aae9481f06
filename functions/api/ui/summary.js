// @ts-check
// The strip at the top: is the application up, is there a fresh backup, when is the next. The same
// questions in the same places in every state.

/** @import { State, Record } from "./types.js" */
/** @import { Connection } from "./poll.js" */

import { minuteNow } from "./clock.js";
import { byId, element, part, setAttribute, setIcon, setShown, setText } from "./dom.js";
import { ago, ahead, clockOrDay, date, day, dayAhead, exact, plural, zone } from "./format.js";
import { newestSuccess, newestEnded } from "./news.js";
import { hasOwnMaintenance } from "./operation.js";
import * as views from "./views.js";
import { kind, started } from "./words.js";

/**
 * @param {State | null} state
 * @param {Connection} connection
 * @param {Record[]} records
 */
export function show(state, connection, records) {
  const root = byId("summary");
  showUp(root, state, connection);
  if (!state) return;
  const view = views.current() === "activity" ? "Activity · " : "";
  document.title = `${view}${state.application.name} · Nightkeep`;
  setText(byId("application-name"), state.application.name);
  const who = byId("who");
  setText(part(who, "name"), state.user.name);
  setText(part(who, "role"), state.user.role.charAt(0).toUpperCase() + state.user.role.slice(1));
  setShown(who, true);
  showLast(root, state, records);
  showNext(root, state);
  setText(part(root, "retention"), plural(state.retention_days, "day"));
  showNights(root, state);
}

/**
 * @param {HTMLElement} root
 * @param {State | null} state
 * @param {Connection} connection
 */
function showUp(root, state, connection) {
  const up = upOf(state, connection);
  const place = part(root, "up");
  setAttribute(place, "class", up.look || null);
  setIcon(place, up.icon);
  setText(part(place, "up-word"), up.word);
  setText(part(root, "up-more"), up.more);
  setShown(part(root, "up-more"), up.more !== "");
}

/**
 * @param {State | null} state
 * @param {Connection} connection
 * @returns {{word: string, look: string, icon: string, more: string}}
 */
function upOf(state, connection) {
  if (!state) return { word: connection.lost ? "Not known" : "Not known yet", look: "", icon: connection.lost ? "offline" : "clock", more: "" };
  const { maintenance, operation, application } = state;
  const { running, desired } = application.services;
  if (connection.lost) {
    const at = connection.asOf === null ? "" : ` at ${clockOrDay(connection.asOf, minuteNow())}`;
    return { word: "Not known", look: "", icon: "offline", more: `${maintenance.on ? "under maintenance" : "available"}${at}` };
  }
  if (!maintenance.on) {
    const more = desired > 0 ? `${running} of ${desired} services running` : "";
    return { word: "Available", look: "good", icon: "success", more };
  }
  const since = maintenance.since ? `since ${clockOrDay(Date.parse(maintenance.since), minuteNow())}, ` : "";
  return hasOwnMaintenance(state)
    ? { word: "Under maintenance", look: "warn", icon: "lock", more: `${since}for the ${kind(operation?.kind ?? "")}` }
    : { word: "Under maintenance", look: "bad", icon: "warn", more: operation ? since.replace(", ", "") : `${since}needs you` };
}

/**
 * @param {HTMLElement} root
 * @param {State} state
 * @param {Record[]} records
 */
function showLast(root, { nightly }, records) {
  const last = part(root, "last");
  const word = part(root, "last-ago");
  const more = part(root, "last-more");
  const at = nightly.last_success_at === null ? null : Date.parse(nightly.last_success_at);
  const record = newestSuccess(records);
  const newer = at === null ? null : failedSince(records, at);
  const warn = nightly.overdue || newer !== null;
  setAttribute(last, "class", warn ? "warn" : null);
  setShown(part(root, "last-icon"), warn);
  word.classList.toggle("exact", at !== null);
  setAttribute(word, "tabindex", at === null ? null : "0");
  setAttribute(word, "data-exact", at === null ? null : exact(at));
  if (at === null) {
    setText(word, "None yet");
    setText(more, nightly.next_at ? `the first is due ${dayAhead(Date.parse(nightly.next_at), minuteNow()).split(",")[0]}` : "");
  } else {
    setText(word, ago(at, minuteNow()));
    setAttribute(word, "aria-label", `${ago(at, minuteNow())}: ${date(at)}`);
    const known = record?.finished_at === nightly.last_success_at ? record : null;
    const how = nightly.overdue ? "overdue" : newer ?? (known ? started(known).word.toLowerCase() : "");
    const when = day(known ? Date.parse(known.created_at) : at, minuteNow());
    setText(more, how ? `${when} · ${how}` : when);
  }
  setShown(more, more.textContent !== "");
}

/**
 * What to say if the newest backup is a failure.
 * @param {Record[]} records
 * @param {number} success when the last success was
 */
function failedSince(records, success) {
  const newest = newestEnded(records);
  if (newest?.kind !== "backup" || newest.status !== "FAILED" || Date.parse(newest.created_at) < success) return null;
  const lastNight = newest.trigger === "scheduled" && minuteNow() - Date.parse(newest.created_at) < 24 * 3600_000;
  return lastNight ? "last night’s failed" : "a newer one failed";
}

/**
 * @param {HTMLElement} root
 * @param {State} state
 */
function showNext(root, { nightly }) {
  const next = nightly.next_at === null ? null : Date.parse(nightly.next_at);
  const at = part(root, "next-at");
  setAttribute(part(root, "next"), "class", next === null ? "warn" : null);
  setShown(part(root, "next-icon"), next === null);
  at.classList.toggle("exact", next !== null);
  setAttribute(at, "datetime", nightly.next_at);
  setAttribute(at, "tabindex", next === null ? null : "0");
  setAttribute(at, "data-exact", next === null ? null : exact(next));
  setAttribute(at, "aria-label", next === null ? null : `${dayAhead(next, minuteNow())}: ${date(next)}`);
  setText(at, next === null ? "Off" : dayAhead(next, minuteNow()));
  setText(part(root, "next-more"), next === null ? "backups are made by hand only" : `${ahead(next, minuteNow())} · every night${elsewhere(nightly)}`);
}

/**
 * The time and the zone of the schedule, if the viewer's is another.
 * @param {State["nightly"]} nightly
 */
function elsewhere({ time, time_zone }) {
  return time && time_zone && time_zone !== zone() ? ` at ${time}, ${time_zone}` : "";
}

/**
 * @param {HTMLElement} root
 * @param {State} state
 */
function showNights(root, { nightly }) {
  const { nights } = nightly;
  setShown(part(root, "nights"), nights.length > 0 || nightly.next_at !== null);
  /** @type {string[]} */
  const looks = [...Array(Math.max(0, 14 - nights.length)).fill("none"), ...nights.map((night) => ({ success: "", in_progress: "now" }[/** @type {string} */ (night.outcome)] ?? night.outcome))];
  if (nightly.next_at !== null) looks.push("next");
  const bars = part(root, "bars");
  if (looks.join() !== bars.dataset.looks) {
    bars.dataset.looks = looks.join();
    bars.replaceChildren(...looks.map((look) => element("i", undefined, look)));
  }
  const succeeded = nights.filter((night) => night.outcome === "success").length;
  const failed = nights.filter((night) => night.outcome === "failed").length;
  const text = succeeded + failed === 0 ? "none yet" : [
    ...(succeeded > 0 ? [`${succeeded} succeeded`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ].join(", ");
  setText(part(root, "nights-more"), text);
}
