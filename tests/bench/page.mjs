// Opens the page at an address as a browser does that has never seen it, and prints as JSON what that took.
//
//   node page.mjs ADDRESS          the first load
//   node page.mjs ADDRESS ROWS     then everything older, until there are so many rows

import { chromium } from "../browser/node_modules/playwright-core/index.mjs";
import { CHROMIUM, FLAGS } from "../browser/support/browser.js";

const [address, rows] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
page.setDefaultTimeout(300_000);
const developer = await page.context().newCDPSession(page);
await developer.send("Network.enable");
await developer.send("Performance.enable");
let [bytes, requests] = [0, 0];
developer.on("Network.loadingFinished", ({ encodedDataLength }) => {
  bytes += encodedDataLength;
  requests += 1;
});
/** What the page's own thread has worked, in milliseconds. */
const worked = async () => {
  const { metrics } = await developer.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
};

await page.goto(address);
await page.locator("#rows .record:visible, #blank:visible").first().waitFor();
await page.waitForLoadState("networkidle");
const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
const told = { painted, bytes, requests, worked: await worked() };
if (rows) {
  await page.evaluate((wanted) => {
    return new Promise((resolve) => {
      const more = () => {
        const button = document.getElementById("older");
        if (document.querySelectorAll("#rows .record").length >= wanted) resolve();
        else {
          if (button.getAttribute("aria-disabled") === null && !document.getElementById("more").hidden) button.click();
          setTimeout(more, 20);
        }
      };
      more();
    });
  }, Number(rows));
  told.worked_for_all = (await worked()) - told.worked;
}
console.log(JSON.stringify(told));
await browser.close();
