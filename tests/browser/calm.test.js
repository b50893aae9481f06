// How calm the page is: nothing moves by itself, however much there is of it. The page is served by the
// real program; what it is told is made for each test, and so is the time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askNow, reads, row, until } from "./support/browser.js";
import { DAY, activity, begin, beginWithout, end, failure, iso, nightly, record, tells, world } from "./support/canned.js";
import { NOW, nights, setScene } from "./support/scene.js";

const scene = setScene();
/** What glides does so here, as most people have it. */
const MOTION = { reducedMotion: "no-preference" };
const open = (t, told, options = {}) => scene.open(t, told, { beforehand: watchShifts, ...MOTION, ...options });

/** Adds up every shift of the layout, those after a click or a key too. */
const watchShifts = (page) => page.addInitScript(() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) window.shifts.push(`${value}: ${sources.map(({ node, previousRect, currentRect }) => `${node?.id || node?.className || node?.nodeName} ${previousRect.y} → ${currentRect.y}, ${previousRect.x} → ${currentRect.x}`)}`);
  }).observe({ type: "layout-shift", buffered: true });
});

/** Waits until everything that glides has arrived, and two more pictures have been drawn. */
async function calm(page) {
  await until("nothing to move any more", () => page.evaluate(() => document.getAnimations().every((one) => one.effect.getComputedTiming().endTime === Infinity || one.playState === "finished")));
  await page.screenshot({ clip: { x: 0, y: 0, width: 10, height: 10 } });
  await page.screenshot({ clip: { x: 0, y: 0, width: 10, height: 10 } });
}

for (const [name, number, options] of [["with many records", 60, {}], ["with three records", 3, {}], ["on a phone", 60, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }]]) {
  test(`nothing shifts when the page comes, a banner comes, a row changes or fails: ${name}`, async (t) => {
    const told = world(nights(number), { nightly: nightly(NOW, "++++++++++++++", { last_success_at: nights(1)[0].finished_at }) });
    const page = await open(t, told, options);
    const check = async (what) => {
      await calm(page);
      assert.deepEqual([what, ...(await page.evaluate(() => window.shifts.splice(0)))], [what]);
    };
    await check("the page comes");
    begin(told, NOW);
    await askNow(page);
    await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
    await check("a banner comes");
    told.state = { ...told.state, operation: { ...told.state.operation, progress: { done_bytes: 2.31e9, total_bytes: 4.85e9, done_files: 8204, total_files: 17_482, source: "uploads", at: iso(NOW) } } };
    await askNow(page);
    await reads(page.locator("#operation [data-part=percent]"), "47 %");
    await check("figures change");
    Object.assign(told.records[0], { status: "FAILED", finished_at: iso(NOW), failure: failure({ code: "storage_refused" }, "The storage refused the upload: access denied.", "Nothing incomplete was kept.", "Allow it.") });
    end(told);
    await askNow(page);
    await reads(row(page, told.records[0].id).locator("[data-part=status-word]"), "Failed");
    await check("a row fails, and its details open");
    const restart = activity(NOW, { status: "IN_PROGRESS", finished_at: null });
    told.activities = [restart];
    beginWithout(told, NOW, { kind: "restart", record_id: restart.id, stages: [{ name: "redeploy", state: "in_progress", started_at: iso(NOW), finished_at: null }] });
    await askNow(page);
    await page.getByRole("heading", { name: "Restart in progress" }).waitFor();
    await check("another banner comes");
    end(told);
    Object.assign(restart, { status: "SUCCESS", finished_at: iso(NOW) });
    await askNow(page);
    await page.getByRole("heading", { name: "All services restarted" }).waitFor();
    await check("it ends");
  });
}

test("P1: no row moves under the pointer, not even on a page too short to be scrolled", async (t) => {
  const told = world(nights(3));
  const page = await open(t, told);
  const held = row(page, told.records[1].id);
  await held.hover();
  const top = () => held.evaluate((element) => element.getBoundingClientRect().top);
  const before = await top();
  begin(told, NOW);
  await askNow(page);
  await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
  assert.ok(Math.abs((await top()) - before) <= 1, "a banner and a row have come above it");
  Object.assign(told.records[0], { status: "SUCCESS", finished_at: iso(NOW) });
  end(told);
  await askNow(page);
  await page.getByRole("heading", { name: "Backup completed" }).waitFor();
  assert.ok(Math.abs((await top()) - before) <= 1, "the banner has gone");
  await page.mouse.move(5, 5);
  await until("the room to be given back", () => page.evaluate(() => document.getElementById("room").offsetHeight === 0 && document.body.style.minBlockSize === ""));
});

test("P1: 10,000 rows stay fluent, and the last can be reached, read and opened", async (t) => {
  const now = Date.now();
  const told = world(Array.from({ length: 10_000 }, (_, night) => record(now - (night + 1) * DAY)));
  // The page's own time: what it does a little at a time is measured as it is.
  const page = await scene.browser.open(t, scene.program.url, { ...MOTION, prepare: tells(told) });
  const began = Date.now();
  await until("all of them", async () => {
    const { count, more } = await page.evaluate(() => {
      const button = document.getElementById("older");
      const more = !document.getElementById("more").hidden;
      if (more && button.getAttribute("aria-disabled") === null) button.click();
      return { count: document.querySelectorAll("#rows .record").length, more };
    });
    return (!more && count === 10_000) || count;
  }, 180_000);
  t.diagnostic(`loaded in ${Date.now() - began} ms`);

  /** The longest time in which nothing else could be done, in milliseconds. */
  const longest = async (act) => {
    await page.evaluate(() => {
      window.tasks = [];
      window.watcher?.disconnect();
      window.watcher = new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => Math.round(duration))));
      window.watcher.observe({ type: "longtask" });
    });
    await act();
    await page.screenshot({ clip: { x: 0, y: 0, width: 10, height: 10 } });
    return Math.max(0, ...(await page.evaluate(() => window.tasks)));
  };
  /** Three times, the best counts: the machine may be busy with something else. */
  const fluent = async (what, act) => {
    const times = [await longest(act), await longest(act), await longest(act)];
    t.diagnostic(`${what}: longest task ${times.join(", ")} ms`);
    assert.ok(Math.min(...times) < 400, `${what} took ${times} ms`);
  };
  await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
  await fluent("an operation begins or ends", async () => {
    if (told.state.operation) end(told);
    else begin(told, now);
    await askNow(page);
    await until("it to show", async () => (await page.locator("#operation").isVisible()) === (told.state.operation !== null));
  });
  await fluent("relative times change", () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))));
  await fluent("scrolling", async () => {
    for (let step = 0; step < 40; step += 1) await page.mouse.wheel(0, 4000);
  });
  // What is out of sight is part of the page all the same.
  const last = row(page, told.records.at(-1).id);
  await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
  const name = await last.getByRole("button", { name: /^Details/ }).getAttribute("aria-label");
  const tree = await page.locator("#rows tbody").last().ariaSnapshot();
  assert.ok(tree.includes(name), "who reads by ear finds it too");
  await last.getByRole("button", { name: /^Details/ }).click();
  await page.locator(`#r-${told.records.at(-1).id}-details`).waitFor();
  await reads(last.locator("[data-part=ago]"), /days ago$/);
});
