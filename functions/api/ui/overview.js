// @ts-check
// The strip at the top: is the application up, is there a fresh backup, when is the next; the same
// questions in the same places in every state. And the operation in progress: which it is, by whom, how
// far. Its place is there or not; while it is, only its figures change.

/** @import { Nightly, Operation, Progress, Record, State } from "./types.js" */
/** @import { Piece } from "./page.js" */
/** @import { Connection } from "./server.js" */

import {
  about, ago, ahead, between, clock, clockOrDay, count, date, day, dayAhead, exact, list, size, stopwatch, timeOfId, zone,
} from "./figures.js";
import { byId, element, fromTemplate, part, say, setAttribute, setIcon, setPieces, setShown, setText, words } from "./page.js";
import { minuteNow, now, records } from "./server.js";

/** @param {State | null} state @param {Connection} connection */
export function showStrip(state, connection) {
  const root = byId("summary");
  const { word, look, icon, more } = upOf(state, connection);
  const up = part(root, "up");
  setAttribute(up, "class", look || null);
  setIcon(up, icon);
  setText(part(up, "up-word"), word);
  setText(part(root, "up-more"), more);
  if (!state) return;
  setText(byId("application-name"), state.application.name);
  const who = byId("who");
  setText(part(who, "name"), state.user.name);
  setText(part(who, "role"), words.role(state.user.role));
  setShown(who, true);
  setShown(byId("sign-out"), state.user.signed_in);
  showLast(root, state);
  showNext(root, state);
  setText(part(root, "retention"), words.days(state.retention_days));
  showNights(root, state);
}

/**
 * @param {State | null} state
 * @param {Connection} connection
 * @returns {{word: string, look: string, icon: string, more: string}}
 */
function upOf(state, connection) {
  const cut = connection.lost || connection.shutOut !== null;
  if (!state) return { word: cut ? words.notKnown : words.notKnownYet, look: "", icon: cut ? "offline" : "clock", more: "" };
  const { maintenance, operation, application } = state;
  const { running, desired } = application.services;
  if (cut) {
    const at = connection.asOf === null ? null : clockOrDay(connection.asOf, minuteNow());
    return { word: words.notKnown, look: "", icon: "offline", more: words.wasThen(maintenance.on, at) };
  }
  if (!maintenance.on) return { word: words.available, look: "good", icon: "success", more: desired > 0 ? words.servicesRunning(running, desired) : "" };
  const since = maintenance.since ? [words.since(clockOrDay(Date.parse(maintenance.since), minuteNow()))] : [];
  return hasOwnMaintenance(state)
    ? { word: words.underMaintenance, look: "warn", icon: "lock", more: list([...since, words.forKind(operation?.kind ?? "")]) }
    : { word: words.underMaintenance, look: "bad", icon: "warn", more: list([...since, ...(operation ? [] : [words.needsYou])]) };
}

/** Text whose exact time shows on hover and focus. @param {HTMLElement} node @param {string} text @param {number | null} at */
function showTime(node, text, at) {
  node.classList.toggle("exact", at !== null);
  setAttribute(node, "tabindex", at === null ? null : "0");
  setAttribute(node, "role", at === null ? null : "note");
  setAttribute(node, "data-exact", at === null ? null : exact(at));
  setAttribute(node, "aria-label", at === null ? null : `${text}: ${date(at)}`);
  setText(node, text);
}

/** @param {HTMLElement} root @param {State} state */
function showLast(root, { nightly }) {
  const at = nightly.last_success_at === null ? null : Date.parse(nightly.last_success_at);
  const newer = at === null ? null : failedSince(at);
  const warn = nightly.overdue || newer !== null;
  setAttribute(part(root, "last"), "class", warn ? "warn" : null);
  setShown(part(root, "last-icon"), warn);
  showTime(part(root, "last-ago"), at === null ? words.noneYet : ago(at, minuteNow()), at);
  let more = nightly.next_at ? words.firstDue(dayAhead(Date.parse(nightly.next_at), minuteNow())) : "";
  if (at !== null) {
    const newest = records.newestSuccess();
    const known = newest?.finished_at === nightly.last_success_at ? newest : null;
    const how = nightly.overdue ? words.overdue : newer ?? (known ? words.how[known.trigger] : "");
    more = [day(known ? Date.parse(known.created_at) : at, minuteNow()), ...(how ? [how] : [])].join(" · ");
  }
  setText(part(root, "last-more"), more);
}

