import { expect, test } from "vitest";
import { inZone } from "@/lib/zone.svelte";

const MINUTE = 60_000;

test.each(["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])(
  "a time in %s is what the calendar of that zone says, also where its clocks are moved",
  (zone) => {
    const format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "medium",
    });
    // Over the nights in which these zones change, and an ordinary day.
    for (const day of [
      Date.UTC(2026, 2, 29),
      Date.UTC(2026, 9, 25),
      Date.UTC(2026, 3, 4),
      Date.UTC(2026, 10, 1),
    ]) {
      for (let at = day - 720 * MINUTE; at < day + 720 * MINUTE; at += 7 * MINUTE) {
        expect(inZone(at, zone).join(" ")).toBe(format.format(at));
      }
    }
  },
);
