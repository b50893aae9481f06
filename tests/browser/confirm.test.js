// What is confirmed, refused, and what comes of a restore that fails. The page is served by the real
// program; what it is told is made for each test, and so is the time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askNow, code, hears, openRestore, reads, row, until } from "./support/browser.js";
import { DAY, HOUR, SECOND, activity, begin, beginWithout, end, failure, idAt, iso, problem, record, restore, world } from "./support/canned.js";
import { NOW, nights, pass, setScene } from "./support/scene.js";

const MINUTE = 60 * SECOND;

const scene = setScene();
const { open } = scene;

const parts = (page) => ({
  dialog: page.locator("#confirm-dialog"),
  field: page.getByLabel("Confirmation characters"),
  confirm: page.locator("#confirm-dialog [data-part=confirm]"),
  trouble: page.locator("#confirm-trouble"),
  hint: page.locator("#confirm-hint"),
});
const sent = (told, what) => told.sent.filter(([asked]) => asked === what).map(([, body]) => body);

test("R7: the characters are compared while they are typed, in either case, and can be read but not selected", async (t) => {
  const told = world(nights(2));
  const page = await open(t, told);
  assert.equal(await openRestore(page, told.records[1].id), "K7M4PX");
  assert.deepEqual(sent(told, "POST /confirmations"), [{ action: "restore", record_id: told.records[1].id }]);
  const { dialog, field, confirm, hint } = parts(page);
  await reads(page.locator("#confirm-code .unseen"), "K, 7, M, 4, P, X");
  await page.locator("#confirm-code").evaluate((element) => getSelection().selectAllChildren(element));
  assert.equal(await page.evaluate(() => getSelection().toString()), "");
  await reads(hint, "0 of 6. Capitals or small letters, both are fine. Valid until 08:19.");
  await field.click();
  await field.pressSequentially("k7m");
  await reads(hint, /^3 of 6\./);
  assert.equal(await page.locator("#confirm-code .match").count(), 3);
  await field.pressSequentially("5");
  await reads(hint, /^Character 4 is a different one\./);
  await field.press("Backspace");
  await field.pressSequentially("4p x");
  await reads(hint, "The characters match.");
  await reads(dialog.locator("[data-part=spoken]"), "The characters match.");
  assert.equal(await confirm.getAttribute("aria-disabled"), null);
  assert.ok(await field.evaluate((element) => element === document.activeElement), "the focus stays where it is");
  assert.ok(await field.evaluate((element) => element.scrollLeft === 0), "all six are seen");
});

test("R7: after 5 minutes there are new characters, the field is emptied, and it is said", async (t) => {
  const told = world(nights(2));
  const page = await open(t, told);
  await openRestore(page, told.records[0].id);
  const { field, confirm, trouble } = parts(page);
  await field.fill("K7M4PX");
  await page.clock.fastForward(5 * MINUTE + 2 * SECOND);
  assert.equal(await code(page, "K7M4PX"), "R3WT9H");
  await reads(trouble, "The characters were older than 5 minutes. Nothing was started. Type the new ones below.");
  assert.equal(await field.inputValue(), "");
  assert.equal(await confirm.getAttribute("aria-disabled"), "true");
  assert.deepEqual(sent(told, "POST /restores"), []);
});

test("R7: what the server does not accept is not started, and there are new characters", async (t) => {
  const told = world(nights(2));
  told.answers["POST /restores"] = () => problem(422, "not-confirmed", "The characters did not match.");
  const page = await open(t, told);
  await openRestore(page, told.records[0].id);
  const { field, trouble } = parts(page);
  await field.fill("k7m4px");
  await field.press("Enter");
  assert.equal(await code(page, "K7M4PX"), "R3WT9H");
  await reads(trouble, "The characters did not match. Nothing was started. Type the new ones below.");
  assert.equal(await field.inputValue(), "");
  assert.deepEqual(sent(told, "POST /restores"), [{ record_id: told.records[0].id, confirmation: { id: "confirmation of K7M4PX", code: "K7M4PX" } }]);
});