/** What to say if the newest backup is a failure. @param {number} success when the last success was */
function failedSince(success) {
  const newest = records.newestEnded();
  if (newest?.kind !== "backup" || newest.status !== "FAILED" || Date.parse(newest.created_at) < success) return null;
  if (!isOfLastNight(newest)) return words.newerFailed;
  return newest.failure?.code === "night_missed" ? words.lastNightMissed : words.lastNightFailed;
}

/** @param {Record} record */
export function isOfLastNight(record) {
  return record.trigger === "scheduled" && minuteNow() - Date.parse(record.created_at) < 24 * 3600_000;
}

/** @param {HTMLElement} root @param {State} state */
function showNext(root, { nightly }) {
  const next = nightly.next_at === null ? null : Date.parse(nightly.next_at);
  setAttribute(part(root, "next"), "class", next === null ? "warn" : null);
  setShown(part(root, "next-icon"), next === null);
  showTime(part(root, "next-at"), next === null ? words.off : `${dayAhead(next, minuteNow())}, ${clock(next)}`, next);
  setText(part(root, "next-more"), next === null ? words.byHandOnly : `${ahead(next, minuteNow())} · ${every(nightly)}`);
}

/** The time and the zone of the schedule, if the viewer's is another. @param {Nightly} nightly */
function every({ time, time_zone }) {
  return time && time_zone && time_zone !== zone() ? words.everyNightAt(time, time_zone) : words.everyNight;
}

/** @param {HTMLElement} root @param {State} state */
function showNights(root, { nightly: { nights, next_at } }) {
  const looks = { success: "", failed: "failed", none: "none", in_progress: "now" };
  /** @type {string[]} */
  const shown = [...Array(Math.max(0, 14 - nights.length)).fill("none"), ...nights.map(({ outcome }) => looks[outcome])];
  if (next_at !== null) shown.push("next");
  const bars = part(root, "bars");
  if (shown.join() !== bars.dataset.looks) {
    bars.dataset.looks = shown.join();
    bars.replaceChildren(...shown.map((look) => element("i", undefined, look)));
  }
  const succeeded = nights.filter(({ outcome }) => outcome === "success").length;
  const failed = nights.filter(({ outcome }) => outcome === "failed").length;
  const said = [...(succeeded > 0 ? [words.nightsSucceeded(succeeded)] : []), ...(failed > 0 ? [words.nightsFailed(failed)] : [])];
  setText(part(root, "nights-more"), said.length > 0 ? list(said) : words.noNightYet);
}

/** Whether it is the operation in progress that turned maintenance on, and will turn it off. @param {State} state */
export function hasOwnMaintenance({ operation, maintenance }) {
  if (!operation || !maintenance.on || !maintenance.since) return false;
  return Date.parse(maintenance.since) >= Date.parse(operation.started_at);
}

/** The restore that left maintenance on, because it failed and could not be put back. @param {State} state */
export function stuckBy({ maintenance }) {
  const newest = records.all().find((record) => record.kind === "restore" && record.status !== "IN_PROGRESS");
  if (!maintenance.on || !maintenance.since || newest?.put_back !== false || !newest.finished_at) return null;
  // If it was ended and is on again, that is not the restore's doing.
  return Date.parse(maintenance.since) <= Date.parse(newest.finished_at) ? newest : null;
}

// ---- The operation in progress.

const tracker = createTracker();
/** What was said last: the operation, its stage, the quarter of the way. */
let announced = { id: "", stage: 0, quarter: 0 };

