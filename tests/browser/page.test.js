// The page's own rules: what it does with what it is told. It is served by the real program; what it is
// told is made for each test, and so is the time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { askNow, hears, reads, row, until } from "./support/browser.js";
import { DAY, HOUR, SECOND, begin, failure, iso, record, tells, world } from "./support/canned.js";
import { NOW, nights, pass, setScene } from "./support/scene.js";

const API = fileURLToPath(new URL("../../functions/api", import.meta.url));

const scene = setScene();
const { open } = scene;

test("P1: older records come by scrolling and by the button, newest first, each once", async (t) => {
  const told = world(nights(250));
  const page = await open(t, told);
  await reads(page.locator("#records-count"), "The newest 50 records");
  await page.locator("#more").scrollIntoViewIfNeeded();
  await until("the second page", async () => (await page.locator("#rows .record").count()) >= 150);
  await page.getByRole("button", { name: "Show older records" }).press("Enter");
  await reads(page.locator("#records-count"), "250 records, newest first");
  assert.deepEqual(await page.locator("#rows .record").evaluateAll((rows) => rows.map(({ id }) => id.slice(2))), told.records.map(({ id }) => id));
  assert.equal(await page.locator("#more").isVisible(), false);
});

test("P1: whoever always scrolls to the end comes to the end", async (t) => {
  const told = world(nights(1500));
  const page = await open(t, told);
  await until("the last of them", () => page.evaluate(() => {
    scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
    const count = document.querySelectorAll("#rows .record").length;
    return count === 1500 || count;
  }));
});

test("R9: nothing on the page deletes a record, whoever looks, wherever the pointer is", async (t) => {
  for (const role of ["operator", "viewer"]) {
    const told = world(nights(3), { user: { name: "Ruth Sandoval", role, signed_in: true } });
    Object.assign(told.records[1], { status: "FAILED", size: null, failure: failure({ code: "x" }, "It failed.", "Nothing was kept.", "Look.") });
    const page = await open(t, told);
    for (const { id } of told.records) {
      await row(page, id).hover();
      await row(page, id).getByRole("button", { name: /^Details/ }).click();
    }
    const offered = await page.locator("button, a, [role=menuitem]").evaluateAll((all) => all.map((one) => `${one.textContent} ${one.getAttribute("aria-label") ?? ""}`.trim()));
    assert.deepEqual(offered.filter((name) => /delete|remove|purge|erase/i.test(name)), []);
    assert.deepEqual(told.sent, [], "and looking at everything changes nothing");
  }
});

test("P3: restores stand out, and lead to the backup that they restored, on whatever page it is", async (t) => {
  const told = world(nights(130));
  const restored = told.records.at(-2);
  const restore = record(NOW - HOUR, { kind: "restore", trigger: "manual", restored_from: restored.id });
  told.records.unshift(restore);
  const page = await open(t, told);
  const colour = (id) => row(page, id).evaluate((element) => getComputedStyle(element).backgroundColor);
  assert.notEqual(await colour(restore.id), await colour(told.records[1].id));
  await reads(row(page, restore.id).locator("[data-part=kind]"), "Restore");
  await row(page, restore.id).getByRole("link").click();
  await row(page, restored.id).waitFor();
  await until("the restored backup to have the focus", () => row(page, restored.id).evaluate((element) => element === document.activeElement));
  await until("it to be in sight", () => row(page, restored.id).evaluate((element) => element.getBoundingClientRect().bottom <= innerHeight));
});

test("P4: progress never goes backwards, says when it is late, and is spoken by quarters", async (t) => {
  const told = world(nights(2), { usual_seconds: { backup: 60, restore: null, restart: null } });
  begin(told, NOW - 10 * SECOND);
  const page = await open(t, told);
  const meter = page.locator("#operation-meter");
  const figure = (name) => page.locator(`#operation [data-part=${name}]`);
  const tell = async (done_bytes, at) => {
    const progress = { done_bytes, total_bytes: 4.85e9, done_files: 8204, total_files: 17_482, source: "uploads", at: iso(NOW + at * SECOND) };
    told.state = { ...told.state, operation: { ...told.state.operation, progress } };
    await askNow(page);
  };
  assert.equal(await meter.getAttribute("value"), null, "without a total the bar is indeterminate");
  await reads(figure("by"), "Started by Jonas Okafor at 08:13. Larkfield Library is under maintenance and comes back by itself, however this ends.");
  await reads(figure("left"), "about 50 s");

  await tell(2.11e9, 1);
  await reads(figure("bytes"), "2.11 GB of 4.85 GB");
  await tell(2.31e9, 3);
  await reads(figure("bytes"), "2.31 GB of 4.85 GB");
  await reads(figure("files"), "8,204 of 17,482");
  await reads(figure("speed"), "100 MB/s");
  await reads(figure("left"), "about 30 s");
  await reads(figure("percent"), "47 %");
  await hears(page, "Backup: 25 percent done.");
  await tell(1e9, 5);
  await reads(figure("bytes"), "1.00 GB of 4.85 GB");
  await reads(figure("percent"), "47 %");

  await pass(page, 60_000);
  await tell(4.85e9, 61);
  await reads(figure("percent"), "99 %");
  await reads(figure("left"), "longer than usual");
  await hears(page, "Backup: 75 percent done.");
});

