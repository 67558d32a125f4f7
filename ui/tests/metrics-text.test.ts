import { describe, expect, test } from "vitest";
import type { MetricsChart } from "@/host";
import { graphsOf } from "@/views/metrics/graph";
import { legendOf } from "@/views/metrics/legend";
import { bounds, lineLook } from "@/views/metrics/lines";
import { limitOf } from "@/views/metrics/plan-text";
import { addressOf, linkOf, rowsOf } from "@/views/metrics/queries";
import { addressOf as rangeAddress, ends, fixed, rangeOf, shifted, zoomed } from "@/views/metrics/range";
import { common, fits, seriesName, shortNames, valueOf, written } from "@/views/metrics/words";

const NOW = Date.parse("2026-11-20T14:00:00Z");
const HOUR = 3_600_000;

describe("values", () => {
  test("each unit in its own words", () => {
    const said = (unit: Parameters<typeof valueOf>[0], n: number) =>
      valueOf(unit)(n).replaceAll("\u00a0", " ");
    expect(said("bytes", 0)).toBe("0 B");
    expect(said("bytes", 536_870_912)).toBe("512 MiB");
    expect(said("bytes-per-second", 1536)).toBe("1.5 KiB/s");
    expect(said("seconds", 0.214)).toBe("214 ms");
    expect(said("seconds", 7200)).toBe("2 h");
    expect(said("share", 0.0312)).toBe("3.12 %");
    expect(said("per-second", 120.4)).toBe("120/s");
    expect(said("none", 1_234_567)).toBe("1.23 M");
    expect(said("none", -0.5)).toBe("−0.5");
    expect(valueOf("none")(null)).toBe("–");
    expect(valueOf("none")(Number.NaN)).toBe("–");
    expect(said("bytes", 1023)).toBe("1 023 B");
    expect(said("per-second", 1e14)).toBe("100 T/s");
    expect(said("none", 8888)).toBe("8 888");
    expect(said("none", 1e18)).toBe("1e18");
  });
  test("what is no number stays what it is", () => {
    expect(written("NaN", "bytes")).toBe("NaN");
    expect(written("+Inf", "none")).toBe("+Inf");
    expect(written("2048", "bytes").replaceAll("\u00a0", " ")).toBe("2.0 KiB");
    expect(written(undefined, "none")).toBe("–");
  });
});

describe("names", () => {
  const all = [
    { __name__: "up", job: "node", pod: "a" },
    { __name__: "up", job: "node", pod: "b" },
  ];
  test("what all have in common is left out", () => {
    expect([...common(all)]).toEqual(["__name__", "job"]);
    expect(shortNames(all)).toEqual(['{pod="a"}', '{pod="b"}']);
    expect(shortNames(all.slice(0, 1))).toEqual(['up{job="node", pod="a"}']);
    expect(seriesName({})).toBe("{}");
  });
  test("a filter wants every word, and none after a minus", () => {
    expect(fits('{pod="checkout-7"}', "check 7")).toBe(true);
    expect(fits('{pod="checkout-7"}', "check -7")).toBe(false);
    expect(fits("x", "")).toBe(true);
  });
  test("a legend has labels in its places", () => {
    const line = { name: "own", labels: { slot: "blue" } };
    expect(legendOf("{{slot}} {{ release }}", line)).toBe("blue");
    expect(legendOf("{{none}}", line)).toBe("own");
    expect(legendOf(null, line)).toBe("own");
  });
});

