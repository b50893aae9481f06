// @ts-check
// What every part of the page is made with: the language and its figures, the elements, what is spoken,
// and the care that nothing moves under the hand. Nothing is written that is already so: what stays
// untouched keeps its selection and its focus, and is not spoken again.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

// ---- The language.

const LANGUAGE = "nightkeep.language";

/** What was chosen here, or else the first of the browser's languages that the page knows. */
function language() {
  const wanted = [remembered(LANGUAGE), ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  return wanted.find((tag) => tag === "en" || tag === "de") ?? "en";
}

/** @type {typeof import("./words/en.js").default} */
export const words = (await (language() === "de" ? import("./words/de.js") : import("./words/en.js"))).default;

/**
 * Writes the words into markup, the page's or a template's, and chooses the other language at a click.
 * @param {Document | DocumentFragment} root
 */
function write(root) {
  const said = /** @type {{[key: string]: string}} */ (words.page);
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = said[node.getAttribute("data-t") ?? ""];
  for (const node of root.querySelectorAll("[data-t-name]")) node.setAttribute("aria-label", said[node.getAttribute("data-t-name") ?? ""]);
  for (const node of root.querySelectorAll("[data-t-column]")) node.setAttribute("data-label", said[node.getAttribute("data-t-column") ?? ""]);
  for (const template of root.querySelectorAll("template")) write(template.content);
}

/** Gives the page its words, once. */
export function speakTheLanguage() {
  document.documentElement.lang = words.tag;
  write(document);
  const other = byId("language");
  other.textContent = words.other.name;
  other.lang = words.other.tag;
  other.addEventListener("click", () => {
    remember(LANGUAGE, words.other.tag);
    remember(SWITCHED, "yes", sessionStorage);
    leave();
    location.reload();
  });
}

const SWITCHED = "nightkeep.switched";

/** After the language was changed the focus is where it was. */
export function focusAgain() {
  if (!remembered(SWITCHED, sessionStorage)) return;
  forget(SWITCHED, sessionStorage);
  byId("language").focus({ preventScroll: true });
}

// ---- What is kept in the browser. Storage may be refused or full: then it is kept as long as the page.

/** @param {string} key @param {Storage} [storage] */
export function remembered(key, storage = localStorage) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value @param {Storage} [storage] */
export function remember(key, value, storage = localStorage) {
  try {
    storage.setItem(key, value);
  } catch {}
}

/** @param {string} key @param {Storage} [storage] */
export function forget(key, storage = localStorage) {
  try {
    storage.removeItem(key);
  } catch {}
}

const DRAFT = "nightkeep.draft.";

/** Text that was typed and is not saved yet, kept in this tab: neither an error nor a reload loses it. */
export const drafts = {
  /** @param {string} key @param {{text: string, version?: number}} draft */
  keep: (key, draft) => remember(DRAFT + key, JSON.stringify(draft), sessionStorage),
  /** @param {string} key @returns {{text: string, version?: number} | null} */
  recall: (key) => JSON.parse(remembered(DRAFT + key, sessionStorage) ?? "null"),
  /** @param {string} key */
  forget: (key) => forget(DRAFT + key, sessionStorage),
};

/** Milliseconds in which the browser finds out whether it leaves the page. */
const LEAVING = 1000;
let leftAt = -LEAVING;

/** Says that the page is left, or seems to be, on purpose. */
export const leave = () => (leftAt = performance.now());
export const isLeaving = () => performance.now() - leftAt < LEAVING;

// ---- Figures. Times are milliseconds since 1970; dates are in the viewer's own time zone.

/** @type {Map<string, any>} */
const made = new Map();

/**
 * A formatter of the page's language, made once.
 * @template T
 * @param {new (locale: string, options: any) => T} kind
 * @param {object} options
 * @returns {T}
 */
function formatter(kind, options) {
  const key = kind.name + JSON.stringify(options);
  if (!made.has(key)) made.set(key, new kind(words.tag, options));
  return made.get(key);
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
const number = (value, options = {}) => formatter(Intl.NumberFormat, options).format(value);

/** 17,482 */
export const count = (/** @type {number} */ value) => number(value);

/** 2 minutes @param {number} value @param {string} unit */
const span = (value, unit) => number(value, { style: "unit", unit, unitDisplay: "long" });

/** web, api and worker @param {string[]} parts @param {"unit" | "conjunction"} [type] */
export const list = (parts, type = "unit") => formatter(Intl.ListFormat, { type, style: type === "unit" ? "short" : "long" }).format(parts);

const PARTS = { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** @param {number} time */
function parts(time) {
  const found = formatter(Intl.DateTimeFormat, PARTS).formatToParts(time).map(({ type, value }) => [type, value]);
  const { weekday, day, month, year, hour, minute } = Object.fromEntries(found);
  return { weekday: weekday.replace(".", ""), day, month, year, time: `${hour}:${minute}` };
}

/** Tue 24 Nov 2026, 08:13 */
export const date = (/** @type {number} */ time) => words.date(parts(time));

/** Tue 24 Nov 2026, 08:13:26 UTC+01:00 @param {number} time */
export const exact = (time) => `${date(time)}:${two(new Date(time).getSeconds())} ${offset(time)}`;

/** 08:13 */
export const clock = (/** @type {number} */ time) => parts(time).time;

/** 08:13:52 @param {number} time */
export const clockWithSeconds = (time) => `${clock(time)}:${two(new Date(time).getSeconds())}`;

const two = (/** @type {number} */ value) => String(value).padStart(2, "0");

/** The viewer's distance from UTC at that time: UTC+01:00 @param {number} time */
export function offset(time) {
  const minutes = -new Date(time).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The viewer's time zone: Europe/Berlin */
export const zone = () => formatter(Intl.DateTimeFormat, PARTS).resolvedOptions().timeZone;

/**
 * The zone of the dates: its distance from UTC, or its name if that changes among them.
 * @param {{created_at: string}[]} dated
 */
export function zoneOf(dated) {
  const offsets = new Set(dated.map(({ created_at }) => offset(Date.parse(created_at))));
  return offsets.size > 1 ? zone() : [...offsets][0] ?? offset(Date.now());
}

/** Midnights between two times, in the viewer's time zone. @param {number} from @param {number} to */
function nightsBetween(from, to) {
  const midnight = (/** @type {number} */ time) => {
    const at = new Date(time);
    return Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  };
  return Math.round((midnight(to) - midnight(from)) / DAY);
}

/** 6 hours ago, in 18 hours @param {number} value @param {Intl.RelativeTimeFormatUnit} unit */
const relative = (value, unit) => formatter(Intl.RelativeTimeFormat, { numeric: "always" }).format(value, unit);

/** today, yesterday, or Sun 22 Nov @param {number} time @param {number} now */
function dayWord(time, now) {
  const nights = nightsBetween(time, now);
  return Math.abs(nights) <= 1 ? formatter(Intl.RelativeTimeFormat, { numeric: "auto" }).format(-nights, "day") : words.day(parts(time));
}

/** today, 02:00 · yesterday, 16:42 · Sun 22 Nov, 02:00 @param {number} time @param {number} now */
export const day = (time, now) => `${dayWord(time, now)}, ${clock(time)}`;

/** The day of what is to come: the night ahead is tonight, on whichever side of midnight. @param {number} time @param {number} now */
export function dayAhead(time, now) {
  const hour = new Date(time).getHours();
  return (hour < 6 || hour >= 20) && time - now < DAY ? words.tonight : dayWord(time, now);
}

/** 08:13 if it is today, else with its day: for the middle of a sentence. @param {number} time @param {number} now */
export const clockOrDay = (time, now) => (nightsBetween(time, now) === 0 ? clock(time) : day(time, now));

/** 6 hours ago, by the time that has passed. @param {number} time @param {number} now */
export function ago(time, now) {
  const passed = now - time;
  if (passed < MINUTE) return words.justNow;
  if (passed < HOUR) return relative(-Math.floor(passed / MINUTE), "minute");
  return passed < 2 * DAY ? relative(-Math.floor(passed / HOUR), "hour") : relative(-Math.floor(passed / DAY), "day");
}

/** 6 hours ago, yesterday, 2 days ago: by the calendar, beside a date. @param {number} time @param {number} now */
export function agoByDay(time, now) {
  const nights = nightsBetween(time, now);
  if (nights <= 0 || now - time < 6 * HOUR) return ago(time, now);
  return nights === 1 ? dayWord(time, now) : relative(-nights, "day");
}

/** in 18 hours @param {number} time @param {number} now */
export function ahead(time, now) {
  const left = time - now;
  if (left < 1.5 * MINUTE) return words.inAMinute;
  if (left < 1.5 * HOUR) return relative(Math.round(left / MINUTE), "minute");
  return left < 2 * DAY ? relative(Math.round(left / HOUR), "hour") : relative(Math.round(left / DAY), "day");
}

/** 2 days and 6 hours @param {number} passed */
export function daysAndHours(passed) {
  const [days, hours] = [Math.floor(passed / DAY), Math.floor((passed % DAY) / HOUR)];
  const said = [...(days > 0 ? [span(days, "day")] : []), ...(hours > 0 ? [span(hours, "hour")] : [])];
  return said.length === 0 ? words.lessThanAnHour : list(said, "conjunction");
}

/** 8 seconds @param {number} seconds */
export const seconds = (seconds) => span(seconds, "second");

/** 58 s · 1 min 12 s · 2 h 5 min @param {number} passed */
export function duration(passed) {
  const seconds = Math.max(1, Math.round(passed / SECOND));
  const [large, unit, small, rest] = seconds < 3600
    ? [Math.floor(seconds / 60), "min", seconds % 60, "s"]
    : [Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min"];
  return [...(large > 0 ? [`${large} ${unit}`] : []), ...(small > 0 || large === 0 ? [`${small} ${rest}`] : [])].join(" ");
}

/** From one time of the server's to another. @param {string} from @param {string | null} to */
export const between = (from, to) => (to === null ? "" : duration(Date.parse(to) - Date.parse(from)));

/** 0:34 · 1:02:03 @param {number} passed */
export function stopwatch(passed) {
  const seconds = Math.max(0, Math.floor(passed / SECOND));
  const minutes = Math.floor(seconds / 60);
  return `${minutes < 60 ? minutes : `${Math.floor(minutes / 60)}:${two(minutes % 60)}`}:${two(seconds % 60)}`;
}

/** A time that is only estimated, rounded: about 40 s, about 1 min 30 s, about 12 min @param {number} seconds */
export function about(seconds) {
  const step = seconds < 60 ? 10 : seconds < 300 ? 30 : seconds < 3600 ? 60 : 600;
  return words.about(duration(Math.max(step, Math.ceil(seconds / step) * step) * SECOND));
}

/** The same in full words, for sentences: about 20 seconds, about 2 minutes @param {number} seconds */
export function aboutInWords(seconds) {
  if (seconds < 55) return words.about(span(Math.max(10, Math.ceil(seconds / 10) * 10), "second"));
  return words.about(seconds < 5400 ? span(Math.max(1, Math.round(seconds / 60)), "minute") : span(Math.round(seconds / 3600), "hour"));
}

/** 4.83 GB · 41.2 MB · 163 MB: decimal units, about three digits @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${count(bytes)} B`;
  const units = ["kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
  let value = bytes;
  for (const [position, unit] of units.entries()) {
    value /= 1000;
    const digits = value >= 99.95 ? 0 : value >= 9.995 || position < 2 ? 1 : 2;
    if (Number(value.toFixed(digits)) < 1000 || position === units.length - 1) {
      return number(value, { style: "unit", unit, unitDisplay: "short", minimumFractionDigits: digits, maximumFractionDigits: digits });
    }
  }
  return "";
}

/** The time at which an identifier was made: the first 48 bits of a UUID of version 7. @param {string} id */
export const timeOfId = (id) => parseInt(id.replaceAll("-", "").slice(0, 12), 16);

// ---- Elements.

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element “${id}”`);
  return found;
}

/** The element marked `data-part="name"` within `root`. @param {ParentNode} root @param {string} name @returns {HTMLElement} */
export function part(root, name) {
  const found = /** @type {HTMLElement | null} */ (root.querySelector(`[data-part="${name}"]`));
  if (!found) throw new Error(`there is no part “${name}”`);
  return found;
}

/** All parts within `root`, found once. @param {ParentNode} root @returns {{[name: string]: HTMLElement}} */
export function partsOf(root) {
  const found = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
  return Object.fromEntries([...found].map((node) => [node.dataset.part, node]));
}

/** A copy of the one element in a template. @param {string} id @returns {HTMLElement} */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const first = /** @type {HTMLElement} */ (template.content.firstElementChild);
  return /** @type {HTMLElement} */ (first.cloneNode(true));
}

/** @param {string} name @param {string} [text] @param {string} [look] its class */
export function element(name, text, look) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (look) node.className = look;
  return node;
}

/** An icon of the page's own. @param {string} name */
export function icon(name) {
  const node = fromTemplate("t-icon");
  setIcon(node, name);
  return node;
}

/** @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A part of a sentence: text, or text that leads somewhere, looks different or is in another language.
 * @typedef {string | {text: string, href?: string, look?: string, lang?: string}} Piece
 */

/** @param {Piece[]} pieces */
export const plain = (pieces) => pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");

/** Pieces as nodes. @param {Piece[]} pieces */
export const nodes = (pieces) => pieces.map((piece) => {
  if (typeof piece === "string") return piece;
  const node = element(piece.href ? "a" : "span", piece.text, piece.look);
  if (piece.href) node.setAttribute("href", piece.href);
  if (piece.lang) node.lang = piece.lang;
  return node;
});

/** Writes a sentence with links in it, unless it is so already. @param {HTMLElement} node @param {Piece[]} pieces */
export function setPieces(node, pieces) {
  const signature = JSON.stringify(pieces);
  if (node.dataset.shown === signature) return;
  node.dataset.shown = signature;
  node.replaceChildren(...nodes(pieces));
}

/** @param {Element} node @param {string} name @param {string | null} value null removes it */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** @param {Element} node @param {boolean} shown */
export function setShown(node, shown) {
  if (node.hasAttribute("hidden") === shown) node.toggleAttribute("hidden", !shown);
}

/** @param {Element} root an svg, or what holds one @param {string} name */
export function setIcon(root, name) {
  const use = root.querySelector("use");
  if (use) setAttribute(use, "href", `#i-${name}`);
}

/**
 * Makes an action available, or unavailable for a reason. An unavailable one stays in the tab order and
 * points to its reason; whoever handles it asks `unavailable` first.
 * @param {HTMLElement} button
 * @param {string | null} reasonId the element that says why, or null if it is available
 */
export function setAvailable(button, reasonId) {
  setAttribute(button, "aria-disabled", reasonId === null ? null : "true");
  setAttribute(button, "aria-describedby", reasonId);
}

/** @param {HTMLElement} button */
export const unavailable = (button) => button.getAttribute("aria-disabled") === "true";

// ---- What is spoken: elements that exist from the start. Only what changes in meaning is said.

/** News: a start, a stage, a quarter of the way, an end. @param {string} text */
export const say = (text) => speak(byId("spoken"), text);

/** A failure. @param {string} text */
export const alarm = (text) => speak(byId("alarm"), text);

/**
 * In an element of a dialog's own: what is outside of an open dialog is not heard. The same text is a
 * change too: asked twice, it is said twice.
 * @param {HTMLElement} node @param {string} text
 */
export function speak(node, text) {
  node.textContent = node.textContent === text ? `${text}\u00a0` : text;
}

// ---- Nothing moves under the hand: when something appears or goes above the table, the row under the
// pointer, or the one that has the focus, stays where it is. Else what has to make room glides to its
// new place, so that the eye can follow.

/** @type {Element | null} */
let pointed = null;

/** Follows the pointer over the rows. */
export function watchPointer() {
  const rows = byId("rows");
  rows.addEventListener("pointerover", (event) => {
    const target = /** @type {Element} */ (event.target);
    pointed = event.pointerType === "mouse" ? target.closest("tr") : null;
  });
  rows.addEventListener("pointerleave", () => {
    pointed = null;
    if (hasRoom()) glide(() => makeRoom(0, 0));
  });
}

/** @param {() => void} change */
export function keepPlace(change) {
  const anchor = anchorRow();
  if (!anchor) {
    glide(() => (makeRoom(0, 0), change()));
    return;
  }
  const before = anchor.getBoundingClientRect().top;
  const moved = () => (anchor.isConnected ? anchor.getBoundingClientRect().top - before : 0);
  change();
  scroll(moved());
  // The page may be too short to be scrolled that far: then room is made above or below.
  const left = moved();
  if (left >= 1) makeRoom(0, left);
  else if (left <= -1) makeRoom(-left, 0);
  scroll(moved());
}

/** @param {number} by */
function scroll(by) {
  if (Math.abs(by) >= 1) window.scrollBy({ top: by, behavior: "instant" });
}

const hasRoom = () => document.body.style.minBlockSize !== "" || byId("room").style.blockSize !== "";

/** @param {number} above @param {number} below */
function makeRoom(above, below) {
  const room = byId("room");
  const had = parseFloat(room.style.blockSize || "0");
  if (above > 0 || had > 0) room.style.blockSize = above > 0 ? `${had + above}px` : below > 0 ? room.style.blockSize : "";
  document.body.style.minBlockSize = below > 0 ? `${document.documentElement.scrollHeight + below}px` : above > 0 ? document.body.style.minBlockSize : "";
}

function anchorRow() {
  if (pointed?.isConnected && isSeen(pointed)) return pointed;
  const focused = document.activeElement?.closest("#rows tr");
  if (focused && isSeen(focused)) return focused;
  // Only once the page is scrolled past what may appear: before that it should be seen to appear.
  const rows = byId("rows");
  return rows.getBoundingClientRect().top >= 0 ? null : seenRows().next().value ?? null;
}

/** @param {Element} node */
function isSeen(node) {
  const box = node.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight && box.height > 0;
}

function* seenRows() {
  for (const body of document.querySelectorAll(".view:not([hidden]) tbody")) {
    if (isSeen(body)) yield* [...body.children].filter(isSeen);
  }
}

/** @param {() => void} change */
function glide(change) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.body.hasAttribute("data-loading")) return change();
  const blocks = [...document.querySelectorAll(".summary dl > *, .summary dd, main, main > *, .view > *, footer")].filter(isSeen);
  const before = new Map([...blocks, ...seenRows()].map((node) => [node, node.getBoundingClientRect().top]));
  change();
  /** @type {Map<Element | null | undefined, number>} */
  const moves = new Map();
  for (const [node, top] of before) {
    const box = node.getBoundingClientRect();
    moves.set(node, box.height > 0 ? box.top - top : 0);
  }
  for (const [node, move] of moves) {
    let outer = node?.parentElement;
    while (outer && !moves.has(outer)) outer = outer.parentElement;
    const by = move - (moves.get(outer) ?? 0);
    if (Math.abs(by) >= 1) node?.animate([{ transform: `translateY(${-by}px)` }, { transform: "none" }], { duration: 160, easing: "ease-out", composite: "add" });
  }
}
