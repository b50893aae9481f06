// @ts-check
// The messages above the table. What there is to tell is derived from the state and the records each
// time, so that a message is there exactly while it holds or has not been dismissed. On the page they
// are matched by what they are about, changed in place, spoken when they appear, dismissed for good.

/** @import { Activity, Failure, Record, State, WrongSetting } from "./types.js" */
/** @import { Piece } from "./page.js" */
/** @import { Connection } from "./server.js" */

import { between, clockOrDay, clockWithSeconds, date, daysAndHours, seconds, size, timeOfId } from "./figures.js";
import {
  alarm, byId, element, fromTemplate, icon, part, plain, remember, remembered, say, setAttribute, setAvailable, setIcon, setPieces, setShown,
  unavailable, words,
} from "./page.js";
import { isOfLastNight, stuckBy } from "./overview.js";
import { minuteNow, now, records, signInAddress } from "./server.js";

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
 * What failed.
 * @typedef {object} Failed
 * @property {string} kind
 * @property {string} [trigger]
 * @property {boolean | null} put_back
 * @property {string | null} stage the stage that failed first
 * @property {string | null} last the one that failed last
 */

/**
 * A failure in the page's language; where it has no words for it, in the server's own.
 * @typedef {object} Told
 * @property {Piece} happened
 * @property {Piece} done
 * @property {Piece} toDo
 * @property {Piece} first what to do before anything else
 * @property {string} said the last words of a program that failed: they can be many lines, and are only for the details
 */

/**
 * @param {Failure} failure
 * @param {{kind: string, trigger?: string, put_back: boolean | null, stages: Record["stages"]}} of what failed
 * @returns {Told}
 */
export function told(failure, { kind, trigger, put_back, stages }) {
  const failed = stages.filter(({ state }) => state === "failed").map(({ name }) => name);
  const found = words.failure(failure, { kind, trigger, put_back, stage: failed[0] ?? null, last: failed.at(-1) ?? null });
  const own = (/** @type {string} */ text) => (found ? text : { text, lang: "en" });
  const { happened, done, to_do, first } = found ?? failure;
  const said = [failure.cause, failure.later_cause].map((cause) => cause?.said ?? "").filter((words) => words !== "");
  return { happened: own(happened), done: own(done), toDo: own(to_do), first: own(first || to_do), said: said.join("\n\n") };
}

/** Sentences with a space between them. @param {(Piece | null | undefined | false)[]} sentences @returns {Piece[]} */
export function sentences(sentences) {
  const full = sentences.filter((one) => one && (typeof one === "string" ? one : one.text) !== "");
  return full.flatMap((one, position) => (position === 0 ? [/** @type {Piece} */ (one)] : [" ", /** @type {Piece} */ (one)]));
}

/**
 * @param {object} seen
 * @param {State | null} seen.state
 * @param {Connection} seen.connection
 * @param {Record | null} seen.ended the record whose operation this page saw end
 * @param {Activity | null} seen.activity or the activity
 * @returns {Message[]}
 */
export function whatToTell({ state, connection, ended, activity }) {
  const found = [];
  if (connection.shutOut) found.push(shutOut(connection));
  else if (connection.lost) found.push(offline(connection));
  if (!state) return found;
  const connected = !connection.lost && !connection.shutOut;
  const mayAct = state.user.role !== "viewer";
  if (state.maintenance.on && !state.operation) found.push(maintenance(state, connected, mayAct));
  const failed = failureToTell(state, ended);
  if (failed && !isDismissed(failed.id)) found.push(failure(failed, ended));
  if (ended?.status === "SUCCESS" && !isDismissed(ended.id)) found.push(success(ended, state));
  if (activity && !isDismissed(activity.id)) found.push(done(activity, state, connected));
  if (state.nightly.overdue && records.newestEnded()) found.push(overdue(state));
  if (state.wrong_settings.length > 0) found.push(wrongSettings(state.wrong_settings));
  return found;
}