test("P4: a browser whose clock is wrong shows the right times", async (t) => {
  const told = world(nights(1));
  const late = NOW + 2 * HOUR;
  told.headers = { date: new Date(late).toUTCString() };
  begin(told, late - 34 * SECOND);
  const page = await open(t, told);
  await reads(page.locator("#operation [data-part=elapsed]"), /^0:3[4-9]$/);
  await reads(page.locator("#rows [data-part=ago]").first(), "just now");
});

test("P4: a lost connection is told, with what is not known; and so is that it is back", async (t) => {
  const told = world(nights(2));
  const page = await open(t, told);
  await row(page, told.records[0].id).getByRole("button", { name: /^Edit/ }).click();
  await row(page, told.records[0].id).getByRole("textbox").waitFor();
  await page.keyboard.type("Typed before");
  await page.unrouteAll();
  await page.route("**/api/**", (route) => route.abort());
  await pass(page, 22_000);
  await page.getByRole("heading", { name: "Connection lost" }).waitFor();
  await reads(page.locator("#messages [data-part=text]"), /^What you see is as of 08:14:\d\d\. Anything in progress goes on without this page\. Trying again /);
  await reads(page.locator("#summary [data-part=up-word]"), "Not known");
  await reads(page.locator("#why"), "Unavailable until the connection is back.");
  assert.equal(await page.getByRole("button", { name: "New backup" }).getAttribute("aria-disabled"), "true");

  await page.unrouteAll();
  await tells(told)(page);
  await page.getByRole("button", { name: "Try now" }).click();
  await hears(page, "Connected again.");
  assert.equal(await page.locator("#messages").isVisible(), false);
  assert.equal(await row(page, told.records[0].id).getByRole("textbox").inputValue(), "Typed before");
});

