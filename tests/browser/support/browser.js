// Chromium, and pages that must not complain: no script error, no violation of the content security
// policy, no file of the page missing.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const PATIENCE = Number(process.env.PATIENCE ?? 60_000);
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function startBrowser() {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: FLAGS,
  });

  return {
    close: () => browser.close(),
    /**
     * Opens a page of its own for a test, and closes it at the test's end.
     * @param t the test
     * @param options Playwright's, `prepare(page)` before the page is loaded, `ready`, what is waited for,
     *   and `refusals`, the statuses that the test is about
     */
    async open(t, url, { prepare, ready, refusals = [], ...options } = {}) {
      // With less motion: what glides would be pressed where it was and let go where it no longer is.
      const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "Europe/Berlin", reducedMotion: "reduce", ...options });
      context.setDefaultTimeout(PATIENCE);
      const page = await context.newPage();
      const complaints = [];
      page.on("pageerror", (error) => complaints.push(error.stack));
      page.on("console", (message) => {
        // Refusals of the API are part of what is tested; the page's own files are looked after below.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
      });
      page.on("response", (response) => {
        if (response.status() >= 400 && !refusals.includes(response.status()) && !response.url().includes("/api/")) complaints.push(`${response.status()} ${response.url()}`);
      });
      await page.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
        window.heard = [];
        new MutationObserver((changes) => {
          const spoken = changes.map(({ target }) => target).filter((node) => node.id === "spoken" || node.id === "alarm");
          for (const node of new Set(spoken)) window.heard.push(node.textContent.trim());
        }).observe(document, { childList: true, subtree: true });
      });
      t.after(async () => {
        await context.close();
        assert.deepEqual(complaints, [], "the page complained");
      });
      await prepare?.(page);
      await page.goto(url);
      await page.locator(ready ?? "#rows .record:visible, #blank:visible, #activity .record:visible, #no-activity:visible").first().waitFor();
      return page;
    },
  };
}

/** The row of the record with this id. */
export const row = (page, id) => page.locator(`#r-${id}`);

/** Opens the dialog that restores a record, and waits for its characters. */
export async function openRestore(page, id) {
  await row(page, id).hover();
  await row(page, id).getByRole("button", { name: /^Restore the backup of / }).click();
  return code(page);
}

/** The characters that the open dialog asks for, once they are there. */
export async function code(page, not = "") {
  let shown = "";
  await until("six characters", async () => {
    shown = (await page.locator("#confirm-dialog[open] #confirm-code [aria-hidden]").allTextContents()).join("");
    return (shown.length === 6 && shown !== not) || shown;
  });
  return shown;
}

/** Has the page ask for the state now, as when a connection comes back, instead of within 20 seconds. */
export const askNow = (page) => page.evaluate(() => dispatchEvent(new Event("online")));

/** Waits until a text of the page is, or matches, what is expected. */
export async function reads(locator, expected) {
  const matches = (text) => (expected instanceof RegExp ? expected.test(text) : text === expected);
  await until(`${locator} reads ${expected}`, async () => {
    const text = await locator.textContent().catch(() => "");
    return matches(text.trim()) ? true : text;
  });
}

/**
 * Waits until the page has spoken a text, after the one that this has waited for before. Something else may
 * have been spoken since: a reason is soon followed by a quarter of the way.
 */
export async function hears(page, expected) {
  const matches = (text) => (expected instanceof RegExp ? expected.test(text) : text === expected);
  await until(`“${expected}” to be spoken`, async () => {
    const heard = await page.evaluate(() => window.heard);
    const position = heard.findIndex(matches);
    if (position < 0) return heard;
    await page.evaluate((count) => window.heard.splice(0, count), position + 1);
    return true;
  });
}

/** Waits until `look` gives true; what it gave last is in the failure. */
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await look();
    if (seen === true) return;
    if (Date.now() > end) assert.fail(`waited for: ${what}; last: ${JSON.stringify(seen)}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
