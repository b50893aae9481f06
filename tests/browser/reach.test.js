// Whoever comes with whatever: the keyboard alone, the ear, any width, a magnifier, high contrast, no
// motion, paper. The page is served by the real program; what it is told is made for each test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askNow, code, hears, reads, row, until } from "./support/browser.js";
import { SECOND, begin, end, iso } from "./support/canned.js";
import { NOW, pass, setScene } from "./support/scene.js";
import { STATES, openState } from "./support/states.js";

const scene = setScene();
const { open } = scene;
const state = (name) => STATES.find((one) => one.name.endsWith(name));
const library = () => state("01-list").told();

/** What has the focus, by its name. */
const focused = (page) => page.evaluate(() => {
  const { activeElement: element } = document;
  return element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent.trim();
});

/** Presses Tab until something of this name has the focus. */
async function tabTo(page, name, most = 60) {
  const passed = [];
  for (let step = 0; step < most; step += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (name.test(now)) return;
    passed.push(now);
  }
  assert.fail(`${name} was not reached:\n${passed.join("\n")}`);
}

test("P4–P7 R2 R7 R8: everything can be done by the keyboard alone, and the focus is never lost", async (t) => {
  const told = library();
  const target = told.records[1];
  told.answers["POST /backups"] = ({ notes }) => {
    begin(told, NOW, { requested_by: "Maya Lindqvist" });
    Object.assign(told.records[0], { notes });
    return { status: 202, json: { record: told.records[0] } };
  };
  told.answers[`PATCH /records/${target.id}`] = ({ notes }) => {
    Object.assign(target, { notes, notes_version: 2 });
    return { json: { record: target } };
  };
  const page = await open(t, told);

  // Past the bar at once.
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the records");
  await page.keyboard.press("Enter");
  await until("the skip to have worked", () => page.evaluate(() => document.activeElement.id === "main"));

  // A new backup, from the button to its end.
  await tabTo(page, /^New backup$/);
  await page.keyboard.press("Enter");
  await page.getByLabel("Description").waitFor();
  assert.match(await focused(page), /^Description/);
  for (let step = 0; step < 8; step += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog") !== null), "the focus stays in the dialog");
  }
  await page.getByLabel("Description").focus();
  await page.keyboard.type("By hand");
  await page.keyboard.press("Control+Enter");
  await until("the focus to be at the operation", () => page.evaluate(() => document.activeElement.id === "operation-title"));
  Object.assign(told.records[0], { status: "SUCCESS", finished_at: iso(NOW) });
  end(told);
  await askNow(page);
  await until("the focus to be at how it ended", async () => (await focused(page)) === "Backup completed" || focused(page));
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Dismiss this message");
  await page.keyboard.press("Enter");
  await until("the focus to be at the heading", async () => (await focused(page)) === "Backups and restores" || focused(page));

  // Notes, in place.
  await tabTo(page, /^Edit notes of the backup of Mon 23 Nov 2026, 16:42$/);
  await page.keyboard.press("Enter");
  await row(page, target.id).getByRole("textbox").waitFor();
  await page.keyboard.type(" And more.");
  await page.keyboard.press("Control+Enter");
  await hears(page, "Notes saved.");
  assert.equal(await focused(page), "Edit notes of the backup of Mon 23 Nov 2026, 16:42");

  // Details, and a restore that is thought better of.
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-expanded")), "true");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  assert.equal(await focused(page), "Restore the backup of Mon 23 Nov 2026, 16:42");
  await page.keyboard.press("Enter");
  await code(page);
  assert.equal(await focused(page), "Confirmation characters");
  await page.keyboard.type("k7m");
  await page.keyboard.press("Escape");
  await until("the focus to be back", async () => (await focused(page)) === "Restore the backup of Mon 23 Nov 2026, 16:42" || focused(page));

  // The other view, and back.
  for (const [name, heading] of [[/^Activity$/, "Activity"], [/^Backups$/, "Backups and restores"]]) {
    await page.evaluate(() => document.querySelector(".brand").focus());
    await tabTo(page, name);
    await page.keyboard.press("Enter");
    await until(`the focus to be at ${heading}`, () => page.evaluate(() => document.activeElement.localName === "h1"));
    assert.equal(await focused(page), heading);
  }
});

