// The viewer's time zone, three of them: what is shown is the viewer's own time, and the nights are those of
// the schedule's zone.

import { test } from "node:test";
import { reads, row } from "./support/browser.js";
import { DAY, nightly, record, world } from "./support/canned.js";
import { NOW, setScene } from "./support/scene.js";

const scene = setScene();

const ZONES = {
  "Europe/Berlin": { head: "(UTC+01:00)", date: "Tue 24 Nov 2026, 02:00", next: "tonight, 02:00", more: "in 18 hours · every night", ago: "6 hours ago" },
  "America/New_York": { head: "(UTC−05:00)", date: "Mon 23 Nov 2026, 20:00", next: "tonight, 20:00", more: "in 18 hours · every night at 02:00, Europe/Berlin", ago: "yesterday" },
  "Australia/Adelaide": { head: "(UTC+10:30)", date: "Tue 24 Nov 2026, 11:30", next: "tomorrow, 11:30", more: "in 18 hours · every night at 02:00, Europe/Berlin", ago: "6 hours ago" },
};

for (const [zone, expected] of Object.entries(ZONES)) {
  test(`R1 R2 P2: in ${zone} dates are the viewer’s own, with the zone said once`, async (t) => {
    const last = Date.parse("2026-11-24T01:00:00Z");
    const told = world([record(last), record(last - DAY)], { nightly: nightly(NOW, "++++++++++++++", { last_success_at: new Date(last).toISOString() }) });
    const page = await scene.open(t, told, { timezoneId: zone });
    await reads(page.locator("#zone"), expected.head);
    const newest = row(page, told.records[0].id);
    await reads(newest.locator("time"), expected.date);
    await reads(newest.locator("[data-part=ago]"), expected.ago);
    await reads(page.locator("#summary [data-part=next-at]"), expected.next);
    await reads(page.locator("#summary [data-part=next-more]"), expected.more);
    await reads(page.locator("#footer-zone"), new RegExp(zone.replace("/", "\\/")));
  });
}
