// Who is at the page: their name and role, what a viewer sees, and what happens when the session ends.
// The page is served by the real program; what it is told is made for each test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { askNow, hears, openRestore, reads, row } from "./support/browser.js";
import { begin, failure, iso, problem, record, tells, world } from "./support/canned.js";
import { NOW, nights, pass, setScene } from "./support/scene.js";

const SIGNED_OUT = () => problem(401, "signed-out", "You are not signed in, or were signed out. Nothing was changed. Sign in again.");

const scene = setScene();
const { open } = scene;
const as = (role, fields = {}) => world(nights(3), { user: { name: "Ruth Sandoval", role, signed_in: true }, ...fields });

test("the page says who one is; without a sign-in there is nothing to sign out of", async (t) => {
  const page = await open(t, as("operator"));
  await reads(page.locator("#who [data-part=name]"), "Ruth Sandoval");
  await reads(page.locator("#who [data-part=role]"), "Operator");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  const alone = await open(t, as("operator", { user: { name: "ruth", role: "operator", signed_in: false } }));
  assert.equal(await alone.getByRole("button", { name: "Sign out" }).count(), 0);
});

test("signing out leads to where the server says; a sign-out that fails says so", async (t) => {
  const told = as("operator");
  const page = await open(t, told, { refusals: [503] });
  await page.route("**/sign-out", (route) => route.fulfill({ status: 503, json: problem(503, "unavailable", "Not now.").json }));
  await page.getByRole("button", { name: "Sign out" }).click();
  await hears(page, "You were not signed out. Not now.");
  await page.unroute("**/sign-out");
  let asked;
  await page.route("**/sign-out", (route) => {
    asked = [route.request().method(), route.request().postDataJSON()];
    return route.fulfill({ json: { url: `${scene.program.url}/logo.svg` } });
  });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${scene.program.url}/logo.svg`);
  assert.deepEqual(asked, ["POST", {}]);
});

test("a viewer sees everything and is offered nothing that they may not do", async (t) => {
  const told = as("viewer");
  begin(told, NOW);
  const page = await open(t, told);
  await reads(page.locator("#who [data-part=role]"), "Viewer");
  await reads(page.locator("#read-only"), "Read only: your role is Viewer. For a backup, a restore or a restart, ask an operator.");
  for (const name of [/New backup/, /Restart all services/, /Download source code/, /^Restore/, /^Edit/]) assert.equal(await page.getByRole("button", { name }).count(), 0, String(name));
  assert.equal(await page.locator("#why").isVisible(), false);
  await page.getByRole("heading", { name: "Backup in progress" }).waitFor();
  await page.getByRole("button", { name: /^Details/ }).first().click();
  await page.locator("tr.details").waitFor();
});

test("a viewer is offered neither a restore nor the end of a maintenance that needs somebody", async (t) => {
  const told = as("viewer");
  const restore = record(NOW - 4000, { kind: "restore", status: "FAILED", put_back: false, restored_from: told.records[0].id, safety_backup: told.records[0].id, finished_at: iso(NOW - 1000), failure: failure({ code: "target_unwritable" }, "The source “uploads” could not be put back: full.", "Putting it back failed too.", "Make room, then restore the safety backup, or end the maintenance by hand.") });
  told.records.unshift(restore);
  told.state.maintenance = { on: true, since: iso(NOW - 3000), message: null };
  const page = await open(t, told);
  await reads(page.locator("#messages [data-part=title]"), "Larkfield Library is still under maintenance and needs you");
  assert.equal(await page.locator("#messages").getByRole("button").count(), 0);
});

test("when the session has ended the page says so, keeps what it shows and what was typed, and leads to the sign-in", async (t) => {
  const told = as("operator");
  const page = await open(t, told, { path: "/#backups" });
  const first = row(page, told.records[0].id);
  await first.getByRole("button", { name: /^Edit/ }).click();
  await first.getByRole("textbox").fill("Typed before the session ended");
  told.answers[`PATCH /records/${told.records[0].id}`] = SIGNED_OUT;
  told.answers["GET /state"] = SIGNED_OUT;
  await page.keyboard.press("Control+Enter");
  await reads(first.getByRole("alert"), /^You were signed out\. Anything in progress goes on\. Your text is kept in this tab\. Sign in again\.$/);
  const message = page.locator("#messages .message");
  await reads(message.locator("[data-part=title]"), "You were signed out");
  await reads(page.locator("#summary [data-part=up-word]"), "Not known");
  await reads(page.locator("#why"), "Unavailable until you have signed in again.");
  assert.equal(await page.locator("#rows .record").count(), 3, "what is shown stays");
  const link = message.getByRole("link", { name: "Sign in again" });
  assert.equal(await link.getAttribute("href"), "/sign-in?to=%2F%23backups");

  // There and back again: the text is still there.
  await page.route("**/sign-in?*", (route) => route.fulfill({ status: 302, headers: { location: "/#backups" } }));
  delete told.answers["GET /state"];
  await link.click();
  await first.getByRole("textbox").waitFor();
  assert.equal(await first.getByRole("textbox").inputValue(), "Typed before the session ended");
  assert.equal(await message.count(), 0);
});

test("R7: a dialog that is open when the session ends says so and keeps what was typed; signing in elsewhere is enough", async (t) => {
  const told = as("operator");
  const page = await open(t, told);
  await openRestore(page, told.records[0].id);
  await page.getByLabel("Confirmation characters").fill("K7M");
  told.answers["GET /state"] = SIGNED_OUT;
  await askNow(page);
  await reads(page.locator("#confirm-trouble"), /^You were signed out\..+Sign in again\.$/);
  assert.equal(await page.locator("#confirm-dialog [data-part=confirm]").getAttribute("aria-disabled"), "true");
  delete told.answers["GET /state"];
  await pass(page, 21_000);
  await reads(page.locator("#confirm-trouble"), "");
  assert.equal(await page.getByLabel("Confirmation characters").inputValue(), "K7M");
  await hears(page, "Connected again.");
});

test("who has no role is told whom to ask", async (t) => {
  const told = as("operator");
  const refuse = () => problem(403, "no-role", "Ruth Sandoval has no role here.", { contact: "the operators of Larkfield Library" });
  Object.assign(told.answers, { "GET /state": refuse, "GET /records": refuse });
  const context = scene.browser.open(t, scene.program.url, { prepare: tells(told), ready: "#messages .message" });
  const page = await context;
  await reads(page.locator("#messages [data-part=title]"), "You have no role here");
  await reads(page.locator("#messages [data-part=text]"), "You are signed in, but may see nothing of this console. Ask the operators of Larkfield Library for a role.");
});

test("a role that has become too low is told of where it is needed", async (t) => {
  const told = as("operator");
  told.answers["POST /backups"] = () => problem(403, "role-too-low", "Your role is Viewer. Nothing was changed. Ask an operator.");
  const page = await open(t, told);
  await page.getByRole("button", { name: "New backup" }).click();
  await page.getByLabel("Description").fill("Mine");
  await page.getByRole("button", { name: "Start backup" }).click();
  await reads(page.locator("#new-trouble"), "The backup was not started. Your role is Viewer. Nothing was changed. Ask an operator. What you typed is kept.");
});

test("R8: the details show who changed the notes, and what they were before", async (t) => {
  const told = as("operator");
  Object.assign(told.records[0], { notes: "As they are", notes_version: 3, notes_edited: { by: "Jonas Okafor", at: iso(NOW - 3600_000) } });
  told.answers[`GET /records/${told.records[0].id}`] = () => ({ json: { record: { ...told.records[0], notes_history: [{ notes: "As they were", by: "Maya Lindqvist", at: iso(NOW - 2 * 3600_000) }, { notes: "", by: "Nightkeep", at: told.records[0].created_at }] } } });
  const page = await open(t, told);
  await row(page, told.records[0].id).getByRole("button", { name: /^Details/ }).click();
  const details = page.locator(`#r-${told.records[0].id}-details`);
  await reads(details.locator(".pairs"), /Notes changedby Jonas Okafor, Tue 24 Nov 2026, 07:14/);
  await reads(details.locator(".earlier"), "Earlier notesby Maya Lindqvist, Tue 24 Nov 2026, 06:14As they wereby Nightkeep, Mon 23 Nov 2026, 08:14No notes");
});

test("R8: somebody who changed the notes meanwhile is named", async (t) => {
  const told = as("operator");
  const theirs = { ...told.records[0], notes: "Theirs", notes_version: 2, notes_edited: { by: "Jonas Okafor", at: iso(NOW - 60_000) } };
  told.answers[`PATCH /records/${theirs.id}`] = () => problem(412, "notes-changed", "Somebody else changed these notes meanwhile. Yours were not saved.", { record: theirs });
  const page = await open(t, told);
  await row(page, theirs.id).getByRole("button", { name: /^Edit/ }).click();
  await row(page, theirs.id).getByRole("textbox").fill("Mine");
  await page.keyboard.press("Control+Enter");
  await reads(row(page, theirs.id).getByRole("alert"), "Jonas Okafor changed these notes at 08:13. Yours were not saved. Both texts are shown; keep one, or join them.");
});
