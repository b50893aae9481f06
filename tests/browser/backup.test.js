// A backup from the page, from the click to the row, by the real program.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { askNow, hears, reads, row, startBrowser, until } from "./support/browser.js";
import { GATED, startProgram } from "./support/program.js";

let browser, program;
before(async () => {
  program = await startProgram({ dump: GATED });
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await program?.stop();
});

const NOTES = "Before the update to 7.5.\n  日本語のメモ · Привет · שלום\n\n🏰 " + "Donaudampfschifffahrt".repeat(12);

test("P1 P2 P4 R2 R4: a backup started from the page shows, with its notes intact, to everybody", async (t) => {
  const page = await browser.open(t, program.url, { timezoneId: "Asia/Kolkata" });
  const other = await browser.open(t, program.url, { timezoneId: "America/New_York" });
  await reads(page.locator("#records-count"), "No records");
  await page.getByRole("heading", { name: "No backups yet" }).waitFor();
  assert.equal(await page.title(), "Larkfield Library · Nightkeep");

  await page.getByRole("button", { name: "New backup" }).click();
  const field = page.getByLabel("Description");
  await until("the dialog to open on its field", () => field.evaluate((element) => element === document.activeElement));
  await field.fill(NOTES);
  await page.getByRole("button", { name: "Start backup" }).click();

  // While it is in progress: which it is, by whom, and nothing else can be started.
  await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
  await until("the focus to go to the operation", () => page.evaluate(() => document.activeElement?.id === "operation-title"));
  await askNow(other);
  for (const seen of [page, other]) {
    await seen.getByRole("heading", { name: "Backup in progress" }).waitFor();
    await reads(seen.locator("#operation [data-part=by]"), /^Started by .+ at .+\. Larkfield Library is under maintenance/);
    await reads(seen.locator("#summary [data-part=up-word]"), "Under maintenance");
    await reads(seen.locator("#rows .record [data-part=status-word]"), "In progress");
    const button = seen.getByRole("button", { name: "New backup" });
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    const reason = seen.locator(`#${await button.getAttribute("aria-describedby")}`);
    await reads(reason, "Unavailable until the backup has ended. Notes can be edited.");
    await button.focus();
    await seen.keyboard.press("Enter");
    await hears(seen, "Unavailable until the backup has ended. Notes can be edited.");
    assert.equal(await seen.locator("dialog[open]").count(), 0, "an unavailable action starts nothing");
  }
  await reads(page.locator("#operation [data-part=source]"), "database");

  await program.touch("gate");
  for (const seen of [page, other]) {
    await seen.getByRole("heading", { name: "Backup completed" }).waitFor();
    await reads(seen.locator("#rows .record [data-part=status-word]"), "Success");
    await reads(seen.locator("#summary [data-part=up-word]"), "Available");
    assert.equal(await seen.locator("#rows .record [data-part=notes]").textContent(), NOTES);
    assert.equal(await seen.locator("#operation").isVisible(), false);
    assert.equal(await seen.getByRole("button", { name: "New backup" }).getAttribute("aria-disabled"), null);
  }

  // Dates in each viewer's own time zone, which is named once, in the head.
  const time = page.locator("#rows .record time");
  const created = new Date(await time.getAttribute("datetime"));
  const written = (timeZone) => new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(created);
  assert.match(await time.textContent(), new RegExp(`^\\w{3} \\d{1,2} \\w{3} \\d{4}, ${written("Asia/Kolkata")}$`));
  await reads(page.locator("#zone"), "(UTC+05:30)");
  assert.match(await other.locator("#rows .record time").textContent(), new RegExp(`, ${written("America/New_York")}$`));
  await reads(other.locator("#footer-zone"), "Times are in your time zone, America/New_York.");

  await page.getByRole("button", { name: "Dismiss this message" }).click();
  assert.equal(await page.locator("#messages").isVisible(), false);
  await until("the focus to go to the table", () => page.evaluate(() => document.activeElement?.id === "records-title"));
  // P2: long words are broken, nothing is cut off.
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page does not scroll sideways");
});

test("P4 R3: somebody was faster; what was typed is kept, and can be sent when they have ended", async (t) => {
  await program.remove("gate");
  const page = await browser.open(t, program.url);
  await page.getByRole("button", { name: "New backup" }).click();
  const field = page.getByLabel("Description");
  await field.waitFor();
  await field.pressSequentially("Mine");
  const theirs = await program.backUp("theirs");

  // Whether the page knows it already or learns it from the refusal, it says who is at it.
  await page.getByRole("button", { name: "Start backup" }).click();
  await reads(page.locator("#new-trouble"), /started a backup at .+ Nothing else was started\..+What you typed is kept\./);
  assert.equal(await field.inputValue(), "Mine");
  const start = page.locator("dialog [data-part=start]");
  await until("the button to be unavailable", async () => (await start.getAttribute("aria-disabled")) === "true");

  await program.touch("gate");
  await until("the button to be available again", async () => (await start.getAttribute("aria-disabled")) === null);
  await reads(page.locator("#new-trouble"), "");
  assert.equal(await field.inputValue(), "Mine");
  await reads(row(page, theirs.id).locator("[data-part=status-word]"), "Success");
  await start.click();
  await reads(page.locator("#rows .record [data-part=notes]").first(), "Mine");
  await reads(page.locator("#rows .record [data-part=status-word]").first(), "Success");
});

test("R2: text is not thrown away without being asked", async (t) => {
  const page = await browser.open(t, program.url);
  const button = page.getByRole("button", { name: "New backup" });
  await button.click();
  const field = page.getByLabel("Description");
  await field.waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0, "nothing was typed: nothing is asked");
  await button.click();
  await field.waitFor();
  await field.pressSequentially("Something");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Keep writing" }).click();
  assert.equal(await field.inputValue(), "Something");
  await page.locator("dialog[open] [data-part=cancel]").click();
  await page.getByRole("button", { name: "Discard" }).click();
  assert.equal(await page.locator("dialog[open]").count(), 0);
  assert.ok(await button.evaluate((element) => element === document.activeElement), "the focus returns to the button");
  await button.click();
  assert.equal(await field.inputValue(), "");
});
