// The page's words: two languages with the same keys, chosen by the browser or by hand; and the page's
// types, which the compiler checks.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import en from "../../functions/api/ui/words/en.js";
import de from "../../functions/api/ui/words/de.js";
import { reads, row } from "./support/browser.js";
import { DAY, failure, iso, nightly, record, tells, world } from "./support/canned.js";
import { NOW, setScene } from "./support/scene.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));

const scene = setScene();

/** Every key with what kind of thing it is, a function's number of arguments too. */
function shape(words, path = "") {
  return Object.entries(words).flatMap(([key, value]) => {
    const name = `${path}${key}`;
    if (typeof value === "object" && !Array.isArray(value)) return shape(value, `${name}.`);
    return [`${name}: ${typeof value === "function" ? `function of ${value.length}` : Array.isArray(value) ? `${value.length} texts` : typeof value}`];
  }).sort();
}

test("both languages have the same words, and no word is the other's", () => {
  assert.deepEqual(shape(de), shape(en));
  const same = Object.entries(en.page).filter(([key, text]) => de.page[key] === text).map(([key]) => key);
  assert.deepEqual(same, ["status"]);
});

test("the markup has no words of its own, and every one that it asks for is there", async () => {
  const markup = await readFile(fileURLToPath(new URL("../../functions/api/ui/index.html", import.meta.url)), "utf8");
  const asked = [...markup.matchAll(/data-t(?:-name|-column)?="([^"]*)"/g)].map(([, key]) => key);
  assert.ok(asked.length > 60);
  assert.deepEqual(asked.filter((key) => !(key in en.page)), []);
  const texts = markup.replace(/<noscript>.*?<\/noscript>|<svg class="sprite"[\s\S]*?<\/svg>|<title>.*?<\/title>|<!--.*?-->/gs, "").match(/>[^<>]*\p{L}[^<>]*</gu);
  assert.deepEqual(texts, [">Nightkeep<"]);
  assert.doesNotMatch(markup, /aria-label="|title="|placeholder="/);
});

test("the page's types are right, by the strictest of checks", async () => {
  await promisify(execFile)("npx", ["tsc", "--project", "tsconfig.json"], { cwd: HERE }).catch(({ stdout }) => assert.fail(stdout));
});

const library = () => world([record(NOW - DAY, { size: { total_bytes: 4.83e9, added_bytes: 41.2e6, files: 17_482 } })], { nightly: nightly(NOW, "++", { last_success_at: iso(NOW - DAY) }), user: { name: "Maya Lindqvist", role: "operator", signed_in: true } });
const open = (t, locale, options = {}) => scene.open(t, library(), { locale, ...options });

test("the browser's language is the page's, English where it is neither, and the other one by hand, for good", async (t) => {
  const french = await open(t, "fr-FR");
  assert.equal(await french.evaluate(() => document.documentElement.lang), "en");
  const page = await open(t, "de-CH");
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await page.getByRole("heading", { name: "Sicherungen und Wiederherstellungen" }).waitFor();
  await page.getByRole("button", { name: /Notizen der Sicherung vom .+ ändern/ }).click();
  await page.getByRole("textbox").fill("Geschrieben");
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("heading", { name: "Backups and restores" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "language", "the focus is where it was");
  assert.equal(await page.getByRole("textbox").inputValue(), "Geschrieben", "what was typed is kept");
  await page.reload();
  await page.getByRole("heading", { name: "Backups and restores" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Deutsch" }).getAttribute("lang"), "de");
});

test("dates, sizes and numbers are written as each language writes them", async (t) => {
  const page = await open(t, "de-DE");
  const first = page.locator("#rows .record").first();
  await reads(first.locator("time"), "Mo, 23. Nov. 2026, 08:14");
  await reads(first.locator("[data-part=ago]"), "gestern");
  await reads(first.locator("[data-part=size]"), /^4,83\sGB$/);
  await first.getByRole("button", { name: /^Einzelheiten/ }).click();
  await reads(page.locator("tr.details"), /17\.482/);
  await reads(page.locator("#summary [data-part=last-ago]"), "vor 24 Stunden");
  await reads(page.locator("#summary [data-part=next-more]"), "in 18 Stunden · jede Nacht");
});

test("what the server says in English and nobody has translated is marked as English", async (t) => {
  const told = library();
  Object.assign(told.records[0], { status: "FAILED", size: null, failure: failure({ code: "something_new" }, "Something new.", "Nothing.", "Look.") });
  const page = await scene.browser.open(t, scene.program.url, { locale: "de-DE", prepare: tells(told) });
  assert.equal(await row(page, told.records[0].id).locator("[data-part=cause-text] [lang=en]").textContent(), "Something new.");
});

test("every cause that the server knows has words in both languages, with all that it names", async () => {
  const { Cause } = (await (await fetch(`${scene.program.url}/api/openapi.json`)).json()).components.schemas;
  assert.ok(Cause.oneOf.length >= 20, `${Cause.oneOf.length} causes`);
  const of = { kind: "backup", put_back: null, stage: "backup", last: "backup" };
  for (const { properties } of Cause.oneOf) {
    const cause = { code: properties.code.enum[0] };
    const named = [];
    for (const [name, { type }] of Object.entries(properties)) {
      if (name === "code" || name === "in_the_way") continue;
      const isNumber = [type].flat().includes("integer");
      cause[name] = isNumber ? 7 : `the ${name}`;
      // A program's last words have a place of their own; a dump's program is asked for by name.
      if (name !== "said") named.push(isNumber ? "7" : `the ${name}`);
    }
    if ("in_the_way" in properties) cause.in_the_way = "restore";
    const found = de.failure(failure(cause, "Happened.", "Done.", "Do."), of);
    assert.ok(found, cause.code);
    for (const name of named) assert.ok(found.happened.includes(name), `${cause.code} does not name ${name}: ${found.happened}`);
    assert.ok(found.done && found.to_do && found.first, cause.code);
  }
});
