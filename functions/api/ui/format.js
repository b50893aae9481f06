// @ts-check
// How dates, spans of time, sizes and numbers are written. Pure: the time it is comes in as an argument.
// Times are milliseconds since 1970; dates are in the viewer's own time zone.

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/**
 * "1 minute", "2 minutes"
 * @param {number} number
 * @param {string} word
 */
export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

/**
 * 17,482
 * @param {number} number
 */
export function count(number) {
  return number.toLocaleString("en-GB");
}

/**
 * The time at which an identifier was made: the first 48 bits of a UUID of version 7.
 * @param {string} id
 */
export function timeOfId(id) {
  return parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}

/**
 * Tue 24 Nov 2026, 08:13
 * @param {number} time
 */
export function date(time) {
  const at = new Date(time);
  return `${DAYS[at.getDay()]} ${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}, ${clock(time)}`;
}

/**
 * Tue 24 Nov 2026, 08:13:26 UTC+01:00
 * @param {number} time
 */
export function exact(time) {
  return `${date(time)}:${two(new Date(time).getSeconds())} ${offset(time)}`;
}

/**
 * 08:13
 * @param {number} time
 */
export function clock(time) {
  const at = new Date(time);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/**
 * 08:13:52
 * @param {number} time
 */
export function clockWithSeconds(time) {
  return `${clock(time)}:${two(new Date(time).getSeconds())}`;
}

/**
 * The viewer's distance from UTC at that time: UTC+01:00
 * @param {number} time
 */
export function offset(time) {
  const minutes = -new Date(time).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The viewer's time zone: Europe/Berlin */
export function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/**
 * Midnights between two times, in the viewer's time zone.
 * @param {number} from
 * @param {number} to
 */
function nightsBetween(from, to) {
  const midnight = (/** @type {number} */ time) => {
    const at = new Date(time);
    return Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  };
  return Math.round((midnight(to) - midnight(from)) / DAY);
}

/**
 * today, 02:00 · yesterday, 16:42 · Sun 22 Nov, 02:00
 * @param {number} time
 * @param {number} now
 */
export function day(time, now) {
  const at = new Date(time);
  const words = new Map([[0, "today"], [1, "yesterday"], [-1, "tomorrow"]]);
  const word = words.get(nightsBetween(time, now)) ?? `${DAYS[at.getDay()]} ${at.getDate()} ${MONTHS[at.getMonth()]}`;
  return `${word}, ${clock(time)}`;
}

/**
 * As `day`, for what is to come: the night ahead is tonight, on whichever side of midnight.
 * @param {number} time
 * @param {number} now
 */
export function dayAhead(time, now) {
  const hour = new Date(time).getHours();
  const atNight = hour < 6 || hour >= 20;
  return atNight && time - now < DAY ? `tonight, ${clock(time)}` : day(time, now);
}

/**
 * 08:13 if it is today, else with its day: for the middle of a sentence.
 * @param {number} time
 * @param {number} now
 */
export function clockOrDay(time, now) {
  return nightsBetween(time, now) === 0 ? clock(time) : day(time, now);
}

/**
 * 6 hours ago, by the time that has passed.
 * @param {number} time
 * @param {number} now
 */
export function ago(time, now) {
  const passed = now - time;
  if (passed < MINUTE) return "just now";
  if (passed < HOUR) return `${plural(Math.floor(passed / MINUTE), "minute")} ago`;
  if (passed < 2 * DAY) return `${plural(Math.floor(passed / HOUR), "hour")} ago`;
  return `${plural(Math.floor(passed / DAY), "day")} ago`;
}

/**
 * 6 hours ago, yesterday, 2 days ago: by the calendar, beside a date.
 * @param {number} time
 * @param {number} now
 */
export function agoByDay(time, now) {
  const nights = nightsBetween(time, now);
  if (nights <= 0 || now - time < 6 * HOUR) return ago(time, now);
  return nights === 1 ? "yesterday" : `${plural(nights, "day")} ago`;
}

/**
 * in 18 hours
 * @param {number} time
 * @param {number} now
 */
export function ahead(time, now) {
  const left = time - now;
  if (left < 1.5 * MINUTE) return "in a minute";
  if (left < 1.5 * HOUR) return `in ${plural(Math.round(left / MINUTE), "minute")}`;
  if (left < 2 * DAY) return `in ${plural(Math.round(left / HOUR), "hour")}`;
  return `in ${plural(Math.round(left / DAY), "day")}`;
}

/**
 * 2 days and 6 hours
 * @param {number} span
 */
export function daysAndHours(span) {
  const days = Math.floor(span / DAY);
  const hours = Math.floor((span % DAY) / HOUR);
  const parts = [days > 0 ? plural(days, "day") : "", hours > 0 ? plural(hours, "hour") : ""];
  return parts.filter((part) => part !== "").join(" and ") || "less than an hour";
}

/**
 * 58 s · 1 min 12 s · 2 h 5 min
 * @param {number} span
 */
export function duration(span) {
  const seconds = Math.max(1, Math.round(span / SECOND));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return joined(Math.floor(seconds / 60), "min", seconds % 60, "s");
  return joined(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
}

/**
 * @param {number} large
 * @param {string} largeUnit
 * @param {number} small
 * @param {string} smallUnit
 */
function joined(large, largeUnit, small, smallUnit) {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/**
 * 0:34 · 1:02:03
 * @param {number} span
 */
export function stopwatch(span) {
  const seconds = Math.max(0, Math.floor(span / SECOND));
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

/**
 * A time that is only estimated, rounded: about 40 s, about 1 min 30 s, about 12 min
 * @param {number} seconds
 */
export function about(seconds) {
  const step = seconds < 60 ? 10 : seconds < 300 ? 30 : seconds < 3600 ? 60 : 600;
  const rounded = Math.max(step, Math.ceil(seconds / step) * step);
  return `about ${duration(rounded * SECOND)}`;
}

/**
 * The same in full words, for sentences: about 20 seconds, about 2 minutes
 * @param {number} seconds
 */
export function aboutInWords(seconds) {
  if (seconds < 55) return `about ${plural(Math.max(10, Math.ceil(seconds / 10) * 10), "second")}`;
  if (seconds < 5400) return `about ${plural(Math.max(1, Math.round(seconds / 60)), "minute")}`;
  return `about ${plural(Math.round(seconds / 3600), "hour")}`;
}

/**
 * 4.83 GB · 41.2 MB · 163 MB: decimal units, about three digits
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  for (const [position, unit] of units.entries()) {
    value /= 1000;
    const text = value.toFixed(value >= 99.95 ? 0 : value >= 9.995 || position < 2 ? 1 : 2);
    if (Number(text) < 1000 || position === units.length - 1) return `${text} ${unit}`;
  }
  return "";
}