describe("the address", () => {
  const query = (text: string) => new URLSearchParams(text);
  test("queries go there and come back", () => {
    const rows = [
      { id: 1, text: "up", hidden: false },
      { id: 2, text: "  ", hidden: false },
      { id: 3, text: "rate(a[5m])", hidden: true },
    ];
    const said = Object.entries(addressOf(rows)).filter(([, value]) => value !== null) as [string, string][];
    expect(Object.fromEntries(said)).toEqual({ q: "up", q2: "rate(a[5m])", hide: "2" });
    const back = rowsOf(new URLSearchParams(said));
    expect(back.map(({ text, hidden }) => [text, hidden])).toEqual([
      ["up", false],
      ["rate(a[5m])", true],
    ]);
    expect(rowsOf(query(""))).toEqual([{ id: 1, text: "", hidden: false }]);
  });
  test("a link says of which environment it speaks", () => {
    const link = linkOf({ view: "metrics", rest: ["explore"], query: query("q=up{a%3D%22b%22}") }, "eu west");
    expect(link).toBe("deckwatch://metrics/explore?q=up%7Ba%3D%22b%22%7D&environment=eu+west");
  });
  test("ranges", () => {
    expect(rangeOf(query(""))).toEqual({ from: null, to: null, over: "1h" });
    expect(rangeOf(query("over=nonsense")).over).toBe("1h");
    const turned = rangeOf(query("from=2026-11-20T14:00:00Z&to=2026-11-20T13:00:00Z"));
    expect(turned.from).toBeNull();
    const two = fixed(NOW - HOUR, NOW);
    expect(rangeOf(new URLSearchParams(rangeAddress(two) as Record<string, string>))).toMatchObject({
      from: NOW - HOUR,
      to: NOW,
    });
  });
  test("zoom keeps the middle, and nothing goes into what is to come", () => {
    const hour = { from: null, to: null, over: "1h" };
    const closer = zoomed(fixed(NOW - 2 * HOUR, NOW - HOUR), 0.5, NOW);
    expect(ends(closer, NOW)).toEqual([NOW - 1.75 * HOUR, NOW - 1.25 * HOUR]);
    expect(ends(zoomed(hour, 2, NOW), NOW)[1]).toBe(NOW);
    expect(ends(shifted(hour, 0.5, NOW), NOW)).toEqual([NOW - HOUR, NOW]);
    expect(ends(shifted(hour, -0.5, NOW), NOW)).toEqual([NOW - 1.5 * HOUR, NOW - 0.5 * HOUR]);
    expect(fixed(NOW, NOW).to).toBeGreaterThan(NOW);
  });
});

describe("pictures", () => {
  const chart = (unit: MetricsChart["unit"], from: number, values: (number | null)[]): MetricsChart => ({
    from: new Date(from).toISOString(),
    step_ms: 1000,
    moments: values.length,
    series: [{ labels: { pod: "a" }, values, last: 1, least: 1, most: 1, mean: 1, odd: 0 }],
    total: 1,
    unit,
    notes: [],
    source: "samples",
    took_ms: 1,
  });
  test("one for each unit, on one row of times", () => {
    const graphs = graphsOf([
      { query: 0, letter: "A", chart: chart("seconds", NOW, [1, 2]) },
      { query: 1, letter: "B", chart: chart("bytes", NOW, [3, 4]) },
      { query: 2, letter: "C", chart: chart("seconds", NOW + 1000, [5, 6]) },
    ]);
    expect(graphs.map(({ unit }) => unit)).toEqual(["seconds", "bytes"]);
    expect(graphs[0]?.times).toEqual([NOW, NOW + 1000, NOW + 2000]);
    expect(graphs[0]?.lines.map(({ values }) => values)).toEqual([
      [1, 2, null],
      [null, 5, 6],
    ]);
    expect(graphs[0]?.lines.map(({ name, look }) => [name[0], look])).toEqual([
      ["A", 0],
      ["C", 1],
    ]);
  });
  test("an axis begins at zero where zero is near", () => {
    expect(bounds([[1, 2, null]])[0]).toBe(0);
    expect(bounds([[1000, 1001]])[0]).toBeGreaterThan(900);
    expect(bounds([[-2, -1]])[1]).toBe(0);
    expect(bounds([[-1, 1]])[0]).toBeLessThan(-1);
    expect(bounds([])).toEqual([0, 1]);
    const [low, high] = bounds([[5, 5]]);
    expect(low).toBeLessThan(5);
    expect(high).toBeGreaterThan(5);
  });
  test("no two of the first 32 lines look the same", () => {
    const looks = Array.from({ length: 32 }, (_, i) => JSON.stringify(lineLook(i)));
    expect(new Set(looks).size).toBe(32);
    const dashes = Array.from({ length: 32 }, (_, i) => lineLook(i).pattern);
    expect(dashes.every((one, i) => one !== dashes[i + 1])).toBe(true);
  });
});

test("a query in a plan keeps its lines", () => {
  expect(limitOf("queue", 'max(a{b="c"})\n  > 0 ', "5")).toBe(
    'analysis:\n  limits:\n    - name: queue\n      query: |\n        max(a{b="c"})\n          > 0\n      at_most: 5\n',
  );
});
