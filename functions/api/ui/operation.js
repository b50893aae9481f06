// @ts-check
// The operation in progress: which it is, by whom, how far. Its place is there or not; while it is,
// only its figures change.

/** @import { Record, State, Operation } from "./types.js" */
/** @import { Piece } from "./dom.js" */
/** @import { Usual } from "./progress.js" */

import { now } from "./clock.js";
import { byId, fromTemplate, part, setAttribute, setIcon, setPieces, setShown, setText } from "./dom.js";
import { about, clockOrDay, count, date, duration, plural, size, stopwatch, timeOfId } from "./format.js";
import { say } from "./live.js";
import { stuckBy } from "./news.js";
import { createTracker } from "./progress.js";
import { capital, inProgress, kind, stage as stageWord } from "./words.js";

/** What a stage does with the bytes that are counted; a stage that is not here counts none. */
const COUNTS = /** @type {{[stage: string]: string}} */ ({ backup: "Read", archive: "Read", restore: "Restored", put_back: "Put back" });

const tracker = createTracker();
/** What was said last: the operation, its stage, the quarter of the way. */
let spoken = { id: "", stage: 0, quarter: 0 };

/**
 * @param {State} state
 * @param {Record[]} records
 */
export function show(state, records) {
  const section = byId("operation");
  const { operation } = state;
  if (!operation) {
    setShown(section, false);
    spoken.id = "";
    return;
  }
  const times = usual(state, operation);
  const view = tracker.see(operation, times, now());
  const name = operation.stages[view.stage]?.name ?? operation.kind;
  setText(byId("operation-title"), inProgress(operation.kind));
  setPieces(part(section, "by"), by(state, operation, records));
  setText(part(section, "stage"), `Stage ${view.stage + 1} of ${Math.max(1, operation.stages.length)}: ${stageWord(name, operation.kind)}`);
  showStages(part(section, "stages"), operation, times);
  showMeter(section, view.fraction, name === "redeploy" ? running(state) : operation.progress !== null ? "reading" : "starting");

  const { totalBytes, totalFiles } = view;
  const counts = COUNTS[name];
  const several = operation.stages.length > 1;
  setShown(part(section, "bytes-figure"), counts !== undefined);
  setShown(part(section, "files-figure"), counts !== undefined && !several);
  setShown(part(section, "speed-figure"), counts !== undefined);
  setText(part(section, "bytes-name"), counts ?? "");
  setText(part(section, "bytes"), totalBytes === null ? size(view.doneBytes) : `${size(view.doneBytes)} of ${size(totalBytes)}`);
  setText(part(section, "files"), totalFiles === null ? count(view.doneFiles) : `${count(view.doneFiles)} of ${count(totalFiles)}`);
  setText(part(section, "speed"), view.speed === null ? "–" : `${size(Math.round(view.speed))}/s`);
  setText(part(section, "left-name"), several ? "Time left in this stage" : "Time left");
  setText(part(section, "left"), view.left);
  setShown(part(section, "end-figure"), several);
  setText(part(section, "end"), view.end);
  setShown(part(section, "source-figure"), view.source !== null && !several);
  setText(part(section, "source"), view.source ?? "");
  tick(state);
  setShown(section, true);
  speak(operation, view.stage, name, view.fraction);
}

/**
 * Once a second.
 * @param {State} state
 */
export function tick(state) {
  if (state.operation) setText(part(byId("operation"), "elapsed"), stopwatch(now() - Date.parse(state.operation.started_at)));
}

/**
 * @param {State} state
 * @param {Operation} operation
 * @returns {Usual}
 */
function usual(state, operation) {
  const { backup, restore, restart } = state.usual_seconds;
  const whole = { backup, restore, restart }[operation.kind] ?? null;
  if (operation.kind !== "restore") return { whole, stages: operation.stages.map(() => whole) };
  const rest = (whole ?? 0) - (backup ?? 0) - (restart ?? 0);
  const middle = whole !== null && rest > 0 ? rest : null;
  const each = /** @type {{[stage: string]: number | null}} */ ({ backup, restore: middle, put_back: middle, redeploy: restart });
  return { whole, stages: operation.stages.map(({ name }) => each[name] ?? null) };
}

/**
 * "3 of 4 running"
 * @param {State} state
 */
function running({ application: { services } }) {
  return services.desired === 0 ? "starting" : `${Math.min(services.running, services.desired)} of ${services.desired} running`;
}

/**
 * @param {State} state
 * @param {Operation} operation
 * @param {Record[]} records
 * @returns {Piece[]}
 */
function by(state, operation, records) {
  const start = `Started by ${operation.requested_by} at ${clockOrDay(Date.parse(operation.started_at), now())}.`;
  return [...doing(operation, records, state.retention_days), `${start} ${meanwhile(state, operation, records)}`];
}

