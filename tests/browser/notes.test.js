// Notes, edited in place, by the real program.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { askNow, hears, reads, row, startBrowser, until } from "./support/browser.js";
import { GATED, startProgram } from "./support/program.js";

let browser, program, record;
before(async () => {
  program = await startProgram({ dump: GATED });
  browser = await startBrowser();
  await program.touch("gate");
  record = await program.backUp("First");
  await until("the first backup to end", async () => {
    const { operation } = await (await fetch(`${program.url}/api/state`)).json();
    return operation === null;
  });
});
after(async () => {
  await browser?.close();
  await program?.stop();
});

const edit = async (page) => {
  await row(page, record.id).getByRole("button", { name: /^Edit notes of the backup of / }).click();
  const field = row(page, record.id).getByRole("textbox");
  // What edits is loaded when it is first needed, and then takes the focus.
  await field.and(page.locator(":focus")).waitFor();
  return field;
};
const notes = (page) => row(page, record.id).locator("[data-part=notes]");

test("R8 P6: notes are edited during an operation, and typed text survives its end", async (t) => {
  await program.remove("gate");
  const page = await browser.open(t, program.url);
  const field = await edit(page);
  await field.pressSequentially("\nSecond line");
  await field.evaluate((element) => element.setSelectionRange(2, 5));
  const running = await program.backUp("Running");
  await askNow(page);
  await page.getByRole("heading", { name: "Backup in progress" }).waitFor();

  // The record in progress has notes too.
  await row(page, running.id).getByRole("button", { name: /^Edit notes/ }).click();
  await row(page, running.id).getByRole("textbox").fill("Edited while it runs");
  await page.keyboard.press("Control+Enter");
  await reads(row(page, running.id).locator("[data-part=notes]"), "Edited while it runs");
  await hears(page, "Notes saved.");

  await field.focus();
  await field.evaluate((element) => element.setSelectionRange(2, 5));
  await program.touch("gate");
  await reads(row(page, running.id).locator("[data-part=status-word]"), "Success");
  await page.getByRole("heading", { name: "Backup completed" }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.activeElement.value, document.activeElement.selectionStart, document.activeElement.selectionEnd]), ["First\nSecond line", 2, 5]);

  await row(page, record.id).getByRole("button", { name: "Save notes" }).click();
  await reads(notes(page), "First\nSecond line");
  assert.match(await page.evaluate(() => document.activeElement.ariaLabel), /^Edit notes of /);
  await page.reload();
  await reads(notes(page), "First\nSecond line");
  await reads(row(page, running.id).locator("[data-part=notes]"), "Edited while it runs");
});

test("R8: somebody else changed the notes meanwhile; both texts are shown and can be joined", async (t) => {
  const mine = await browser.open(t, program.url);
  const field = await edit(mine);
  await field.fill("Mine");
  const theirs = await browser.open(t, program.url);
  await (await edit(theirs)).fill("Theirs");
  await theirs.keyboard.press("Control+Enter");
  await reads(notes(theirs), "Theirs");

  // A refresh tells my page of them, and must not pass my text off as an answer to theirs.
  await mine.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await reads(notes(mine), "Theirs");
  assert.equal(await field.inputValue(), "Mine");
  await mine.keyboard.press("Control+Enter");
  await reads(row(mine, record.id).getByRole("alert"), /changed these notes at \d\d:\d\d\. Yours were not saved\./);
  await reads(row(mine, record.id).locator("[data-part=their-text]"), "Theirs");
  assert.equal(await field.inputValue(), "Mine");
  await mine.getByRole("button", { name: "Join both" }).click();
  assert.equal(await field.inputValue(), "Theirs\nMine");
  await mine.getByRole("button", { name: "Save notes" }).click();
  await reads(notes(mine), "Theirs\nMine");
});

test("R8: notes that cannot be saved are not lost: too long, no connection, a reload", async (t) => {
  const page = await browser.open(t, program.url);
  page.on("dialog", (dialog) => dialog.accept());
  const field = await edit(page);
  const long = "ß".repeat(10_012);
  await field.fill(long);
  await page.keyboard.press("Control+Enter");
  await reads(row(page, record.id).getByRole("alert"), "The notes are too long by 12 characters. Nothing was saved and your text is still here. Shorten it, then save.");
  assert.equal(await field.inputValue(), long);

  await field.fill("Short");
  await page.context().setOffline(true);
  await page.keyboard.press("Control+Enter");
  await reads(row(page, record.id).getByRole("alert"), /^The notes were not saved\. There was no answer\. Your text is still here\./);
  await page.context().setOffline(false);
  await page.reload();
  assert.equal(await row(page, record.id).getByRole("textbox").inputValue(), "Short");
  await row(page, record.id).getByRole("textbox").press("Escape");
  await page.getByRole("button", { name: "Discard" }).click();
  await reads(notes(page), "Theirs\nMine");
  await edit(page);
  await page.keyboard.press("Escape");
  assert.equal(await row(page, record.id).getByRole("textbox").count(), 0, "unchanged text is not asked about");
});
