// @ts-check
// What an operation's progress means: how far it is, how fast, and how long it will take. Pure, but for
// what it remembers of the stage: it never goes backwards within one.

/** @import { Operation, Progress } from "./types.js" */

import { about } from "./format.js";

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

/**
 * The seconds that an operation usually takes, and each of its stages; null where it is not known.
 * @typedef {{whole: number | null, stages: (number | null)[]}} Usual
 */

export function createTracker() {
  let stageKey = "";
  /** @type {{at: number, bytes: number}[]} */
  let samples = [];
  let fraction = 0;
  let counted = false;

  return {
    /**
     * @param {Operation} operation
     * @param {Usual} usual
     * @param {number} now
     * @returns {View}
     */
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

/**
 * The stage in progress; before the first one begins, the first; between two, the one to come.
 * @param {Operation} operation
 */
export function currentStage(operation) {
  const position = operation.stages.findIndex((stage) => stage.state === "in_progress");
  if (position >= 0) return position;
  const ahead = operation.stages.findIndex((stage) => stage.state === "to_come");
  return ahead >= 0 ? ahead : Math.max(0, operation.stages.length - 1);
}

/**
 * The progress, if it is of this stage and not left from the one before.
 * @param {Operation} operation
 * @param {number} stage
 */
function ofStage({ progress, stages }, stage) {
  const begun = stages[stage]?.started_at;
  if (!progress || !begun || Date.parse(progress.at) < Date.parse(begun)) return null;
  return progress;
}

/**
 * @param {{at: number, bytes: number}[]} samples
 * @param {number} now
 */
function speedOf(samples, now) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < LEAST || now - last.at > WINDOW) return null;
  return Math.max(0, (last.bytes - first.bytes) / ((last.at - first.at) / 1000));
}

/**
 * Seconds until the end of the stage, by its speed or else by what it usually takes. Below 0: it is
 * late; null: nothing is known.
 * @param {Progress | null} progress
 * @param {number | null} speed
 * @param {number | null} usual
 * @param {number} elapsed
 */
function secondsLeft(progress, speed, usual, elapsed) {
  const rest = progress?.total_bytes != null ? progress.total_bytes - progress.done_bytes : 0;
  if (rest > 0 && speed) return rest / speed;
  return usual === null ? null : usual - elapsed;
}

/**
 * @param {number | null} left
 * @param {number | null} usual
 * @param {number} elapsed
 */
function timeLeft(left, usual, elapsed) {
  const late = usual !== null && elapsed > usual;
  if (left === null) return "not known yet";
  if (left < 0) return "longer than usual";
  return about(left) + (late ? ", longer than usual" : "");
}

/**
 * @param {number | null} left seconds until the end of the stage
 * @param {Usual} usual
 * @param {number} stage
 * @param {number} elapsed
 */
function timeToEnd(left, usual, stage, elapsed) {
  const later = usual.stages.slice(stage + 1);
  if (left !== null && left >= 0 && !later.includes(null)) {
    return about(later.reduce((sum, seconds) => (sum ?? 0) + (seconds ?? 0), left) ?? left);
  }
  if (usual.whole === null) return "not known yet";
  return elapsed > usual.whole ? "longer than usual" : about(usual.whole - elapsed);
}