/**
 * What it does, where the title does not say it.
 * @param {Operation} operation
 * @param {Record[]} records
 * @param {number} days how long records are kept
 * @returns {Piece[]}
 */
function doing({ kind, record_id }, records, days) {
  if (kind === "restart") return ["Restarting all services. "];
  if (kind === "purge") return [`Removing what is older than ${plural(days, "day")}, with its data. `];
  const restored = records.find((record) => record.id === record_id)?.restored_from;
  return restored ? ["Restoring the backup of ", { text: date(timeOfId(restored)), href: `#r-${restored}` }, ". "] : [];
}

/**
 * What it means for the application.
 * @param {State} state
 * @param {Operation} operation
 * @param {Record[]} records
 */
function meanwhile(state, operation, records) {
  const { application, maintenance } = state;
  if (operation.kind === "source_archive") {
    return maintenance.on ? "The link appears here." : `${application.name} stays available. The link appears here.`;
  }
  if (!maintenance.on) return `${application.name} stays available.`;
  if (!hasOwnMaintenance(state)) {
    return operation.kind === "restore" && stuckBy(state, records)
      ? `${application.name} was under maintenance before; that ends when this has succeeded.`
      : `${application.name} was under maintenance before, and stays so.`;
  }
  const comesBack = `${application.name} is under maintenance and comes back by itself`;
  return operation.kind === "backup" ? `${comesBack}, however this ends.` : `${comesBack}.`;
}

/**
 * Whether it is the operation in progress that turned maintenance on, and will turn it off.
 * @param {State} state
 */
export function hasOwnMaintenance({ operation, maintenance }) {
  if (!operation || !maintenance.on || !maintenance.since) return false;
  return Date.parse(maintenance.since) >= Date.parse(operation.started_at);
}

/**
 * @param {HTMLElement} section
 * @param {number | null} fraction
 * @param {string} word in place of a percentage that is not known
 */
function showMeter(section, fraction, word) {
  const meter = /** @type {HTMLProgressElement} */ (part(section, "meter"));
  if (fraction === null) meter.removeAttribute("value");
  else meter.value = fraction;
  setText(part(section, "percent"), fraction === null ? word : `${Math.floor(fraction * 100)} %`);
}

/**
 * A list of the stages, when there is more than one.
 * @param {HTMLElement} list
 * @param {Operation} operation
 * @param {Usual} times
 */
function showStages(list, operation, times) {
  const { stages } = operation;
  setShown(list, stages.length > 1);
  while (list.children.length > stages.length) list.lastElementChild?.remove();
  while (list.children.length < stages.length) list.append(fromTemplate("t-stage"));
  const looks = { to_come: "", in_progress: "now", done: "done", failed: "failed" };
  const icons = { to_come: "success", in_progress: "running", done: "success", failed: "failed" };
  for (const [position, stage] of stages.entries()) {
    const item = list.children[position];
    const svg = /** @type {SVGElement} */ (item.querySelector("svg"));
    setAttribute(item, "class", looks[stage.state] || null);
    setAttribute(item, "aria-current", stage.state === "in_progress" ? "step" : null);
    setIcon(item, icons[stage.state]);
    svg.classList.toggle("turning", stage.state === "in_progress");
    setShown(svg, stage.state !== "to_come");
    setShown(/** @type {Element} */ (item.querySelector(".dot")), stage.state === "to_come");
    setText(part(item, "name"), `${position + 1}. ${capital(stageWord(stage.name, operation.kind))}`);
    const usually = times.stages[position];
    const took = stage.started_at && stage.finished_at ? ` in ${duration(Date.parse(stage.finished_at) - Date.parse(stage.started_at))}` : "";
    setText(part(item, "how"), { to_come: usually ? `to come, ${about(usually)}` : "to come", in_progress: "in progress", done: `done${took}`, failed: "failed" }[stage.state]);
  }
}

/**
 * Speaks the start, every change of stage and every quarter; not what was already so when the page
 * first saw the operation.
 * @param {Operation} operation
 * @param {number} stage
 * @param {string} name
 * @param {number | null} fraction
 */
function speak(operation, stage, name, fraction) {
  const word = capital(kind(operation.kind));
  const quarter = Math.floor((fraction ?? 0) * 4);
  if (operation.id !== spoken.id) say(`${inProgress(operation.kind)}, started by ${operation.requested_by}.`);
  else if (stage !== spoken.stage) say(`${word}: stage ${stage + 1} of ${operation.stages.length}, ${stageWord(name, operation.kind)}.`);
  else if (quarter > spoken.quarter) say(`${word}: ${quarter * 25} percent done.`);
  spoken = { id: operation.id, stage, quarter };
}
