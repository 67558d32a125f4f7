import { describe, expect, test } from "vitest";
import { decades, options, type Series, span } from "@/lib/chart/options";
import { legend, reading, summary } from "@/lib/chart/summary";
import { areaPath, linePath, runs } from "@/parts/spark";

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
  test("under the cursor a gap is a dash, not the value before it", () => {
    expect(reading(2, times, series, say)).toBe("14:22:00: stable 0.25%, candidate –");
    expect(legend(2, series, say)[1]?.words).toBe("–");
    expect(legend(null, series, say)[1]?.words).toBe("0.90%");
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
  });
  test("gaps stay gaps, and tokens colour the lines", () => {
    const look = { color: (token: string) => token, format: say, log: true, least: 0 };
    const extra = { marks: () => [], threshold: () => null, range: (): [number, number] => [0, 1] };
    const made = options({ width: 10, height: 10 }, series, extra, look, () => {});
    expect(made.series.slice(1).every((s) => s.spanGaps === false)).toBe(true);
    expect((made.series[2]?.stroke as () => string)()).toBe("--candidate");
    expect(made.scales?.["y"]?.distr).toBe(3);
  });
});

describe("sparks", () => {
  const box = { width: 30, height: 10, pad: 1 };
  test("a gap parts the line", () => {
    const found = runs([1, 2, null, 3], box, true);
    expect(found.map((run) => run.length)).toEqual([2, 1]);
    expect(linePath(found)).toBe("M0.0 6.3L10.0 3.7M29.3 1.0h1.4");
    expect(areaPath(found, box).match(/Z/g)).toHaveLength(1);
  });
  test("nothing known draws nothing; what never changes is a line, not a cliff", () => {
    expect(runs([null, null], box, true)).toEqual([]);
    expect(runs([0, 0], box, true)[0]?.map(([, y]) => y)).toEqual([9, 9]);
    expect(runs([5, 5], box, false)[0]?.map(([, y]) => y)).toEqual([5, 5]);
  });
});
