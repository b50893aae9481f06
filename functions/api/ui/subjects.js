// @ts-check
// What is done only when it has been confirmed: a restore, a restart, the end of a maintenance. Each
// says what will happen, before anything does.

/** @import { Subject } from "./confirm.js" */
/** @import { Record, State } from "./types.js" */

import { endMaintenance, startRestart, startRestore } from "./api.js";
import { minuteNow } from "./clock.js";
import { fromTemplate, part, setShown, setText } from "./dom.js";
import { aboutInWords, ago, date, duration, size, timeOfId } from "./format.js";
import { stuckBy } from "./news.js";
import { hasOwnMaintenance } from "./operation.js";
import * as records from "./records.js";
import { allServices, started } from "./words.js";

/**
 * @param {Record} record the backup
 * @param {(recordId: string) => void} onStarted
 * @returns {Subject}
 */
export function restore(record, onStarted) {
  const about = fromTemplate("t-about-restore");
  const when = date(Date.parse(record.created_at));
  return {
    action: "restore",
    record: record.id,
    title: "Restore this backup?",
    button: "Restore",
    icon: "restore",
    verb: "restore",
    about,
    show(state) {
      const { application, usual_seconds } = state;
      const stays = staysOn(state);
      const { notes } = records.find(record.id) ?? record;
      setText(part(about, "date"), when);
      setText(part(about, "origin"), origin(record));
      setText(part(about, "notes"), notes);
      setShown(part(about, "notes"), notes.trim() !== "");
      setText(part(about, "backup"), `${application.name} ${stays ? "stays" : "goes"} under maintenance and is backed up as it is now. If that fails, nothing is changed.`);
      setText(part(about, "restore"), `The data becomes as it was on ${when}. What was entered since then is kept in the safety backup only.`);
      const ends = !stays || stuckBy(state, records.all());
      setText(part(about, "restart"), `${allServices(application.services.desired)} restarted and maintenance ${ends ? "ends" : "stays on, as it was"}.`);
      const last = records.all().find(({ kind, status }) => kind === "restore" && status === "SUCCESS");
      const took = last?.finished_at ? ` The last restore took ${duration(Date.parse(last.finished_at) - Date.parse(last.created_at))}.` : "";
      const usual = usual_seconds.restore;
      setText(part(about, "time"), (usual === null ? "Under maintenance until all three are done." : `Under maintenance for ${aboutInWords(usual)}.`) + took);
    },
    async confirm(typed) {
      const begun = await startRestore(record.id, typed);
      records.put(begun);
      return () => onStarted(begun.id);
    },
  };
}

/**
 * @param {(activityId: string) => void} onStarted
 * @returns {Subject}
 */
export function restart(onStarted) {
  const about = fromTemplate("t-about-restart");
  return {
    action: "restart",
    record: null,
    title: "Restart all services?",
    button: "Restart",
    icon: "restart",
    verb: "restart",
    about,
    show(state) {
      const { application, usual_seconds } = state;
      const stays = staysOn(state);
      const usual = usual_seconds.restart;
      const long = usual === null ? "until they run again" : `for ${aboutInWords(usual)}`;
      setText(part(about, "maintenance"), stays ? `${application.name} stays under maintenance.` : `${application.name} goes under maintenance ${long}.`);
      setText(part(about, "restart"), `${allServices(application.services.desired)} restarted.`);
      setText(part(about, "back"), stays ? "Maintenance stays on, as it was before." : "Maintenance ends when every service runs, or at once if one can’t be started.");
    },
    async confirm(typed) {
      const { id } = await startRestart(typed);
      return () => onStarted(id);
    },
  };
}

/**
 * @param {() => void} onEnded
 * @returns {Subject}
 */
export function end(onEnded) {
  const about = fromTemplate("t-about-end");
  return {
    action: "end_maintenance",
    record: null,
    title: "End the maintenance by hand?",
    button: "End maintenance",
    icon: null,
    verb: "end the maintenance",
    about,
    show(state) {
      const from = stuckBy(state, records.all())?.restored_from;
      const what = from ? `The restore of ${date(timeOfId(from))}` : "The last restore";
      setText(part(about, "doubt"), `${what} failed, and the safety backup could not be put back.`);
      setText(part(about, "after"), `${state.application.name} becomes available at once, with its data as it is now. Do this only if you have repaired or checked the data yourself. Restoring a backup is the safer way, and ends the maintenance by itself.`);
    },
    async confirm(typed) {
      await endMaintenance(typed);
      return onEnded;
    },
  };
}

/**
 * Whether there is maintenance that no operation in progress will end.
 * @param {State} state
 */
function staysOn(state) {
  return state.maintenance.on && !hasOwnMaintenance(state);
}

/**
 * 15 hours ago · manual, by Maya Lindqvist · 4.81 GB
 * @param {Record} record
 */
function origin(record) {
  const { word, by } = started(record);
  const who = record.trigger === "scheduled" ? by.toLowerCase() : `by ${by}`;
  const held = record.size ? [size(record.size.total_bytes)] : [];
  return [ago(Date.parse(record.created_at), minuteNow()), `${word.toLowerCase()}, ${who}`, ...held].join(" · ");
}