/**
 * The failure to tell of: the newest record that has ended, if it failed. When backups are overdue that
 * is the message, and names the cause; then only what this page saw fail has one of its own.
 * @param {State} state
 * @param {Record | null} ended
 */
export function failureToTell(state, ended) {
  const newest = records.newestEnded();
  if (newest?.status !== "FAILED") return null;
  // The records are read after the state, and may know more: what failed is told of with its operation's end.
  if (state.operation && Date.parse(newest.created_at) >= Date.parse(state.operation.started_at)) return null;
  // Data that is in doubt has a message of its own, until it has been seen to.
  if (newest.put_back === false) return null;
  return state.nightly.overdue && newest.id !== ended?.id ? null : newest;
}

/** For want of a session, or of any role. @param {Connection} connection @returns {Message} */
function shutOut({ shutOut }) {
  const common = /** @type {const} */ ({ tone: "warn-tone", icon: "lock", spoken: "alarm" });
  if (shutOut?.kind === "no-role") return { ...common, key: "no-role", title: words.noRole, text: [words.noRoleText(shutOut.contact)] };
  return { ...common, key: "signed-out", title: words.signedOut, text: [...signedOutText()] };
}

/** @returns {Piece[]} */
export const signedOutText = () => [words.signedOutText, { text: words.signInAgain, href: signInAddress() }, "."];

/** @param {Connection} connection @returns {Message} */
function offline({ retryAt, asOf, trouble }) {
  const left = Math.ceil((retryAt - Date.now()) / 1000);
  const again = left > 0 ? words.tryingAgainIn(seconds(left)) : words.tryingAgainNow;
  const seen = asOf === null ? words.nothingLoaded : words.asOf(clockWithSeconds(asOf));
  return {
    key: "offline",
    tone: "warn-tone",
    icon: "offline",
    title: trouble === null ? words.connectionLost : words.noAnswerFromConsole,
    text: sentences([trouble, seen, words.goesOn, again]),
    offers: [{ does: "try_now", label: words.tryNow, look: "small", available: true }],
    spoken: "say",
  };
}

/** @param {State} state @param {boolean} connected @param {boolean} mayAct @returns {Message} */
function maintenance(state, connected, mayAct) {
  const { application: { name }, maintenance: { since } } = state;
  const restore = stuckBy(state);
  if (restore) return stuck(restore, name, connected, mayAct);
  return {
    key: "maintenance",
    tone: "bad-tone",
    icon: "warn",
    title: words.needsSomeone(name),
    text: [(since ? words.onSince(clockOrDay(Date.parse(since), now())) : "") + words.notOurMaintenance],
    spoken: "alarm",
  };
}

/** @param {Record} restore @param {string} application @param {boolean} available @param {boolean} mayAct @returns {Message} */
function stuck(restore, application, available, mayAct) {
  const { restored_from, safety_backup, failure } = restore;
  const safety = safety_backup && words.safetyBackupOf(clockOrDay(timeOfId(safety_backup), now()));
  const what = restored_from ? { text: date(timeOfId(restored_from)), href: `#r-${restored_from}` } : date(Date.parse(restore.created_at));
  const why = failure && told(failure, restore);
  /** @type {Piece[][]} */
  const toDo = [...(why ? [[why.first]] : []), [words.restoreIt(safety)], [words.onlyIfRepaired]];
  /** @type {Offer[]} */
  const offers = [
    ...(safety ? [offer({ does: "restore", id: safety_backup, label: words.restoreSafety(safety), icon: "restore", look: "primary", available })] : []),
    offer({ does: "end_maintenance", label: words.endMaintenance, look: "", available }),
  ];
  return {
    key: `stuck ${restore.id}`,
    tone: "bad-tone",
    icon: "warn",
    title: words.stuck(application),
    text: [],
    facts: [
      { name: words.happened, lines: [[words.restoreFailed[0], what, words.restoreFailed[1], why?.happened ?? ""]] },
      { name: words.done, lines: [[why?.done ?? "", ...(safety ? [words.isSafe[0], { text: safety, href: `#r-${safety_backup}` }, words.isSafe[1]] : [])]] },
      { name: words.toDo, lines: toDo },
    ],
    offers: mayAct ? offers : [],
    spoken: "alarm",
  };
}

