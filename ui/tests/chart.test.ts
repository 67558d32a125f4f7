import { describe, expect, test } from "vitest";
import { asUtc, labelRoom, timeLabels, valueRoom } from "@/lib/chart/axis";
import { decades, options, type Series, span } from "@/lib/chart/options";
import { legend, reading, summary } from "@/lib/chart/summary";
import { paths } from "@/parts/spark";

const AT = Date.UTC(2026, 10, 20, 14, 20);
const times = [AT, AT + 60_000, AT + 120_000];
const series: Series[] = [
  { label: "stable", tone: "stable", values: [0.2, 0.3, 0.25] },
  { label: "candidate", tone: "candidate", values: [0.7, 0.9, null] },
];
const say = (v: number) => `${v.toFixed(2)}%`;

describe("in words", () => {
  test("what it shows, from when to when, and between what", () => {
    expect(summary("errors", times, series, say)).toBe(
      "errors, 14:20 to 14:22 UTC: stable now 0.25%, between 0.20% and 0.30%; candidate now 0.90%, between 0.70% and 0.90%",
    );
    expect(summary("errors", [], [], say)).toBe("errors: no data");
  });
  test("over more than a day every moment has its day", () => {
    const far = [AT, AT + 26 * 3_600_000];
    const one: Series[] = [{ label: "stable", tone: "stable", values: [0.2, 0.3] }];
    expect(summary("errors", far, one, say)).toContain("errors, 20 Nov 14:20 to 21 Nov 16:20 UTC:");
    expect(reading(1, far, one, say)).toBe("21 Nov 16:20:00: stable 0.30%");
  });
  test("under the cursor a gap is a dash, not the value before it", () => {
    expect(reading(2, times, series, say)).toBe("14:22:00: stable 0.25%, candidate –");
    expect(legend(2, series, say)[1]?.words).toBe("–");
    expect(legend(null, series, say)[1]?.words).toBe("0.90%");
    expect(legend(null, series, say, [0.1, 0.5])[1]?.words).toBe("0.50%");
    expect(legend(1, series, say, [0.1, 0.5])[1]?.words).toBe("0.90%");
  });
});

describe("the axis", () => {
  test("holds the values and the threshold, and begins at nothing", () => {
    expect(span([[1, null, 4]], 10, false, 0)).toEqual([0, 10.8]);
    expect(span([[]], undefined, false, 0)).toEqual([0, 1]);
    expect(span([[0.001]], undefined, false, 0.01)[1]).toBeGreaterThanOrEqual(0.01);
  });
  test("logarithmic it never reaches zero", () => {
    const [low, high] = span([[0, 1.4, 61]], 100, true, 0);
    expect(low).toBe(1);
    expect(high).toBeGreaterThan(100);
    expect(span([[0.02]], 100, true, 0)[0]).toBe(0.01);
  });
  test("logarithmic it has a line for each power of ten", () => {
    expect(decades(1, 160)).toEqual([1, 10, 100]);
    expect(decades(0.02, 9)).toEqual([0.1, 1]);
    expect(decades(2, 9)).toEqual([]);
    // Up to 1e14 in the height of five labels.
    expect(decades(1, 1.6e14, 5)).toEqual([1, 1e3, 1e6, 1e9, 1e12]);
    expect(decades(1, 1e14, 0)).toEqual([1]);
  });
  test("beside the plot there is room for the longest label", () => {
    expect(valueRoom(null, 58)).toBe(58);
    expect(valueRoom(["×1", "×1e14"], 58)).toBe(58);
    expect(valueRoom(["100 000 000 req/s"], 58)).toBeGreaterThan(17 * 6.6);
  });
  test("gaps stay gaps, and tokens colour the lines", () => {
    const look = { color: (token: string) => token, format: say, log: true, least: 0 };
    const extra = {
      marks: () => [],
      bands: () => [],
      threshold: () => null,
      range: (): [number, number] => [0, 1],
    };
    const made = options({ width: 10, height: 10 }, series, extra, look, () => {});
    expect(made.series.slice(1).every((s) => s.spanGaps === false)).toBe(true);
    expect((made.series[2]?.stroke as () => string)()).toBe("--candidate");
    // Not by colour alone.
    expect([1, 2].map((i) => made.series[i]?.dash?.length ?? 0)).toEqual([2, 0]);
    expect(made.scales?.["y"]?.distr).toBe(3);
  });
});

