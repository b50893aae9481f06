// @ts-check
// The operation in progress: which it is, by whom, how far. Its place is there or not; while it is,
// only its figures change.

/** @import { State, Operation } from "./types.js" */

import { now } from "./clock.js";
import { byId, fromTemplate, part, setAttribute, setIcon, setShown, setText } from "./dom.js";
import { clockOrDay, count, duration, size, stopwatch } from "./format.js";
import { say } from "./live.js";
import { createTracker } from "./progress.js";
import { capital, kind, stage as stageWord } from "./words.js";

const tracker = createTracker();
/** What was said last: the operation, its stage, the quarter of the way. */
let spoken = { id: "", stage: 0, quarter: 0 };

/** @param {State} state */
export function show(state) {
  const section = byId("operation");
  const { operation } = state;
  if (!operation) {
    setShown(section, false);
    spoken.id = "";
    return;
  }
  const view = tracker.see(operation, usual(state, operation), now());
  const name = operation.stages[view.stage]?.name ?? operation.kind;
  setText(byId("operation-title"), `${capital(kind(operation.kind))} in progress`);
  setText(part(section, "by"), by(state, operation));
  setText(part(section, "stage"), `Stage ${view.stage + 1} of ${Math.max(1, operation.stages.length)}: ${stageWord(name)}`);
  showStages(part(section, "stages"), operation);
  showMeter(section, view.fraction, operation.progress !== null);

  const { totalBytes, totalFiles } = view;
  setText(part(section, "bytes-name"), name === "restore" ? "Restored" : "Read");
  setText(part(section, "bytes"), totalBytes === null ? size(view.doneBytes) : `${size(view.doneBytes)} of ${size(totalBytes)}`);
  setText(part(section, "files"), totalFiles === null ? count(view.doneFiles) : `${count(view.doneFiles)} of ${count(totalFiles)}`);
  setText(part(section, "speed"), view.speed === null ? "–" : `${size(Math.round(view.speed))}/s`);
  setText(part(section, "left"), view.left);
  setShown(part(section, "source-figure"), view.source !== null);
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
 */
function usual(state, operation) {
  const seconds = /** @type {{[kind: string]: number | null}} */ (state.usual_seconds);
  return seconds[operation.kind] ?? null;
}

/**
 * @param {State} state
 * @param {Operation} operation
 */
function by(state, operation) {
  const { application, maintenance } = state;
  const start = `Started by ${operation.requested_by} at ${clockOrDay(Date.parse(operation.started_at), now())}.`;
  if (!maintenance.on) return `${start} ${application.name} stays available.`;
  return hasOwnMaintenance(state)
    ? `${start} ${application.name} is under maintenance and comes back by itself, however this ends.`
    : `${start} ${application.name} was under maintenance before, and stays so.`;
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
 * @param {boolean} begun
 */
function showMeter(section, fraction, begun) {
  const meter = /** @type {HTMLProgressElement} */ (part(section, "meter"));
  if (fraction === null) meter.removeAttribute("value");
  else meter.value = fraction;
  setText(part(section, "percent"), fraction === null ? (begun ? "reading" : "starting") : `${Math.floor(fraction * 100)} %`);
}

/**
 * A list of the stages, when there is more than one.
 * @param {HTMLElement} list
 * @param {Operation} operation
 */
function showStages(list, operation) {
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
    setText(part(item, "name"), `${position + 1}. ${capital(stageWord(stage.name))}`);
    const took = stage.started_at && stage.finished_at ? ` in ${duration(Date.parse(stage.finished_at) - Date.parse(stage.started_at))}` : "";
    setText(part(item, "how"), { to_come: "to come", in_progress: "in progress", done: `done${took}`, failed: "failed" }[stage.state]);
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
  if (operation.id !== spoken.id) say(`${word} in progress, started by ${operation.requested_by}.`);
  else if (stage !== spoken.stage) say(`${word}: stage ${stage + 1} of ${operation.stages.length}, ${stageWord(name)}.`);
  else if (quarter > spoken.quarter) say(`${word}: ${quarter * 25} percent done.`);
  spoken = { id: operation.id, stage, quarter };
}