/** @param {Offer} offered @returns {Offer} */
const offer = (offered) => offered;

/** @param {Record} record @param {Record | null} ended @returns {Message} */
function failure(record, ended) {
  const details = records.all()[0]?.id === record.id ? words.detailsInFirst : words.detailsInRow;
  const why = record.failure && told(record.failure, record);
  const begins = failedStage(record) === "backup" && record.kind === "restore" ? words.safetyFailed.trim() : null;
  const title = failureTitle(record, ended);
  return {
    key: `failed ${record.id}`,
    tone: record.put_back ? "warn-tone" : "bad-tone",
    icon: record.put_back ? "warn" : "failed",
    title,
    text: sentences([begins, why && after(`${title}: `, why.happened), why?.done, why?.toDo, details]),
    spoken: "alarm",
    about: record.id,
  };
}

/** A sentence without the beginning that is already said. @param {string} beginning @param {Piece} sentence @returns {Piece} */
function after(beginning, sentence) {
  return typeof sentence === "string" && sentence.startsWith(beginning) ? words.capital(sentence.slice(beginning.length)) : sentence;
}

/** @param {Record} record @param {Record | null} ended */
function failureTitle(record, ended) {
  const created = Date.parse(record.created_at);
  if (isOfLastNight(record)) return record.failure?.code === "night_missed" ? words.lastNightMissedTitle : words.lastNightTitle;
  const of = record.id === ended?.id ? null : date(created);
  if (record.kind === "backup") return words.failedTitle(record.kind, of);
  if (record.put_back) return words.putBackTitle(clockOrDay(created, minuteNow()));
  switch (failedStage(record)) {
    case "backup": return words.notBegunTitle(of);
    case "redeploy": return words.restartFailedTitle(of);
    default: return words.failedTitle(record.kind, of);
  }
}

/** @param {Record} record */
const failedStage = (record) => record.stages.find(({ state }) => state === "failed")?.name ?? null;

/** @param {Record} record @param {State} state @returns {Message} */
function success(record, state) {
  const isBackup = record.kind === "backup";
  return {
    key: `done ${record.id}`,
    tone: "good-tone",
    icon: "success",
    title: isBackup ? words.backupDone : words.restoreDone,
    text: [(isBackup ? backedUp(record) : restored(record)) + availableAgain(state)],
    spoken: "say",
    about: record.id,
  };
}

/** @param {Record} record */
function backedUp({ size: held, created_at, finished_at }) {
  const took = between(created_at, finished_at);
  return held ? words.backedUp(size(held.total_bytes), size(held.added_bytes), took) : words.doneIn(took);
}

/** @param {Record} record */
function restored({ restored_from, safety_backup }) {
  const is = restored_from ? words.dataAsOf(date(timeOfId(restored_from))) : words.dataAsBackup;
  return is + (safety_backup ? words.safetyKeeps(clockOrDay(timeOfId(safety_backup), minuteNow())) : "");
}

/** @param {State} state */
function availableAgain({ application, maintenance, operation }) {
  if (!maintenance.on) return words.availableAgain(application.name);
  return operation ? "" : words.stillUnderMaintenance(application.name);
}

/** The end of what has no record in the table. @param {Activity} activity @param {State} state @param {boolean} available @returns {Message} */
function done(activity, state, available) {
  const common = /** @type {const} */ ({ key: `done ${activity.id}`, about: activity.id });
  if (activity.status === "FAILED") {
    const why = activity.failure && told(activity.failure, { ...activity, put_back: null });
    const title = activity.kind === "source_archive" ? words.noArchive : words.failedTitle(activity.kind, null);
    return { ...common, tone: "bad-tone", icon: "failed", title, text: sentences([why?.happened, why?.done, why?.toDo]), spoken: "alarm" };
  }
  return { ...common, tone: "good-tone", icon: "success", ...doneWell(activity, state, available), spoken: "say" };
}