test("R3 R7: a refusal says who was faster, and what was typed is kept until they have ended", async (t) => {
  const told = world(nights(2), { usual_seconds: { backup: 60, restore: null, restart: null } });
  const page = await open(t, told);
  await openRestore(page, told.records[0].id);
  const { field, confirm, trouble } = parts(page);
  await field.fill("K7M4PX");
  told.answers["POST /restores"] = () => {
    begin(told, NOW, { requested_by: "Anneliese Brandt" });
    return problem(409, "busy", "busy", { operation: told.state.operation });
  };
  await field.press("Enter");
  await reads(trouble, "Anneliese Brandt started a backup at 08:14. You can restore when it has ended, in about 1 minute. What you typed is kept.");
  await until("the button to be unavailable", async () => (await confirm.getAttribute("aria-disabled")) === "true");
  assert.equal(await field.inputValue(), "K7M4PX");
  end(told);
  await pass(page, 2500);
  await until("the button to be available again", async () => (await confirm.getAttribute("aria-disabled")) === null);
  await reads(trouble, "");
  assert.equal(await field.inputValue(), "K7M4PX");
});

test("R5 R10: a backup that is gone, or can't be restored, is said to be so, and nothing can be confirmed", async (t) => {
  const told = world(nights(3));
  const page = await open(t, told);
  const [first, second] = told.records;
  await openRestore(page, first.id);
  const { field, confirm, trouble, dialog } = parts(page);
  told.answers["POST /restores"] = () => problem(404, "no-such-record", "There is no such record.");
  told.records.splice(0, 1);
  await field.fill("K7M4PX");
  await field.press("Enter");
  await reads(trouble, "This backup no longer exists. It was older than 60 days and was removed. Nothing was started. Choose another one.");
  assert.equal(await confirm.getAttribute("aria-disabled"), "true");
  await page.keyboard.press("Escape");
  await until("its row to be gone", async () => (await row(page, first.id).count()) === 0);

  told.answers["POST /confirmations"] = () => problem(422, "not-restorable", "Only a backup with the status SUCCESS can be restored. Nothing was started.");
  await row(page, second.id).hover();
  await row(page, second.id).getByRole("button", { name: /^Restore/ }).click();
  await reads(trouble, "This backup can’t be restored. Only a backup with the status SUCCESS can be restored. Nothing was started.");
  assert.equal(await confirm.getAttribute("aria-disabled"), "true");
  await dialog.getByRole("button", { name: "Cancel" }).click();
});

test("R7: the dialog stays with its backup, whatever happens to the table", async (t) => {
  const told = world(nights(3));
  const page = await open(t, told);
  const target = told.records[1];
  await openRestore(page, target.id);
  const { dialog, field } = parts(page);
  begin(told, NOW);
  await askNow(page);
  await page.locator("#operation:not([hidden])").waitFor();
  end(told);
  Object.assign(told.records[0], { status: "SUCCESS", finished_at: iso(NOW) });
  await pass(page, 2500);
  await until("the backup to have ended", async () => page.locator("#operation").isHidden());
  assert.equal(await dialog.locator(".target b").textContent(), "Sun 22 Nov 2026, 08:14");
  told.answers["POST /restores"] = () => problem(503, "unavailable", "Not now.");
  await field.fill("K7M4PX");
  await field.press("Enter");
  await reads(page.locator("#confirm-trouble"), "Nothing was started. Not now. What you typed is kept.");
  assert.equal(sent(told, "POST /restores")[0].record_id, target.id);
});

test("R7: characters that can't be loaded are asked for again", async (t) => {
  const told = world(nights(1));
  const page = await open(t, told);
  await page.route("**/api/confirmations", (route) => route.abort());
  await row(page, told.records[0].id).hover();
  await row(page, told.records[0].id).getByRole("button", { name: /^Restore/ }).click();
  await reads(page.locator("#confirm-trouble"), /^The characters could not be loaded\. There was no answer\. Nothing was started\./);
  await page.unroute("**/api/confirmations");
  await pass(page, 7000);
  assert.equal(await code(page), "K7M4PX");
});

