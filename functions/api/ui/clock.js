// @ts-check
// The time. What the page shows is reckoned from the server's times, so a browser whose clock is wrong
// is corrected by the server's; and relative times ("6 hours ago") change once a minute, not with
// every refresh.

/** Below this the difference is the network's and the header's whole seconds, not a wrong clock. */
const TOLERANCE = 5000;

let ahead = 0;
let minute = Date.now();

/**
 * Learns from the Date header of an answer how far the server's clock is ahead of this one.
 * @param {string | null} header
 */
export function learn(header) {
  const difference = Date.parse(header ?? "") - Date.now();
  if (Math.abs(difference - ahead) <= TOLERANCE) return;
  if (Number.isNaN(difference)) return;
  ahead = difference;
  minute = now();
}

/** Milliseconds since 1970, by the server's clock. */
export function now() {
  return Date.now() + ahead;
}

/** The time from which relative times are reckoned. */
export function minuteNow() {
  return minute;
}

/**
 * Calls back whenever relative times are due to change.
 * @param {() => void} callback
 */
export function everyMinute(callback) {
  const tick = () => {
    minute = now();
    callback();
  };
  setInterval(tick, 60_000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}