/** @param {Activity} activity @param {State} state @param {boolean} available @returns {{title: string, text: Piece[], offers?: Offer[]}} */
function doneWell(activity, state, available) {
  const { application, retention_days } = state;
  switch (activity.kind) {
    case "source_archive": return archived(activity, available);
    case "purge": return { title: words.purgeDone, text: activity.purged ? [`${purgedText(activity.purged, retention_days)}.`] : [] };
    case "end_maintenance": return { title: words.maintenanceEnded, text: [words.maintenanceEndedText(application.name)] };
    default: {
      const { running, desired } = application.services;
      const services = desired === 0 ? "" : words.servicesRun(Math.min(running, desired), desired);
      return { title: words.restarted, text: [(services + availableAgain(state)).trim()] };
    }
  }
}

/** @param {NonNullable<Activity["purged"]>} purged @param {number} days */
export const purgedText = ({ records, freed_bytes }, days) => words.purged(records, days, size(freed_bytes));

/** @param {Activity} activity @param {boolean} available @returns {{title: string, text: Piece[], offers: Offer[]}} */
function archived({ id, source_archive }, available) {
  const amount = size(source_archive?.size_bytes ?? 0);
  /** @type {Piece[]} */
  const text = [{ text: source_archive?.file_name ?? "", look: "mono" }, words.archiveText(amount), { text: words.page.activity, href: "#activity" }, "."];
  return { title: words.archiveReady, text, offers: [offer({ does: "download", id, label: words.downloadSize(amount), icon: "download", look: "", available })] };
}

/** What could not even be begun. @param {string} title @param {Piece[]} why @param {number} at tells one time from another @returns {Message} */
export function notDone(title, why, at) {
  const about = `not-done-${at}`;
  return { key: about, about, tone: "bad-tone", icon: "failed", title, text: why, spoken: "alarm" };
}

/** @param {State} state @returns {Message} */
function overdue({ nightly }) {
  const last = nightly.last_success_at;
  const newest = records.newestEnded();
  const why = newest?.kind === "backup" && newest.failure ? told(newest.failure, newest) : null;
  return {
    key: "overdue",
    tone: "warn-tone",
    icon: "warn",
    title: last ? words.noSuccessFor(daysAndHours(minuteNow() - Date.parse(last))) : words.noSuccessYet,
    text: sentences([...(why ? [words.newestFailed.trim(), why.happened, why.toDo] : [words.findOutWhy]), words.goesAway.trim()]),
    spoken: "alarm",
  };
}

/** @param {WrongSetting[]} settings @returns {Message} */
function wrongSettings(settings) {
  const [is, must, force] = words.settingIs;
  /** @type {Piece[]} */
  const text = settings.flatMap(({ name, value, expected, in_force }) => [
    { text: name, look: "mono" }, is, { text: value, look: "mono" }, must, words.expected(name, expected) ?? { text: expected, lang: "en" }, force, { text: in_force, look: "mono" }, ". ",
  ]);
  const title = settings.length === 1 ? words.wrongSetting(settings[0].name) : words.wrongSettings(settings.length);
  return { key: "settings", tone: "warn-tone", icon: "warn", title, text: [...text, words.correctIt], spoken: "alarm" };
}

// ---- On the page.

const DISMISSED = "nightkeep.dismissed";
/** @type {Map<string, HTMLElement>} */
const shown = new Map();
/** What was dismissed on this page. The newest is remembered beyond it: only the newest record's is told. */
const dismissed = new Set([remembered(DISMISSED)]);