/** @param {State} state */
export function showOperation(state) {
  const section = byId("operation");
  const { operation } = state;
  if (!operation) {
    setShown(section, false);
    announced.id = "";
    return;
  }
  const times = usual(state, operation);
  const view = tracker.see(operation, times, now());
  const name = operation.stages[view.stage]?.name ?? operation.kind;
  const several = operation.stages.length > 1;
  const counts = words.counts[name];
  const show = (/** @type {string} */ figure, /** @type {boolean} */ is, /** @type {string} */ text) => {
    setShown(part(section, `${figure}-figure`), is);
    setText(part(section, figure), text);
  };
  setText(byId("operation-title"), words.inProgress(operation.kind));
  setPieces(part(section, "by"), by(state, operation));
  setText(part(section, "stage"), words.stageOf(view.stage + 1, Math.max(1, operation.stages.length), words.stage(name, operation.kind)));
  showStages(part(section, "stages"), operation, times);
  showMeter(section, view.fraction, name === "redeploy" ? running(state) : operation.progress !== null ? words.reading : words.starting);
  setText(part(section, "bytes-name"), counts ?? "");
  show("bytes", counts !== undefined, view.totalBytes === null ? size(view.doneBytes) : words.of(size(view.doneBytes), size(view.totalBytes)));
  show("files", counts !== undefined && !several, view.totalFiles === null ? count(view.doneFiles) : words.of(count(view.doneFiles), count(view.totalFiles)));
  show("speed", counts !== undefined, view.speed === null ? "–" : `${size(Math.round(view.speed))}/s`);
  setText(part(section, "left-name"), several ? words.timeLeftInStage : words.timeLeft);
  setText(part(section, "left"), view.left);
  show("end", several, view.end);
  show("source", view.source !== null && !several, view.source ?? "");
  tickOperation(state);
  setShown(section, true);
  speakProgress(operation, view.stage, name, view.fraction);
}

/** Once a second. @param {State} state */
export function tickOperation(state) {
  if (state.operation) setText(part(byId("operation"), "elapsed"), stopwatch(now() - Date.parse(state.operation.started_at)));
}

/**
 * The seconds that an operation usually takes, and each of its stages; null where it is not known.
 * @typedef {{whole: number | null, stages: (number | null)[]}} Usual
 */

/** @param {State} state @param {Operation} operation @returns {Usual} */
function usual(state, operation) {
  const { backup, restore, restart } = state.usual_seconds;
  const whole = /** @type {{[kind: string]: number | null}} */ ({ backup, restore, restart })[operation.kind] ?? null;
  if (operation.kind !== "restore") return { whole, stages: operation.stages.map(() => whole) };
  const rest = (whole ?? 0) - (backup ?? 0) - (restart ?? 0);
  const middle = whole !== null && rest > 0 ? rest : null;
  const each = /** @type {{[stage: string]: number | null}} */ ({ backup, restore: middle, put_back: middle, redeploy: restart });
  return { whole, stages: operation.stages.map(({ name }) => each[name] ?? null) };
}

/** "3 of 4 running" @param {State} state */
function running({ application: { services } }) {
  return services.desired === 0 ? words.starting : words.running(Math.min(services.running, services.desired), services.desired);
}

/** @param {State} state @param {Operation} operation @returns {Piece[]} */
function by(state, operation) {
  const started = words.startedBy(operation.requested_by, clockOrDay(Date.parse(operation.started_at), now()));
  return [...doing(state, operation), `${started} ${meanwhile(state, operation)}`];
}

/** What it does, where the title does not say it. @param {State} state @param {Operation} operation @returns {Piece[]} */
function doing({ retention_days }, { kind, record_id }) {
  if (kind === "restart") return [words.restarting];
  if (kind === "purge") return [words.purging(retention_days)];
  const restored = records.find(record_id)?.restored_from;
  return restored ? [words.restoringFrom, { text: date(timeOfId(restored)), href: `#r-${restored}` }, ". "] : [];
}

