// A restart and a download of the source from the page, by the real program.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { code, reads, startBrowser, until } from "./support/browser.js";
import { startProgram } from "./support/program.js";

let browser, program;
before(async () => {
  program = await startProgram({ services: ["web", "worker"] });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await program?.stop();
});

test("R11 P7: all services are restarted once it is confirmed, and nothing else can be started meanwhile", async (t) => {
  const page = await browser.open(t, program.url);
  const restart = page.getByRole("button", { name: "Restart all services" });
  await restart.click();
  const dialog = page.getByRole("dialog", { name: "Restart all services?" });
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await dialog.isVisible(), false);
  assert.ok(await restart.evaluate((element) => element === document.activeElement), "the focus returns to the button");

  await restart.click();
  const characters = await code(page);
  await page.keyboard.type(characters.toLowerCase());
  await reads(dialog.locator("#confirm-hint"), "The characters match.");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Restart in progress" }).waitFor();
  await reads(page.locator("#operation [data-part=by]"), /^Restarting all services\. Started by /);
  await reads(page.locator("#summary [data-part=up-word]"), "Under maintenance");
  for (const name of ["New backup", "Restart all services", "Download source code"]) {
    assert.equal(await page.getByRole("button", { name }).getAttribute("aria-disabled"), "true", name);
  }

  const done = page.locator("#messages .message", { hasText: "All services restarted" });
  await done.waitFor();
  await reads(done.locator("[data-part=text]"), "2 of 2 services are running. Larkfield Library is available again.");
  await until("the focus to go to how it ended", () => done.locator("h2").evaluate((element) => element === document.activeElement));
  await reads(page.locator("#summary [data-part=up-word]"), "Available");

  // It is no row of the table, but it has left a trace.
  assert.equal(await page.getByRole("heading", { name: "No backups yet" }).isVisible(), true);
  await page.getByRole("link", { name: "Activity" }).click();
  const first = page.locator("#activity-rows tr").first();
  await reads(first.locator("[data-part=what]"), "Restart of all services");
  await reads(first.locator("[data-part=status-word]"), "Success");
});

test("R12 P7: the source is packed while the application stays available, and downloaded by a link made at the click", async (t) => {
  const page = await browser.open(t, program.url);
  await page.getByRole("button", { name: "Download source code" }).click();
  const ready = page.locator("#messages .message", { hasText: "Source archive ready" });
  await ready.waitFor();
  await reads(page.locator("#summary [data-part=up-word]"), "Available");
  const button = ready.getByRole("button", { name: /^Download \(.+ .?B\)$/ });
  const name = await ready.locator(".mono").textContent();
  const downloaded = page.waitForEvent("download");
  await button.click();
  const file = await downloaded;
  assert.equal(file.suggestedFilename(), name);
  const archive = gunzipSync(await readFile(await file.path()));
  assert.ok(archive.includes("main.txt") && archive.includes("the source\n"), "the archive holds the source");

  // It is found again, and downloaded again.
  await ready.getByRole("link", { name: "Activity" }).click();
  await until("the focus to go to the activity", () => page.evaluate(() => document.activeElement?.id === "activity-title"));
  const again = page.waitForEvent("download");
  await page.getByRole("button", { name: `Download ${name}` }).click();
  assert.equal((await again).suggestedFilename(), name);
  assert.equal(new URL(page.url()).hash, "#activity", "the page stays");
});
