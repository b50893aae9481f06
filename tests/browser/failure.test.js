// A backup that fails, by the real program.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reads, row, startBrowser, until } from "./support/browser.js";
import { startProgram } from "./support/program.js";

let browser, program;
before(async () => {
  program = await startProgram({ dump: "echo half; echo 'out of order' >&2; exit 3" });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await program?.stop();
});

test("P2 R4 S23: a failed backup says what happened, what was done and what to do", async (t) => {
  const page = await browser.open(t, program.url);
  await page.getByRole("button", { name: "New backup" }).click();
  await page.getByLabel("Description").waitFor();
  await page.keyboard.press("Control+Enter");

  const message = page.locator("#messages .message", { hasText: "The backup failed" });
  await message.waitFor();
  await reads(message.locator("[data-part=text]"), /The source “database” could not be read: .*exit status 3.*Nothing incomplete was kept.*then start a new backup\./);
  await reads(page.getByRole("alert").and(page.locator("#alarm")), /^The backup failed\. /);
  await reads(page.locator("#summary [data-part=up-word]"), "Available");

  const record = page.locator("#rows .record").first();
  const id = (await record.getAttribute("id")).slice(2);
  await reads(record.locator("[data-part=status-word]"), "Failed");
  await reads(record.locator("[data-part=size-more]"), "nothing kept");
  const details = page.locator(`#r-${id}-details`);
  await reads(details.locator("dt").first(), "What happened");
  await reads(details.locator(".said"), "out of order");
  await reads(details, /What to do/);
  const toggle = row(page, id).getByRole("button", { name: /^Details of the backup of / });
  assert.equal(await toggle.getAttribute("aria-expanded"), "true");
  await toggle.click();
  assert.equal(await details.count(), 0);

  // Dismissed is dismissed, after a reload too.
  await page.getByRole("button", { name: "Dismiss this message" }).click();
  await page.reload();
  await reads(page.locator("#rows .record [data-part=status-word]").first(), "Failed");
  assert.equal(await page.locator("#messages").isVisible(), false);

  // In German it says as much.
  const german = await browser.open(t, program.url, { locale: "de-DE" });
  await reads(german.locator("#messages [data-part=text]"), /^Die Quelle „database“ konnte nicht gelesen werden: sh ist gescheitert, „.*exit status 3.*“\. Unvollständiges wurde nicht behalten\. Die Anwendung ist verfügbar\./);
  await reads(german.locator(".said"), "out of order");
});

test("what failed is told of once, with the end of its operation", async (t) => {
  const slow = await startProgram({ dump: "while [ ! -e $FOLDER/go ]; do sleep 0.1; done; exit 3" });
  t.after(() => slow.stop());
  const page = await browser.open(t, slow.url);
  // The records are read when the backup has failed, the state of before is all that the page has.
  let inProgress = null;
  let isOver = false;
  await page.route("**/api/state", async (route) => {
    const response = await route.fetch({ headers: { ...route.request().headers(), "if-none-match": "" } });
    const state = await response.json();
    inProgress ??= state.operation ? state : null;
    await route.fulfill({ response, json: isOver ? state : inProgress ?? state });
  });
  await page.route("**/api/records*", async (route) => {
    if (inProgress) {
      await slow.touch("go");
      await until("the backup has failed", async () => (await slow.records())[0]?.status === "FAILED");
    }
    await route.continue();
  });
  await page.getByRole("button", { name: "New backup" }).click();
  await page.getByLabel("Description").waitFor();
  await page.keyboard.press("Control+Enter");
  await reads(page.locator("#rows .record [data-part=status-word]").first(), "Failed");
  assert.equal(await page.locator("#operation").isVisible(), true);
  assert.equal(await page.locator("#messages").isVisible(), false);

  isOver = true;
  await reads(page.locator("#messages [data-part=title]"), "The backup failed");
  const spoken = await page.evaluate(() => window.heard.filter((text) => / failed\. /.test(text)));
  assert.deepEqual(spoken.map((text) => text.split(".")[0]), ["The backup failed"]);
  await page.unrouteAll({ behavior: "wait" });
});
