// Signing in and out in a real browser, at a real provider, and what other sites can do to it: nothing.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { reads, row, startBrowser, until } from "./support/browser.js";
import { startProgram } from "./support/program.js";
import { signInAs, startProvider } from "./support/provider.js";

const SIGNED_OUT = "#message-signed-out";

let browser, program, provider, record;
before(async () => {
  provider = await startProvider();
  program = await startProgram({ flags: provider.flags });
  provider.serve(program.url);
  browser = await startBrowser();
  record = await script("POST", "/api/backups", { notes: "First" }).then((body) => body.record);
  await until("the backup to end", async () => (await script("GET", "/api/state")).operation === null);
});
after(async () => {
  await browser?.close();
  await program?.stop();
  await provider?.stop();
});

/** A request as the nightly script makes it: with a token of its own. */
async function script(method, path, body) {
  const headers = { authorization: `Bearer ${await provider.token()}`, "content-type": "application/json" };
  const answer = await fetch(program.url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

/** Opens the page and signs in. */
async function signIn(t, name, options = {}) {
  const page = await browser.open(t, program.url, { ready: SIGNED_OUT, ...options });
  await again(page).click();
  await signInAs(page, name);
  return page;
}

const again = (page) => page.locator('#messages a[href^="/sign-in"]');
const who = (page) => page.locator("#who");
const session = async (page) => (await page.context().cookies(program.url)).find(({ name }) => name === "__Host-nightkeep");

test("one signs in, is back where one was, and signs out here and at the provider", async (t) => {
  const page = await browser.open(t, `${program.url}/?here#there`, { ready: SIGNED_OUT });
  await again(page).click();
  await signInAs(page, "maya");
  await row(page, record.id).waitFor();
  assert.equal(page.url(), `${program.url}/?here#there`);
  await reads(who(page), /Maya Lindqvist\s*Operator/);
  const { secure, httpOnly, sameSite, domain, path } = await session(page);
  assert.deepEqual({ secure, httpOnly, sameSite, domain, path }, { secure: true, httpOnly: true, sameSite: "Lax", domain: "127.0.0.1", path: "/" });
  assert.equal(await page.evaluate(() => document.cookie), "", "no script can read any of the cookies");

  await page.locator("#sign-out").click();
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await page.locator(SIGNED_OUT).waitFor();
  assert.equal(await session(page), undefined);
  await again(page).click();
  await page.getByPlaceholder("Enter any login").waitFor();
});

test("a viewer sees everything and is offered nothing", async (t) => {
  const page = await signIn(t, "jonas");
  await row(page, record.id).waitFor();
  await reads(who(page), /Jonas Okafor\s*Viewer/);
  await reads(row(page, record.id).locator("[data-part=notes]"), "First");
  assert.equal(await page.getByRole("button", { name: "New backup" }).count(), 0);
  const refused = await page.evaluate(async () => {
    const answer = await fetch("/api/backups", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    return [answer.status, (await answer.json()).type];
  });
  assert.deepEqual(refused, [403, "urn:nightkeep:problem:role-too-low"]);
});

test("somebody without a role is told whom to ask, and can sign in as somebody else", async (t) => {
  const page = await signIn(t, "zoe", { refusals: [403] });
  await page.getByRole("heading", { name: "You have no role here" }).waitFor();
  const said = await page.locator("main").textContent();
  assert.match(said, /You are signed in as Zoë <b>Weiß<\/b>, .* Ask the office for one/s);
  assert.notEqual(await page.locator("main").evaluate((main) => getComputedStyle(main).maxWidth), "none", "its style is there");
  await page.getByRole("link", { name: "Sign in as somebody else" }).click();
  await signInAs(page, "maya");
  await row(page, record.id).waitFor();
});

test("half-typed notes survive the end of the session", async (t) => {
  const page = await signIn(t, "maya");
  await row(page, record.id).getByRole("button", { name: /^Edit notes/ }).click();
  await row(page, record.id).getByRole("textbox").fill("Half of what I wanted");
  await page.context().clearCookies({ name: "__Host-nightkeep" });
  await row(page, record.id).getByRole("button", { name: "Save notes" }).click();
  await row(page, record.id).getByText("You were signed out").waitFor();
  assert.equal(await row(page, record.id).getByRole("textbox").inputValue(), "Half of what I wanted");
  // The provider still knows who it is: no name is asked for.
  await page.locator('a[href^="/sign-in"]:visible').first().click();
  await row(page, record.id).getByRole("textbox").waitFor();
  assert.equal(await row(page, record.id).getByRole("textbox").inputValue(), "Half of what I wanted");
  await row(page, record.id).getByRole("button", { name: "Save notes" }).click();
  await reads(row(page, record.id).locator("[data-part=notes]"), "Half of what I wanted");
  const { notes_edited, notes_history } = (await script("GET", `/api/records/${record.id}`)).record;
  assert.equal(notes_edited.by, "Maya Lindqvist");
  assert.deepEqual(notes_history.map(({ notes, by }) => [notes, by]), [["First", "nightly-script"]]);
});

test("a page that nobody touches says so with what it asks, and stops saying so at the first touch", async (t) => {
  const page = await signIn(t, "maya", { prepare: (page) => page.clock.install() });
  await row(page, record.id).waitFor();
  const unattended = async () => {
    const [request] = await Promise.all([page.waitForRequest(/api\/state/), page.clock.fastForward(21_000)]);
    return request.headers()["nightkeep-unattended"];
  };
  await page.mouse.move(10, 10);
  assert.equal(await unattended(), undefined);
  await page.clock.fastForward(60_000);
  assert.equal(await unattended(), "1");
  await page.mouse.move(20, 20);
  assert.equal(await unattended(), undefined);
});

test("a new key of the provider is found, and nobody notices", async (t) => {
  const before = await signIn(t, "maya");
  await row(before, record.id).waitFor();
  provider.rotate();
  const later = await signIn(t, "maya");
  await row(later, record.id).waitFor();
  await before.reload();
  await row(before, record.id).waitFor();
});

test("while the provider is away sessions go on, and a sign-in says so and works again afterwards", async (t) => {
  const inside = await signIn(t, "maya");
  await row(inside, record.id).waitFor();
  provider.away(() => true);
  t.after(() => provider.away(() => false));
  await inside.reload();
  await row(inside, record.id).waitFor();

  provider.away((path) => path.startsWith("/token"));
  const late = await signIn(t, "maya", { refusals: [503] });
  await late.getByRole("heading", { name: "Signing in is not possible at the moment" }).waitFor();
  provider.away(() => false);
  await late.getByRole("link", { name: "Try again" }).click();
  await row(late, record.id).waitFor();
});

/** Another site, on another port of this machine: the nearest that another site can be. */
async function anotherSite(t, body, headers = {}) {
  const server = createServer((request, response) => response.writeHead(200, { "content-type": "text/html", ...headers }).end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close() && server.closeAllConnections());
  return server.address().port;
}

test("no other site can do anything in the name of somebody who is signed in, or show the page in a frame", async (t) => {
  const page = await signIn(t, "maya");
  await row(page, record.id).waitFor();
  const target = `${program.url}/api/backups`;
  const port = await anotherSite(t, `<!doctype html>
    <form id="plain" method="post" enctype="text/plain" action="${target}"><input name='{"notes":"' value='"}'></form>
    <form id="usual" method="post" action="${target}"><input name="notes" value="x"></form>
    <form id="leave" method="post" enctype="text/plain" action="${program.url}/sign-out"><input name='{"a":"' value='"}'></form>
    <iframe id="page" src="${program.url}/"></iframe>`);
  const evil = await page.context().newPage();
  for (const host of ["127.0.0.1", "localhost", "evil.localhost"]) {
    for (const form of ["plain", "usual", "leave"]) {
      await evil.goto(`http://${host}:${port}/`);
      await evil.evaluate((id) => document.getElementById(id).submit(), form);
      await evil.waitForURL(`${program.url}/**`);
      const { status } = JSON.parse(await evil.locator("body").textContent());
      // Without the cookie, which the browser does not bring along from another site, or with it.
      assert.ok([401, 403].includes(status), `${form} from ${host}: ${status}`);
    }
    await evil.goto(`http://${host}:${port}/`);
    const fetched = await evil.evaluate(async (url) => {
      const attempts = [
        { method: "POST", body: "{}", mode: "no-cors", credentials: "include" },
        { method: "POST", body: "{}", headers: { "content-type": "application/json" }, credentials: "include" },
        { method: "GET", credentials: "include" },
      ];
      const read = attempts.map((attempt) => fetch(url, attempt).then((response) => response.text(), () => ""));
      return (await Promise.all(read)).join("");
    }, target);
    assert.equal(fetched, "", `nothing can be read from ${host}`);
    const framed = await evil.locator("#page").evaluate((frame) => { try { return frame.contentDocument !== null; } catch { return false; } });
    assert.equal(framed, false);
    assert.equal(evil.frames().some((frame) => frame.url().startsWith(program.url)), false, "the page refuses to be framed");
  }
  await page.reload();
  await row(page, record.id).waitFor();
  assert.equal((await script("GET", "/api/records")).records.length, 1, "nothing was begun");
});

test("a sibling's cookie is not taken for ours", async (t) => {
  const attributes = "Path=/; Secure; HttpOnly";
  const cookies = [`__Host-nightkeep=planted; Domain=localhost; ${attributes}`, `__Host-nightkeep-sign-in=planted; Domain=localhost; ${attributes}`];
  const port = await anotherSite(t, "<p>planted</p>", { "set-cookie": cookies });
  const page = await browser.open(t, `http://evil.localhost:${port}/`, { ready: "p" });
  assert.deepEqual(await page.context().cookies(`http://localhost:${port}`), []);
});

test("a script's token does what its role may, and only as long as it is exactly right", async () => {
  const token = await provider.token();
  const ask = async (bearer) => (await fetch(`${program.url}/api/state`, { headers: { authorization: `Bearer ${bearer}` } })).status;
  assert.equal(await ask(token), 200);
  const [header, claims, signature] = token.split(".");
  const more = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, "base64url")), exp: 4e9 })).toString("base64url");
  assert.equal(await ask(`${header}.${more}.${signature}`), 401);
});
