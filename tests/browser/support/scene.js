// The scene of a file of tests on answers made for each test: the page comes from the real program, what
// it is told from the test, and so does the time.

import { after, before } from "node:test";
import { startBrowser, until } from "./browser.js";
import { DAY, record, tells } from "./canned.js";
import { startProgram } from "./program.js";

/** A Tuesday morning, 08:14 in Berlin. */
export const NOW = Date.parse("2026-11-24T07:14:00Z");

/** Starts a program and a browser for the whole file, and stops them after it. */
export function setScene() {
  const scene = {
    /** @type {Awaited<ReturnType<typeof startProgram>> | undefined} */
    program: undefined,
    /** @type {Awaited<ReturnType<typeof startBrowser>> | undefined} */
    browser: undefined,
    /**
     * Opens the page in this world.
     * @param options those of the browser's `open`; the time `now`; the `path`; and `beforehand(page)`, what is to be done before it is loaded
     */
    open: (t, told, { now = NOW, path = "", beforehand, ...options } = {}) =>
      scene.browser.open(t, scene.program.url + path, {
        ...options,
        async prepare(page) {
          countRequests(page);
          await beforehand?.(page);
          await page.clock.install({ time: now });
          await tells(told)(page);
        },
      }),
  };
  before(async () => {
    scene.program = await startProgram();
    scene.browser = await startBrowser();
  });
  after(async () => {
    await scene.browser?.close();
    await scene.program?.stop();
  });
  return scene;
}

/** Backups of so many nights, newest first. */
export const nights = (number, now = NOW) => Array.from({ length: number }, (_, night) => record(now - (night + 1) * DAY));

/** How many requests of a page have no answer yet. */
const unanswered = new WeakMap();

function countRequests(page) {
  unanswered.set(page, 0);
  const add = (number) => () => unanswered.set(page, unanswered.get(page) + number);
  page.on("request", add(1));
  page.on("requestfinished", add(-1));
  page.on("requestfailed", add(-1));
}

/**
 * Lets the page's time pass, a little at a time, and waits each time until what the page has asked for is
 * answered: else its patience would end while the machine is busy.
 */
export async function pass(page, milliseconds, step = 500) {
  for (let left = milliseconds; left > 0; left -= step) {
    await page.clock.runFor(Math.min(step, left));
    await until("every question to be answered", async () => unanswered.get(page) === 0 || unanswered.get(page));
    // What was answered is dealt with before the time goes on.
    await page.evaluate(() => new Promise((next) => queueMicrotask(next)));
  }
}