test("what is spoken is the start, each stage, each quarter and the end: not each refresh", async (t) => {
  const told = library();
  const page = await open(t, told);
  begin(told, NOW, { requested_by: "Maya Lindqvist" });
  await askNow(page);
  await page.locator("#operation:visible").waitFor();
  for (let step = 0; step <= 20; step += 1) {
    const progress = { done_bytes: step * 0.05e9, total_bytes: 1e9, done_files: step, total_files: 20, source: "uploads", at: iso(NOW + (step + 1) * SECOND) };
    told.state = { ...told.state, operation: { ...told.state.operation, progress } };
    await askNow(page);
    await reads(page.locator("#operation [data-part=files]"), `${step} of 20`);
  }
  Object.assign(told.records[0], { status: "SUCCESS", finished_at: iso(NOW + 30 * SECOND) });
  end(told);
  await askNow(page);
  await page.getByRole("heading", { name: "Backup completed" }).waitFor();
  await pass(page, 120_000);
  assert.deepEqual(await page.evaluate(() => window.heard), [
    "Backup in progress, started by Maya Lindqvist.", "Backup: 25 percent done.", "Backup: 50 percent done.", "Backup: 75 percent done.",
    "Backup completed. 4.83 GB, of which 41.2 MB were new, in 30 s. Larkfield Library is available again.".replace("4.83 GB, of which 41.2 MB were new, in 30 s", "Done in 30 s"),
  ]);
});

for (const width of [320, 375, 600, 768, 1024, 1183, 1184, 1440, 1920, 2560]) {
  test(`P1 P2: at ${width} px nothing is cut off, in either language`, async (t) => {
    for (const locale of ["en-GB", "de-DE"]) {
      for (const name of ["04-restore", "09-maintenance", "22-activity", "12-confirm-restore-ready", "17-edit-notes"]) {
        const page = await openState(scene, t, state(name), { locale, viewport: { width, height: 900 } });
        const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((node) => !node.closest("svg, .unseen, .skip, thead, .code-field, [hidden]") && node.getBoundingClientRect().right > innerWidth + 1).map((node) => node.outerHTML.slice(0, 100)));
        assert.deepEqual(wide, [], `${name} ${locale}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} ${locale}`);
        await page.context().close();
      }
    }
  });
}

test("magnified to 200 % it is the page of half the width", async (t) => {
  const page = await openState(scene, t, state("04-restore"), { viewport: { width: 640, height: 430 }, deviceScaleFactor: 2 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  // Larger type alone, as a browser's setting.
  const cdp = await page.context().newCDPSession(page);
  await page.setViewportSize({ width: 1280, height: 860 });
  await cdp.send("Page.setFontSizes", { fontSizes: { standard: 32, fixed: 26 } });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "with type of twice the size");
});

test("with less motion nothing turns, glides or fades", async (t) => {
  const page = await openState(scene, t, state("04-restore"), { reducedMotion: "reduce" });
  assert.deepEqual(await page.evaluate(() => document.getAnimations().length), 0);
  assert.equal(await page.locator(".turning").first().evaluate((element) => getComputedStyle(element).animationName), "none");
});

test("in forced colours what stands out by colour stands out by a line", async (t) => {
  const page = await openState(scene, t, state("04-restore"), { forcedColors: "active" });
  assert.equal(await page.locator(".record.is-restore").first().evaluate((element) => getComputedStyle(element).outlineStyle), "solid");
  await page.getByRole("button", { name: "New backup" }).focus();
  assert.notEqual(await page.getByRole("button", { name: "New backup" }).evaluate((element) => getComputedStyle(element).outlineStyle), "none");
});

test("on paper there are the records and what is told, and nothing to press", async (t) => {
  const page = await openState(scene, t, state("07-failed"));
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("button:visible").count(), 0);
  assert.equal(await page.locator("#messages h2").isVisible(), true);
  assert.ok((await page.locator("#rows .record:visible").count()) >= 50);
  assert.ok((await page.pdf({ format: "A4" })).length > 10_000);
});

test("P4: when there is no answer the page tries again, with growing pauses", async (t) => {
  const told = library();
  const page = await open(t, told);
  const asked = [];
  await page.unrouteAll();
  await page.route("**/api/**", async (route) => {
    asked.push(await page.evaluate(() => Date.now()));
    return route.abort();
  });
  for (let passed = 0; passed < 150_000; passed += 500) {
    const before = asked.length;
    await pass(page, 500);
    if (asked.length > before) await page.evaluate(() => new Promise((next) => queueMicrotask(next)));
  }
  const pauses = asked.slice(1).map((time, position) => Math.round((time - asked[position]) / 1000));
  assert.ok(pauses.length >= 6, String(pauses));
  // Give or take the second that the page's time is moved by.
  assert.ok(pauses.every((pause, position) => position === 0 || pause >= pauses[position - 1] - 1), String(pauses));
  assert.ok(pauses[0] <= 2 && pauses.at(-1) >= 29, String(pauses));
  assert.equal(await page.locator("#rows .record").count() >= 50, true, "what was shown stays");
});