/**
 * What the page does when a message is dismissed, or one of its buttons is used.
 * @typedef {object} Actions
 * @property {() => void} onDismiss
 * @property {(offer: Offer, button: HTMLElement) => void} onOffer
 */

/** @param {string} id */
export const isDismissed = (id) => dismissed.has(id);

/** @param {Message[]} messages @param {Actions} actions */
export function showMessages(messages, actions) {
  const place = byId("messages");
  const keys = new Set(messages.map(({ key }) => key));
  for (const [key, node] of shown) {
    if (keys.has(key)) continue;
    const hadFocus = node.contains(document.activeElement);
    node.remove();
    shown.delete(key);
    if (hadFocus) focusHeading();
  }
  for (const [position, message] of messages.entries()) {
    let node = shown.get(message.key);
    if (!node) {
      node = create(message, actions);
      shown.set(message.key, node);
      (message.spoken === "alarm" ? alarm : say)(spoken(message));
    }
    setAttribute(node, "class", `message ${message.tone}`);
    setIcon(node, message.icon);
    setPieces(part(node, "title"), [message.title]);
    setPieces(part(node, "text"), message.text);
    setShown(part(node, "text"), message.text.length > 0);
    showFacts(part(node, "facts"), message.facts ?? []);
    for (const [position, offer] of (message.offers ?? []).entries()) {
      setAvailable(/** @type {HTMLElement} */ (part(node, "offers").children[position]), offer.available ? null : "why");
    }
    if (place.children[position] !== node) place.insertBefore(node, place.children[position] ?? null);
  }
  setShown(place, messages.length > 0);
}

/** Moves the focus to the newest message, if there is one. */
export function focusFirst() {
  const title = /** @type {HTMLElement | null} */ (byId("messages").querySelector("h2"));
  if (title) title.focus();
  else focusHeading();
}

/** Moves the focus to the heading of what is shown below. */
export function focusHeading() {
  byId(byId("activity-view").hidden ? "records-title" : "activity-title").focus({ preventScroll: true });
}

/** @param {Message} message @param {Actions} actions */
function create(message, { onDismiss, onOffer }) {
  const node = fromTemplate("t-message");
  const title = part(node, "title");
  title.id = `message-${message.key.replaceAll(" ", "-")}`;
  node.setAttribute("aria-labelledby", title.id);
  const { about } = message;
  if (about) {
    const button = fromTemplate("t-dismiss");
    button.addEventListener("click", () => {
      dismissed.add(about);
      remember(DISMISSED, about);
      onDismiss();
    });
    node.append(button);
  }
  for (const offer of message.offers ?? []) {
    const button = /** @type {HTMLButtonElement} */ (element("button", offer.label, `button ${offer.look}`.trim()));
    button.type = "button";
    if (offer.icon) button.prepend(icon(offer.icon));
    button.addEventListener("click", () => {
      if (unavailable(button)) say(byId("why").textContent?.trim() ?? "");
      else onOffer(offer, button);
    });
    part(node, "offers").append(button);
  }
  setShown(part(node, "offers"), (message.offers ?? []).length > 0);
  return node;
}

/** @param {HTMLElement} list @param {Fact[]} facts */
function showFacts(list, facts) {
  setShown(list, facts.length > 0);
  const signature = JSON.stringify(facts);
  if (list.dataset.shown === signature) return;
  list.dataset.shown = signature;
  list.replaceChildren(...facts.flatMap(({ name, lines }) => {
    const value = element("dd");
    if (lines.length === 1) {
      setPieces(value, lines[0]);
    } else {
      const steps = element("ol");
      steps.append(...lines.map((line) => {
        const step = element("li");
        setPieces(step, line);
        return step;
      }));
      value.append(steps);
    }
    return [element("dt", name), value];
  }));
}

/** @param {Message} message */
function spoken({ title, text, facts = [] }) {
  return [`${title}.`, plain(text), ...facts.flatMap((fact) => fact.lines.map(plain))].filter((part) => part !== "").join(" ");
}
