// @ts-check
// Figures in the page's language: numbers, sizes, durations, dates. Times are milliseconds since 1970;
// dates are in the viewer's own time zone.

import { words } from "./page.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

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
