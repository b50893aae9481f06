// A restore from the page, from the button to the data, by the real program.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { askNow, code, hears, openRestore, reads, row, startBrowser, until } from "./support/browser.js";
import { GATED, startProgram } from "./support/program.js";

const NOTES = "Before the import\n  of the catalogue";
let browser, program, backup;
before(async () => {
  program = await startProgram({ dump: GATED });
  browser = await startBrowser();
  await program.touch("gate");
  backup = await program.backUp(NOTES);
  await program.rest();
});
after(async () => {
  await browser?.close();
  await program?.stop();
});

test("R5 R6 R7 P3 P5: a restore is confirmed, backs up first, brings the data back and names its backup", async (t) => {
  const original = await program.read("uploads/picture.txt");
  await program.write("uploads/picture.txt", "defaced\n");
  await program.write("uploads/added.txt", "added\n");
  await program.remove("gate");
  const page = await browser.open(t, program.url);
  const other = await browser.open(t, program.url);

  // It keeps its place, and shows when the pointer or the focus is in the row.
  const button = row(page, backup.id).getByRole("button", { name: /^Restore the backup of / });
  const opacity = () => button.evaluate((element) => getComputedStyle(element).opacity);
  await page.mouse.move(0, 0);
  assert.equal(await opacity(), "0");
  await row(page, backup.id).getByRole("button", { name: /^Edit/ }).focus();
  await until("Restore to show", async () => (await opacity()) === "1");
  await page.locator("#new-backup").focus();
  await until("Restore to hide", async () => (await opacity()) === "0");

  const characters = await openRestore(page, backup.id);
  assert.match(characters, /^[A-HJKMNP-Z2-9]{6}$/);
  const dialog = page.getByRole("dialog", { name: "Restore this backup?" });
  assert.equal(await dialog.locator(".target .notes").textContent(), NOTES);
  assert.equal(await dialog.locator(".target b").textContent(), await row(page, backup.id).locator("time").textContent());
  await reads(dialog.locator(".happens"), /Safety backup\. Larkfield Library goes under maintenance.+Restore\..+Restart of services\./s);
  const field = dialog.getByLabel("Confirmation characters");
  const confirm = dialog.getByRole("button", { name: "Restore", exact: true });
  assert.ok(await field.evaluate((element) => element === document.activeElement), "the dialog opens on its field");

  // Nothing but the six characters opens it.
  const wrong = characters.slice(0, 5) + (characters.endsWith("A") ? "B" : "A");
  await field.pressSequentially(wrong);
  await reads(dialog.locator("#confirm-hint"), /^Character 6 is a different one\./);
  assert.equal(await confirm.getAttribute("aria-disabled"), "true");
  await page.keyboard.press("Enter");
  await confirm.click({ force: true });
  assert.equal(await dialog.isVisible(), true);
  assert.equal((await program.records()).length, 1);

  await field.fill(characters.toLowerCase());
  await reads(dialog.locator("#confirm-hint"), "The characters match.");
  assert.equal(await confirm.getAttribute("aria-disabled"), null);
  await field.press("Enter");

  await page.getByRole("heading", { name: "Restore in progress" }).waitFor();
  await until("the focus to go to the operation", () => page.evaluate(() => document.activeElement?.id === "operation-title"));
  await askNow(other);
  for (const seen of [page, other]) {
    await reads(seen.locator("#operation [data-part=by]"), /^Restoring the backup of .+\. Started by .+ at .+\. Larkfield Library is under maintenance/);
    await reads(seen.locator("#operation .stages li:nth-child(1) b"), "1. Safety backup");
    await reads(seen.locator("#operation .stages li:nth-child(2) b"), "2. Restore");
    await reads(seen.locator("#operation .stages li:nth-child(3) b"), "3. Restart of services");
    const unavailable = row(seen, backup.id).getByRole("button", { name: /^Restore/ });
    await row(seen, backup.id).hover();
    assert.equal(await unavailable.getAttribute("aria-disabled"), "true");
    await unavailable.click({ force: true });
    await hears(seen, "Unavailable until the restore has ended.");
    assert.equal(await seen.locator("dialog[open]").count(), 0);
  }

  await program.touch("gate");
  for (const seen of [page, other]) {
    await seen.getByRole("heading", { name: "Restore completed" }).waitFor();
    await reads(seen.locator("#messages [data-part=text]"), /^The data is as it was on .+\. The safety backup of .+ keeps what was there before\. Larkfield Library is available again\.$/);
    const [restore, safety] = [seen.locator("#rows .record").nth(0), seen.locator("#rows .record").nth(1)];
    await reads(restore.locator("[data-part=kind]"), "Restore");
    await reads(restore.locator("[data-part=status-word]"), "Success");
    await reads(restore.locator("[data-part=restored]"), `Restore of ${await row(seen, backup.id).locator("time").textContent()}`);
    await reads(safety.locator("[data-part=trigger]"), "Before a restore");
    await reads(safety.locator("[data-part=status-word]"), "Success");
    assert.equal(await restore.getByRole("button", { name: /^Restore/ }).count(), 0, "a restore can't be restored");
  }
  assert.equal(await program.read("uploads/picture.txt"), original);
  await assert.rejects(program.read("uploads/added.txt"), "what was added since is gone");
  assert.equal(await program.read("loaded"), "data\n");

  await page.locator("#rows .record").first().getByRole("link").click();
  await until("the restored backup to have the focus", () => row(page, backup.id).evaluate((element) => element === document.activeElement));
});

test("R3 R7: somebody was faster; what was typed is kept, and holds when they have ended", async (t) => {
  await program.remove("gate");
  const page = await browser.open(t, program.url);
  const characters = await openRestore(page, backup.id);
  const field = page.getByLabel("Confirmation characters");
  await field.fill(characters);
  const theirs = await program.backUp("theirs");
  await field.press("Enter");
  await reads(page.locator("#confirm-trouble"), /started a backup at .+ You can restore when it has ended.* What you typed is kept\./);
  assert.equal(await field.inputValue(), characters);
  const confirm = page.locator("#confirm-dialog [data-part=confirm]");
  await until("the button to be unavailable", async () => (await confirm.getAttribute("aria-disabled")) === "true");
  await program.touch("gate");
  await until("the button to be available again", async () => (await confirm.getAttribute("aria-disabled")) === null);
  await reads(page.locator("#confirm-trouble"), "");
  assert.equal(await code(page), characters);
  await confirm.click();
  await page.getByRole("heading", { name: "Restore completed" }).waitFor();
  await reads(row(page, theirs.id).locator("[data-part=status-word]"), "Success");
});