describe("the time axis", () => {
  const HOUR = 3_600_000;
  const every = (step: number, n: number, from = AT) => Array.from({ length: n }, (_, i) => from + i * step);

  test("seconds only where they differ, and whole ones alone", () => {
    expect(timeLabels(every(60_000, 3))).toEqual(["14:20", "14:21", "14:22"]);
    expect(timeLabels(every(30_000, 2))).toEqual(["14:20:00", "14:20:30"]);
    expect(timeLabels(every(500, 3))).toEqual(["14:20:00", "", "14:20:01"]);
    // Beside a whole second there is no room for another label.
    expect(timeLabels(every(500, 3, AT + 500))).toEqual(["", "14:20:01", ""]);
  });
  test("across midnight the day stands under its first label, and there alone", () => {
    const from = Date.UTC(2026, 10, 20, 18);
    expect(timeLabels(every(3 * HOUR, 4, from))).toEqual([
      "18:00\n20 Nov",
      "21:00",
      "00:00\n21 Nov",
      "03:00",
    ]);
    expect(timeLabels(every(3 * HOUR, 2, from))).toEqual(["18:00", "21:00"]);
  });
  test("whole days are days, and a new year is said", () => {
    const from = Date.UTC(2026, 11, 30);
    expect(timeLabels(every(24 * HOUR, 3, from))).toEqual(["30 Dec\n2026", "31 Dec", "1 Jan\n2027"]);
    expect(timeLabels(every(24 * HOUR, 2, from))).toEqual(["30 Dec", "31 Dec"]);
  });
  test("one label is a time, none is none", () => {
    expect(timeLabels([AT])).toEqual(["14:20"]);
    expect(timeLabels([])).toEqual([]);
  });
  test("no label is as wide as the room between two, whatever the range", () => {
    const look = { color: (token: string) => token, format: say, log: false, least: 0 };
    const extra = {
      marks: () => [],
      bands: () => [],
      threshold: () => null,
      range: (): [number, number] => [0, 1],
    };
    const { axes } = options({ width: 10, height: 10 }, series, extra, look, () => {});
    // Letters of the axis' fixed-width face at 11 pixels.
    const LETTER = 6.6;
    for (const step of [500, 1000, 60_000, HOUR, 12 * HOUR, 24 * HOUR, 30 * 24 * HOUR]) {
      const widest = Math.max(
        ...timeLabels(every(step, 40)).flatMap((l) => l.split("\n").map((part) => part.length)),
      );
      expect(widest * LETTER + 12).toBeLessThan(axes?.[0]?.space as number);
    }
  });
  test("a second line has its room, and days begin where UTC says", () => {
    expect(labelRoom(["18:00\n20 Nov", "21:00"])).toBeGreaterThan(labelRoom(["18:00", "21:00"]));
    expect(labelRoom(null)).toBe(labelRoom(["18:00"]));
    expect(asUtc(AT).getHours()).toBe(14);
    expect(asUtc(AT).getDate()).toBe(20);
  });
});

describe("sparks", () => {
  const box = { width: 30, height: 10, pad: 1 };
  test("a gap parts the line, and what stands alone is a dash", () => {
    const found = paths([1, 2, null, 3], box, true);
    expect(found?.line).toBe("M0 63L100 37M300 10m-7 0h14");
    expect(found?.area).toBe("M0 100L0 63L100 37L100 100Z");
    expect(found?.gaps).toBe(true);
    expect(paths([1, 2, 3], box, true)?.gaps).toBe(false);
  });
  test("nothing known draws nothing; what never changes is a line, not a cliff", () => {
    expect(paths([null, null], box, true)).toBeNull();
    expect(paths([0, 0], box, true)?.line).toBe("M0 90L300 90");
    expect(paths([5, 5], box, false)?.line).toBe("M0 50L300 50");
  });
});
