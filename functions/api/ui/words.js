// @ts-check
// The words for what the server names: kinds, stages, statuses, triggers.

/** @import { Purged, Record, Stage } from "./types.js" */

import { plural, size } from "./format.js";

/** @type {{[name: string]: string}} */
const STAGES = { put_back: "put back", redeploy: "restart of services" };

/**
 * backup, restore, restart, source archive
 * @param {string} name
 */
export function kind(name) {
  return name.replaceAll("_", " ");
}

/**
 * A stage of this kind of operation.
 * @param {string} name
 * @param {string} of
 */
export function stage(name, of) {
  if (of === "restore" && name === "backup") return "safety backup";
  return STAGES[name] ?? name.replaceAll("_", " ");
}

/**
 * "the backup has ended"
 * @param {string} name
 */
export function ended(name) {
  return name === "source_archive" ? "the source archive is made" : `the ${kind(name)} has ended`;
}

/**
 * How an operation in progress is called: "Backup in progress"
 * @param {string} name
 */
export function inProgress(name) {
  return name === "source_archive" ? "Making the source archive" : `${capital(kind(name))} in progress`;
}

/**
 * "All 4 services are", for a sentence that goes on.
 * @param {number} number
 */
export function allServices(number) {
  if (number === 0) return "The services are";
  return number === 1 ? "The one service is" : `All ${number} services are`;
}

/**
 * @param {string} text
 */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * What a purge removed: "2 records past 60 days, with their data; 51.0 MB freed"
 * @param {Purged} purged
 * @param {number} days
 */
export function purged({ records, freed_bytes }, days) {
  return `${plural(records, "record")} past ${plural(days, "day")}, with ${records === 1 ? "its" : "their"} data; ${size(freed_bytes)} freed`;
}

/** @type {{[status in Record["status"]]: {word: string, icon: string, look: string}}} */
export const STATUS = {
  IN_PROGRESS: { word: "In progress", icon: "running", look: "running" },
  SUCCESS: { word: "Success", icon: "success", look: "success" },
  FAILED: { word: "Failed", icon: "failed", look: "failed" },
};

/**
 * What started a record, and who.
 * @param {Record} record
 * @returns {{word: string, by: string}}
 */
export function started(record) {
  switch (record.trigger) {
    case "scheduled": return { word: "Automatic", by: "Every night" };
    case "safety": return { word: "Before a restore", by: record.requested_by };
    default: return { word: "Manual", by: record.requested_by };
  }
}

/**
 * How a stage stands, in the details of a record that has ended or goes on.
 * @param {Stage} stage
 * @param {string} took how long, if it is known
 */
export function standing(stage, took) {
  switch (stage.state) {
    case "done": return took ? `Success, ${took}` : "Success";
    case "failed": return took ? `Failed after ${took}` : "Failed";
    case "in_progress": return "In progress";
    default: return "Not begun";
  }
}