/** What it means for the application. @param {State} state @param {Operation} operation */
function meanwhile(state, { kind }) {
  const { application: { name }, maintenance } = state;
  if (kind === "source_archive") return maintenance.on ? words.linkAppears : `${words.staysAvailable(name)} ${words.linkAppears}`;
  if (!maintenance.on) return words.staysAvailable(name);
  if (hasOwnMaintenance(state)) return words.comesBack(name, kind === "backup");
  return kind === "restore" && stuckBy(state) ? words.maintenanceEndsAfter(name) : words.maintenanceStaysAfter(name);
}

/** @param {HTMLElement} section @param {number | null} fraction @param {string} word in place of a percentage that is not known */
function showMeter(section, fraction, word) {
  const meter = /** @type {HTMLProgressElement} */ (part(section, "meter"));
  if (fraction === null) meter.removeAttribute("value");
  else meter.value = fraction;
  setText(part(section, "percent"), fraction === null ? word : `${Math.floor(fraction * 100)} %`);
}

/** A list of the stages, when there is more than one. @param {HTMLElement} place @param {Operation} operation @param {Usual} times */
function showStages(place, { stages, kind }, times) {
  setShown(place, stages.length > 1);
  while (place.children.length > stages.length) place.lastElementChild?.remove();
  while (place.children.length < stages.length) place.append(fromTemplate("t-stage"));
  const looks = { to_come: "", in_progress: "now", done: "done", failed: "failed" };
  const icons = { to_come: "success", in_progress: "running", done: "success", failed: "failed" };
  for (const [position, { name, state, started_at, finished_at }] of stages.entries()) {
    const item = place.children[position];
    const svg = /** @type {SVGElement} */ (item.querySelector("svg"));
    setAttribute(item, "class", looks[state] || null);
    setAttribute(item, "aria-current", state === "in_progress" ? "step" : null);
    setIcon(item, icons[state]);
    svg.classList.toggle("turning", state === "in_progress");
    setShown(svg, state !== "to_come");
    setShown(/** @type {Element} */ (item.querySelector(".dot")), state === "to_come");
    setText(part(item, "name"), `${position + 1}. ${words.capital(words.stage(name, kind))}`);
    const usually = times.stages[position];
    const took = started_at ? between(started_at, finished_at) || null : null;
    setText(part(item, "how"), { to_come: words.stageToCome(usually ? about(usually) : null), in_progress: words.stageNow, done: words.stageDoneIn(took), failed: words.stageBroken }[state]);
  }
}

/**
 * Speaks the start, every change of stage and every quarter; not what was already so when the page
 * first saw the operation.
 * @param {Operation} operation @param {number} stage @param {string} name @param {number | null} fraction
 */
function speakProgress({ id, kind, requested_by, stages }, stage, name, fraction) {
  const quarter = Math.floor((fraction ?? 0) * 4);
  if (id !== announced.id) say(words.spokenStart(kind, requested_by));
  else if (stage !== announced.stage) say(words.spokenStage(kind, stage + 1, stages.length, words.stage(name, kind)));
  else if (quarter > announced.quarter) say(words.spokenQuarter(kind, quarter * 25));
  announced = { id, stage, quarter };
}

// ---- What an operation's progress means: how far it is, how fast, and how long it will take.

/** Milliseconds of samples from which the speed is reckoned, and the least of them. */
const WINDOW = 10_000;
const LEAST = 900;

/**
 * @typedef {object} View
 * @property {number} stage counted from 0
 * @property {number} doneBytes
 * @property {number | null} totalBytes
 * @property {number} doneFiles
 * @property {number | null} totalFiles
 * @property {string | null} source
 * @property {number | null} fraction from 0 to 1; null while it is not known
 * @property {number | null} speed in bytes a second
 * @property {string} left the time left in this stage, in words
 * @property {string} end the time until the end, in words
 */

