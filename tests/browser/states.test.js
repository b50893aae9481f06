// Every state of the page, as a desktop and as a phone, light and dark: nothing that keeps anybody out
// (axe-core), nothing cut off, and a picture of it in tests/pictures. And in German: no English left.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { setScene } from "./support/scene.js";
import { STATES, openState } from "./support/states.js";

const PICTURES = fileURLToPath(new URL("../pictures/", import.meta.url));
const SHAPES = {
  desktop: { viewport: { width: 1280, height: 860 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

const scene = setScene();
let axe;
before(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await mkdir(PICTURES, { recursive: true });
});

/** The texts of each state in English. */
const english = new Map();

/** Of the whole page down to where rows only go on, or of what is in sight of a dialog. */
async function picture(page, { name, dialog }, of) {
  const height = await page.evaluate(() => {
    document.getElementById("rows").classList.add("whole");
    return Math.min(document.documentElement.scrollHeight, 1700);
  });
  const whole = dialog ? {} : { fullPage: true, clip: { x: 0, y: 0, width: page.viewportSize().width, height } };
  await page.screenshot({ path: `${PICTURES}${name}-${of}.png`, animations: "disabled", ...whole });
}

async function violations(page) {
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations);
  return found.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
}

for (const state of STATES) {
  for (const [shape, options] of Object.entries(SHAPES)) {
    test(`P1–P7: ${state.name} keeps nobody out as a ${shape}, light and dark`, async (t) => {
      const page = await openState(scene, t, state, options);
      // The policy of the page lets no script in; what is evaluated comes from the test's side.
      await page.evaluate(axe);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await picture(page, state, `${shape}-${colorScheme}`);
        assert.deepEqual(await violations(page), [], colorScheme);
      }
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off at the side");
      if (shape === "desktop") english.set(state.name, new Set(await texts(page)));
    });
  }
}

/** Every text that is to be seen or heard, but for what is marked as of another language. */
const texts = (page) => page.evaluate(() => {
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    const element = node instanceof Element ? node : node.parentElement;
    if (element.closest("[hidden], template, script, noscript, [lang=en], .notes, pre, textarea, .mono, dialog:not([open])") || element.closest("[lang]") !== document.documentElement) continue;
    if (node instanceof Element) for (const name of ["aria-label", "data-label", "data-why", "data-exact", "title"]) found.add(node.getAttribute(name) ?? "");
    else found.add(node.textContent);
  }
  found.add(document.title);
  return [...found].map((text) => text.trim()).filter((text) => /\p{L}{2}/u.test(text));
});

/** What is the same in both languages: names, and words that both have. */
const SAME = /^(Nightkeep|Larkfield Library( · Nightkeep)?|Maya Lindqvist|Jonas Okafor|Anneliese Brandt|Ruth Sandoval|Status|uploads|database|UTC[+−]\d\d:\d\d|\(UTC[+−]\d\d:\d\d\)|Europe\/Berlin|[A-Z](, [A-Z0-9]){5}|[\d ]+(s|min|h|kB|MB|GB|B)( \d+ (s|min))?)$/;

for (const state of STATES) {
  test(`in German no English is left: ${state.name}`, async (t) => {
    const page = await openState(scene, t, state, { ...SHAPES.desktop, locale: "de-AT" });
    assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
    const left = (await texts(page)).filter((text) => english.get(state.name).has(text) && !SAME.test(text));
    assert.deepEqual(left, []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off at the side");
    await picture(page, state, "german");
  });
}