test("P4: the page asks every 2 seconds while something is in progress, every 20 otherwise, never while hidden", async (t) => {
  const told = world(nights(1));
  const page = await open(t, told);
  const asks = async (milliseconds) => {
    const before = told.asked.state;
    await pass(page, milliseconds);
    return told.asked.state - before;
  };
  const hide = (hidden) => page.evaluate((is) => {
    Object.defineProperty(document, "hidden", { value: is, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  assert.equal(await asks(19_000), 0);
  assert.equal(await asks(2000), 1);
  begin(told, NOW);
  await askNow(page);
  await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
  const often = await asks(20_000);
  assert.ok(often >= 8 && often <= 10, `asked ${often} times in 20 seconds`);
  await hide(true);
  assert.equal(await asks(60_000), 0);
  const before = told.asked.state;
  await hide(false);
  await until("the page to ask at once", async () => told.asked.state > before);
});

test("P4: the page goes on asking when what it asked for took longer than its pauses", async (t) => {
  const told = world(nights(1));
  const page = await open(t, told);
  let come;
  const slowly = new Promise((coming) => (come = coming));
  let asked = false;
  await page.route("**/api/records*", async (route) => {
    asked = true;
    await slowly;
    await route.fallback();
  });
  begin(told, NOW);
  await askNow(page);
  await until("the records to be asked for", async () => asked);
  await page.clock.runFor(10_000);
  const before = told.asked.state;
  come();
  await until("the state to be asked for again", async () => {
    await page.clock.runFor(500);
    return told.asked.state > before;
  });
});

test("P1: what appears above the table moves nothing under the hand, and takes no selection, focus or open row away", async (t) => {
  const told = world(nights(20));
  const page = await open(t, told);
  const held = row(page, told.records[8].id);
  const details = held.getByRole("button", { name: /^Details/ });
  await details.click();
  await details.focus();
  await held.locator("time").evaluate((element) => getSelection().selectAllChildren(element));
  await held.hover();
  const top = () => held.evaluate((element) => element.getBoundingClientRect().top);
  const before = await top();
  const selected = await page.evaluate(() => getSelection().toString());
  assert.notEqual(selected, "");

  begin(told, NOW);
  await askNow(page);
  await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
  assert.equal(await page.locator("#rows .record").count(), 21);
  assert.ok(Math.abs((await top()) - before) <= 1, "the row under the pointer stays there");
  assert.equal(await page.evaluate(() => getSelection().toString()), selected);
  assert.ok(await details.evaluate((element) => element === document.activeElement));
  assert.equal(await details.getAttribute("aria-expanded"), "true");
});

test("P1: overdue backups are warned of, and the warning cannot be dismissed", async (t) => {
  const told = world(nights(3));
  const last = NOW - 2 * DAY - 6 * HOUR;
  told.records = told.records.map((night) => ({ ...night, status: "FAILED", size: null, failure: failure({ code: "storage_refused" }, "The storage refused the upload: access denied.", "Nothing incomplete was kept.", "Allow it.") }));
  told.state.nightly = { ...told.state.nightly, overdue: true, last_success_at: iso(last) };
  const page = await open(t, told);
  const message = page.locator("#messages .message");
  await reads(message.locator("[data-part=title]"), "No successful backup for 2 days and 6 hours");
  await reads(message.locator("[data-part=text]"), "The newest one failed. The storage refused the upload: access denied. Allow it. This warning goes away after the next success.");
  assert.equal(await message.count(), 1);
  assert.equal(await message.getByRole("button").count(), 0);
  const exact = page.locator("#summary [data-part=last-ago]");
  await reads(exact, "2 days ago");
  await exact.focus();
  assert.equal(await exact.evaluate((element) => getComputedStyle(element, "::after").content.includes("Sun 22 Nov 2026, 02:14:00 UTC+01:00")), true);
});

for (const width of [320, 390, 900]) {
  test(`P1 P2 P6: at ${width} px records are cards, nothing is cut off, and fingers find the buttons`, async (t) => {
    const told = world([record(NOW - HOUR, { notes: `A word: ${"x".repeat(400)}\nand a line` }), ...nights(2)]);
    begin(told, NOW - 34 * SECOND);
    const page = await open(t, told, { viewport: { width, height: 800 }, hasTouch: true, isMobile: width < 500 });
    await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page does not scroll sideways");
    for (const button of await page.locator("main button:visible").all()) {
      const box = await button.boundingBox();
      assert.ok(box.height >= 43.5, `${await button.textContent()} is ${box.height} px high`);
    }
    const sizes = await page.locator(".notes:visible").evaluateAll((all) => all.map((one) => [one.scrollWidth, one.clientWidth]));
    for (const [inside, outside] of sizes) assert.ok(inside <= outside, "the whole text shows");
  });
}

test("P2: dates, sizes and times are written as people write them", async (t) => {
  const page = await open(t, world(nights(1)));
  // The modules as they are before they are joined.
  await page.route("**/ui/**", (route) => route.fulfill({ path: `${API}${new URL(route.request().url()).pathname}` }));
  const written = await page.evaluate(async () => {
    const format = await import("/ui/figures.js");
    const now = Date.parse("2026-11-24T07:14:00Z");
    const before = (hours) => now - hours * 3600_000;
    return {
      date: format.date(Date.parse("2026-09-04T22:30:00Z")),
      ago: [0.01, 0.5, 6.2, 15.5, 54].map((hours) => format.ago(before(hours), now)),
      agoByDay: [0.01, 6.2, 15.5, 30, 54].map((hours) => format.agoByDay(before(hours), now)),
      day: [6.2, 15.5, 54].map((hours) => format.day(before(hours), now)),
      dayAhead: ["2026-11-25T01:00:00Z", "2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z"].map((time) => format.dayAhead(Date.parse(time), now)),
      size: [0, 999, 1000, 9.6e6, 41.2e6, 162.6e6, 999.96e6, 4.826e9, 48.26e9, 1.2e12].map(format.size),
      duration: [300, 58_400, 60_000, 72_000, 7_500_000].map(format.duration),
      stopwatch: [34_900, 94_000, 3_723_000].map(format.stopwatch),
      about: [-5, 3, 38, 61, 90, 700, 5000].map(format.about),
    };
  });
  assert.deepEqual(written, {
    date: "Sat 5 Sep 2026, 00:30",
    ago: ["just now", "30 minutes ago", "6 hours ago", "15 hours ago", "2 days ago"],
    agoByDay: ["just now", "6 hours ago", "yesterday", "yesterday", "2 days ago"],
    day: ["today, 02:02", "yesterday, 16:44", "Sun 22 Nov, 02:14"],
    dayAhead: ["tonight", "today", "tomorrow"],
    size: ["0 B", "999 B", "1.0 kB", "9.6 MB", "41.2 MB", "163 MB", "1.00 GB", "4.83 GB", "48.3 GB", "1.20 TB"],
    duration: ["1 s", "58 s", "1 min", "1 min 12 s", "2 h 5 min"],
    stopwatch: ["0:34", "1:34", "1:02:03"],
    about: ["about 10 s", "about 10 s", "about 40 s", "about 1 min 30 s", "about 1 min 30 s", "about 12 min", "about 1 h 30 min"],
  });
});

test("P2: the zone is named once; by its name when the dates are from both sides of a change of the clocks", async (t) => {
  const winter = await open(t, world(nights(2)));
  await reads(winter.locator("#zone"), "(UTC+01:00)");
  const both = await open(t, world([record(NOW - DAY), record(Date.parse("2026-10-24T00:30:00Z"))]));
  await reads(both.locator("#zone"), "(Europe/Berlin)");
  await reads(both.locator("#rows time").nth(1), "Sat 24 Oct 2026, 02:30");
});