/** Remembers the stage, to never go backwards within one. */
function createTracker() {
  let stageKey = "";
  /** @type {{at: number, bytes: number}[]} */
  let samples = [];
  let fraction = 0;
  let counted = false;

  return {
    /** @param {Operation} operation @param {Usual} usual @param {number} now @returns {View} */
    see(operation, usual, now) {
      const stage = currentStage(operation);
      const key = `${operation.id} ${stage}`;
      if (key !== stageKey) {
        stageKey = key;
        samples = [];
        fraction = 0;
        counted = false;
      }
      const progress = ofStage(operation, stage);
      if (progress) sample(progress);
      if (progress?.total_bytes != null) {
        counted = true;
        // All read is not all done: what was read is still to be stored and read back.
        const reached = progress.total_bytes === 0 ? 0 : progress.done_bytes / progress.total_bytes;
        fraction = Math.max(fraction, Math.min(reached, 0.99));
      }
      const speed = speedOf(samples, now);
      const begun = operation.stages[stage]?.started_at ?? operation.started_at;
      const inStage = (now - Date.parse(stage === 0 ? operation.started_at : begun)) / 1000;
      const left = secondsLeft(progress, speed, usual.stages[stage] ?? null, inStage);
      return {
        stage,
        doneBytes: progress?.done_bytes ?? 0,
        totalBytes: progress?.total_bytes ?? null,
        doneFiles: progress?.done_files ?? 0,
        totalFiles: progress?.total_files ?? null,
        source: progress?.source ?? null,
        fraction: counted ? fraction : null,
        speed,
        left: timeLeft(left, usual.stages[stage] ?? null, inStage),
        end: timeToEnd(left, usual, stage, (now - Date.parse(operation.started_at)) / 1000),
      };
    },
  };

  /** @param {Progress} progress */
  function sample(progress) {
    const at = Date.parse(progress.at);
    const last = samples.at(-1);
    if (last && at <= last.at) return;
    samples.push({ at, bytes: progress.done_bytes });
    samples = samples.filter((old) => at - old.at <= WINDOW);
  }
}

/** The stage in progress; before the first one begins, the first; between two, the one to come. @param {Operation} operation */
export function currentStage({ stages }) {
  const position = stages.findIndex(({ state }) => state === "in_progress");
  if (position >= 0) return position;
  const ahead = stages.findIndex(({ state }) => state === "to_come");
  return ahead >= 0 ? ahead : Math.max(0, stages.length - 1);
}

/** The progress, if it is of this stage and not left from the one before. @param {Operation} operation @param {number} stage */
function ofStage({ progress, stages }, stage) {
  const begun = stages[stage]?.started_at;
  if (!progress || !begun || Date.parse(progress.at) < Date.parse(begun)) return null;
  return progress;
}

/** @param {{at: number, bytes: number}[]} samples @param {number} now */
function speedOf(samples, now) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < LEAST || now - last.at > WINDOW) return null;
  return Math.max(0, (last.bytes - first.bytes) / ((last.at - first.at) / 1000));
}

/**
 * Seconds until the end of the stage, by its speed or else by what it usually takes. Below 0: it is
 * late; null: nothing is known.
 * @param {Progress | null} progress @param {number | null} speed @param {number | null} usual @param {number} elapsed
 */
function secondsLeft(progress, speed, usual, elapsed) {
  const rest = progress?.total_bytes != null ? progress.total_bytes - progress.done_bytes : 0;
  if (rest > 0 && speed) return rest / speed;
  return usual === null ? null : usual - elapsed;
}

/** @param {number | null} left @param {number | null} usual @param {number} elapsed */
function timeLeft(left, usual, elapsed) {
  if (left === null) return words.notKnownYetTime;
  if (left < 0) return words.longerThanUsual;
  return list([about(left), ...(usual !== null && elapsed > usual ? [words.longerThanUsual] : [])]);
}

/** @param {number | null} left seconds until the end of the stage @param {Usual} usual @param {number} stage @param {number} elapsed */
function timeToEnd(left, usual, stage, elapsed) {
  const later = usual.stages.slice(stage + 1);
  if (left !== null && left >= 0 && !later.includes(null)) {
    return about(later.reduce((sum, seconds) => (sum ?? 0) + (seconds ?? 0), left) ?? left);
  }
  if (usual.whole === null) return words.notKnownYetTime;
  return elapsed > usual.whole ? words.longerThanUsual : about(usual.whole - elapsed);
}