test("P5: only backups that succeeded can be restored, and on a touch screen that always shows", async (t) => {
  const [good, failed] = nights(2);
  const [made, safety] = restore(NOW - HOUR, good.id);
  Object.assign(failed, { status: "FAILED", size: null, failure: failure({ code: "x" }, "It failed.", "", "") });
  const running = record(NOW - MINUTE, { status: "IN_PROGRESS", finished_at: null, size: null });
  const page = await open(t, world([running, made, safety, good, failed]), { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
  const shown = await page.locator("#rows .record").evaluateAll((rows) => rows.map((one) => {
    const button = one.querySelector("[data-part=restore]");
    return !button.hidden && getComputedStyle(button).opacity === "1";
  }));
  assert.deepEqual(shown, [false, false, true, true, false]);
});

const STAGES = {
  done: (name) => ({ name, state: "done", started_at: iso(NOW - 90 * SECOND), finished_at: iso(NOW - 30 * SECOND) }),
  failed: (name) => ({ name, state: "failed", started_at: iso(NOW - 30 * SECOND), finished_at: iso(NOW - SECOND) }),
  now: (name) => ({ name, state: "in_progress", started_at: iso(NOW - 30 * SECOND), finished_at: null }),
  to_come: (name) => ({ name, state: "to_come", started_at: null, finished_at: null }),
};

test("R6: a restore shows its stages with the time each takes, and its safety backup as soon as that is made", async (t) => {
  const [backup] = nights(1);
  const [made, safety] = restore(NOW - 90 * SECOND, backup.id, { status: "IN_PROGRESS", finished_at: null });
  Object.assign(safety, { status: "IN_PROGRESS", finished_at: null, size: null });
  const told = world([made, safety, backup], { usual_seconds: { backup: 60, restore: 240, restart: 90 } });
  const progress = { done_bytes: 1e9, total_bytes: 4e9, done_files: 1, total_files: 9, source: "uploads", at: iso(NOW - 31 * SECOND) };
  const operation = { kind: "restore", record_id: made.id, stages: [{ ...STAGES.now("backup"), started_at: iso(NOW - 90 * SECOND) }, STAGES.to_come("restore"), STAGES.to_come("redeploy")], progress };
  beginWithout(told, NOW - 90 * SECOND, operation);
  const page = await open(t, told);
  const size = (id) => row(page, id).locator("[data-part=size]");
  await reads(size(safety.id), "1.00 GB");
  await reads(size(made.id), "–");
  await reads(page.locator("#operation [data-part=stage]"), "Stage 1 of 3: safety backup");

  Object.assign(safety, { status: "SUCCESS", finished_at: iso(NOW - 30 * SECOND), size: backup.size });
  told.state.operation = { ...told.state.operation, stages: [STAGES.done("backup"), STAGES.now("restore"), STAGES.to_come("redeploy")], progress: { ...progress, at: iso(NOW - SECOND) } };
  told.state = { ...told.state };
  await askNow(page);
  await reads(row(page, safety.id).locator("[data-part=status-word]"), "Success");
  await reads(row(page, safety.id).locator("[data-part=before]"), "Safety backup before the restore of Mon 23 Nov 2026, 08:14.");
  await reads(size(made.id), "1.00 GB");
  assert.deepEqual(await page.locator("#operation .stages li").allInnerTexts(), ["1. Safety backup\ndone in 1 min", "2. Restore\nin progress", "3. Restart of services\nto come, about 1 min 30 s"]);
  await reads(page.locator("#operation [data-part=stage]"), "Stage 2 of 3: restore");
  await hears(page, "Restore: stage 2 of 3, restore.");
  await reads(page.locator("#operation [data-part=bytes-name]"), "Restored");
  await reads(page.locator("#operation [data-part=left-name]"), "Time left in this stage");
  await reads(page.locator("#operation [data-part=end]"), /^about 2 min/);
  await page.locator("#operation").getByRole("link", { name: "Mon 23 Nov 2026, 08:14" }).click();
  await until("the restored backup to have the focus", () => row(page, backup.id).evaluate((element) => element === document.activeElement));
});

/** A restore that failed, and its safety backup. */
function failedRestore(put_back, stages, ...sentences) {
  const backup = record(NOW - DAY);
  return [...restore(NOW - 4 * MINUTE, backup.id, { status: "FAILED", put_back, stages, finished_at: iso(NOW - MINUTE), failure: failure({ code: "local_disk" }, ...sentences) }), backup];
}

test("R6: a restore whose safety backup failed was not begun", async (t) => {
  const told = world(failedRestore(null, [STAGES.failed("backup"), STAGES.to_come("restore")], "The source “database” could not be read: pg_dump ended with 1.", "The data was not touched, and the application is available.", "Check it, then restore again."));
  Object.assign(told.records[1], { status: "FAILED", size: null });
  const page = await open(t, told);
  await reads(page.locator("#messages [data-part=title]"), "The restore of Tue 24 Nov 2026, 08:10 was not begun");
  await reads(page.locator("#messages [data-part=text]"), /^The safety backup failed\. The source “database” could not be read.+The data was not touched.+then restore again\./);
});

test("R6: a restore that failed and was put back says so, with its stages", async (t) => {
  const stages = [STAGES.done("backup"), STAGES.failed("restore"), STAGES.done("put_back"), STAGES.done("redeploy")];
  const told = world(failedRestore(true, stages, "No space left on “appdata”.", "The data was put back from the safety backup, as it was before, and the application is available.", "Free some, then restore again."));
  const page = await open(t, told);
  const [made] = told.records;
  await reads(page.locator("#messages [data-part=title]"), "The restore failed. Your data was put back as it was at 08:10");
  await hears(page, /^The restore failed\. Your data was put back/);
  await reads(row(page, made.id).locator("[data-part=cause-text]"), "No space left on “appdata”. The safety backup was put back; the data is as it was at 08:10.");
  await reads(row(page, made.id).locator("[data-part=size-more]"), "put back");
  await reads(page.locator(`#r-${made.id}-details .pairs`), /Safety backupSuccess, 1 minRestoreFailed after 29 sPut backSuccess, 1 minRestart of servicesSuccess/);
});

const STUCK = [STAGES.done("backup"), STAGES.failed("restore"), STAGES.failed("put_back")];
const stuck = () => {
  const told = world(failedRestore(false, STUCK, "No space left on “appdata”.", "Putting the data back from the safety backup failed too: no space left. The data may be incomplete, so maintenance stays on.", "Make room, then restore the safety backup, or end the maintenance by hand.", { first: "Make room." }));
  told.state.maintenance = { on: true, since: iso(NOW - 4 * MINUTE), message: null };
  return told;
};

test("R6 R4: maintenance that stayed on says what to do, can't be dismissed, and offers the safety backup", async (t) => {
  const told = stuck();
  const page = await open(t, told);
  const message = page.locator("#messages .message");
  assert.equal(await message.count(), 1);
  await reads(message.locator("[data-part=title]"), "Larkfield Library is still under maintenance and needs you");
  await reads(message.locator("dd").nth(0), "The restore of Mon 23 Nov 2026, 08:14 failed. No space left on “appdata”.");
  await reads(message.locator("dd").nth(1), /failed too: no space left\..+The safety backup of 08:10 is complete and safe\.$/);
  assert.deepEqual(await message.locator("li").allTextContents(), ["Make room.", "Restore the safety backup of 08:10, or any other backup. Maintenance then ends by itself.", "Only if you have repaired the data in another way: end the maintenance by hand."]);
  assert.equal(await message.getByRole("button", { name: "Dismiss" }).count(), 0);
  await reads(page.locator("#summary [data-part=up-more]"), "since 08:10, needs you");
  await message.getByRole("link", { name: "safety backup of 08:10" }).click();
  await until("the safety backup to have the focus", () => row(page, told.records[1].id).evaluate((element) => element === document.activeElement));

  await message.getByRole("button", { name: "Restore the safety backup of 08:10" }).click();
  await code(page);
  assert.equal(sent(told, "POST /confirmations")[0].record_id, told.records[1].id);
  await reads(page.locator("#confirm-dialog .happens"), /Larkfield Library stays under maintenance and is backed up/);
  await page.keyboard.press("Escape");
});

test("R7: the maintenance is ended by hand only when it has been confirmed", async (t) => {
  const told = stuck();
  told.answers["POST /maintenance/end"] = () => {
    end(told);
    told.activities.unshift(activity(NOW, { kind: "end_maintenance", finished_at: iso(NOW) }));
    return { json: { maintenance: told.state.maintenance } };
  };
  const page = await open(t, told);
  await page.getByRole("button", { name: "End maintenance" }).click();
  await code(page);
  const { dialog, field } = parts(page);
  await reads(dialog.locator(".message"), /^The data may be half old, half new\. The restore of Mon 23 Nov 2026, 08:14 failed/);
  await field.fill("k7m4px");
  await field.press("Enter");
  await page.getByRole("heading", { name: "Maintenance ended" }).waitFor();
  assert.deepEqual(sent(told, "POST /maintenance/end"), [{ confirmation: { id: "confirmation of K7M4PX", code: "K7M4PX" } }]);
  assert.equal(await page.locator("#messages .message").count(), 1);
  await reads(page.locator("#summary [data-part=up-word]"), "Available");
  await until("the message to have the focus", () => page.evaluate(() => document.activeElement?.textContent === "Maintenance ended"));
});

test("R11: a restart that failed says why, in the message and under Activity", async (t) => {
  const told = world(nights(1));
  const restart = activity(NOW - 48 * SECOND, { status: "IN_PROGRESS", finished_at: null });
  told.activities = [restart];
  beginWithout(told, NOW - 48 * SECOND, { kind: "restart", record_id: restart.id, stages: [STAGES.now("redeploy")] });
  told.state.application = { name: "Larkfield Library", services: { running: 3, desired: 4 } };
  const page = await open(t, told);
  await reads(page.locator("#operation [data-part=percent]"), "3 of 4 running");
  assert.equal(await page.locator("#operation [data-part=bytes]").isVisible(), false);
  Object.assign(restart, { status: "FAILED", finished_at: iso(NOW), failure: failure({ code: "service_failed" }, "The service “search” did not come up: no image.", "The data was not touched, and maintenance has ended.", "Look at its log, then restart again.") });
  end(told);
  await pass(page, 2500);
  await reads(page.locator("#messages [data-part=title]"), "The restart failed");
  await hears(page, /^The restart failed\. The service “search” did not come up: no image\. The data was not touched, and maintenance has ended\. Look at its log, then restart again\.$/);
  await page.getByRole("link", { name: "Activity" }).click();
  const first = page.locator("#activity-rows tr").first();
  await reads(first.locator("[data-part=status-word]"), "Failed");
  await reads(first.locator("[data-part=cause-text]"), /no image\. The data was not touched/);
  await reads(first.locator("[data-part=duration]"), "48 s");
});

const archive = (time, fields = {}) => activity(time, { kind: "source_archive", finished_at: iso(time + 9 * SECOND), source_archive: { key: "k", size_bytes: 38.2e6, file_name: "larkfield-library-source.tar.gz" }, ...fields });

test("R12: the source archive has a message of its own, and an archive that is gone says so", async (t) => {
  const told = world(nights(1));
  const made = archive(NOW, { status: "IN_PROGRESS", finished_at: null, source_archive: null });
  told.answers["POST /source-archives"] = () => {
    told.activities.unshift(made);
    beginWithout(told, NOW, { kind: "source_archive", record_id: made.id, stages: [STAGES.now("archive")] });
    return { status: 202, json: { activity: made } };
  };
  const page = await open(t, told);
  await page.getByRole("button", { name: "Download source code" }).click();
  await page.getByRole("heading", { name: "Making the source archive" }).waitFor();
  await reads(page.locator("#operation [data-part=by]"), "Started by Jonas Okafor at 08:14. Larkfield Library stays available. The link appears here.");
  await reads(page.locator("#why"), "Unavailable until the source archive is made. Notes can be edited.");
  await reads(page.locator("#summary [data-part=up-word]"), "Available");
  Object.assign(made, archive(NOW));
  end(told);
  await pass(page, 2500);
  const message = page.locator("#messages .message");
  await reads(message.locator("[data-part=text]"), "larkfield-library-source.tar.gz, 38.2 MB. A fresh link is made each time you click. You find the archive again under Activity.");
  told.answers[`GET /source-archives/${made.id}`] = () => ({ json: { id: made.id, url: null, expires_at: null } });
  const button = message.getByRole("button", { name: "Download (38.2 MB)" });
  await button.click();
  await hears(page, "This archive is no longer kept. Make a new one with Download source code.");
  assert.equal(await button.getAttribute("data-why"), "This archive is no longer kept. Make a new one with Download source code");
});

test("P7: a source archive that can't be begun says why", async (t) => {
  const told = world(nights(1));
  told.answers["POST /source-archives"] = () => problem(503, "unavailable", "The console’s table could not be reached in time. Try again in a moment.");
  const page = await open(t, told);
  await page.getByRole("button", { name: "Download source code" }).click();
  await hears(page, "No source archive was made. The console’s table could not be reached in time. Try again in a moment.");
  await page.getByRole("button", { name: "Dismiss this message" }).click();
  assert.equal(await page.locator("#messages").isVisible(), false);
});

test("P7: the activity is a view of its own, newest first, with older entries on demand", async (t) => {
  const told = world(nights(30));
  told.activities = [archive(NOW - HOUR), archive(NOW - DAY), activity(NOW - 2 * DAY, { kind: "end_maintenance" }), ...Array.from({ length: 60 }, (_, day) => activity(NOW - (day + 3) * DAY))];
  const page = await open(t, told, { path: "/#activity" });
  const rows = page.locator("#activity-rows tr");
  assert.equal(await page.title(), "Activity · Larkfield Library · Nightkeep");
  assert.equal(await page.locator("#records").isVisible(), false);
  assert.equal(await page.getByRole("link", { name: "Activity" }).getAttribute("aria-current"), "page");
  await until("the first page", async () => (await rows.count()) === 50);
  assert.deepEqual(await rows.locator("[data-part=what]").evaluateAll((all) => all.slice(0, 4).map((one) => one.textContent)), ["Source archive", "Source archive", "Maintenance ended by hand", "Restart of all services"]);
  // Only the newest archive is kept.
  assert.equal(await rows.getByRole("button", { name: "Download larkfield-library-source.tar.gz" }).count(), 1);
  await reads(rows.nth(1).locator("[data-part=more]"), "larkfield-library-source.tar.gz, 38.2 MB, no longer kept");
  await page.getByRole("button", { name: "Show older entries" }).click();
  await until("all of them", async () => (await rows.count()) === told.activities.length);
  assert.equal(await page.locator("#more-activity").isVisible(), false);

  // What is begun elsewhere appears here too.
  told.activities.unshift(activity(NOW, { status: "IN_PROGRESS", finished_at: null }));
  beginWithout(told, NOW, { kind: "restart", record_id: idAt(NOW), stages: [STAGES.now("redeploy")] });
  await askNow(page);
  await reads(rows.first().locator("[data-part=status-word]"), "In progress");

  // A link to a record leads back to the records.
  await page.evaluate((id) => (location.hash = `#r-${id}`), told.records[20].id);
  await until("the record to have the focus", () => row(page, told.records[20].id).evaluate((element) => element === document.activeElement));
  assert.equal(await page.locator("#activity-view").isVisible(), false);
  await page.goBack();
  await rows.first().waitFor();
});

for (const width of [320, 390, 900]) {
  test(`P7: at ${width} px nothing is cut off in the dialog, the messages and the activity`, async (t) => {
    const told = stuck();
    told.activities = [archive(NOW - HOUR), activity(NOW - DAY)];
    const page = await open(t, told, { viewport: { width, height: 800 }, hasTouch: true, isMobile: width < 500 });
    const fits = async (what) => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${what} does not scroll sideways`);
    await fits("the message");
    await page.getByRole("button", { name: "Restore the safety backup of 08:10" }).click();
    await code(page);
    await page.getByLabel("Confirmation characters").fill("K7M4PX");
    for (const part of ["#confirm-code", "#confirm-dialog .code-field", "#confirm-dialog .content"]) {
      const box = await page.locator(part).boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= width, `${part} is within the page`);
    }
    for (const button of await page.locator("#confirm-dialog .buttons button").all()) assert.ok((await button.boundingBox()).height >= 43.5);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Activity" }).click();
    await page.locator("#activity-rows tr").first().waitFor();
    await fits("the activity");
    for (const button of await page.locator("main button:visible").all()) assert.ok((await button.boundingBox()).height >= 43.5);
  });
}
