import { describe, expect, test } from "vitest";
import type { BacktestEpisode, Evaluator, RuleFileRow, RuleGroupRow, RuleOutline, RuleRow } from "@/host";
import recorded from "@/host/recorded/alerts.json";
import { readRules } from "@/host/mock-rules-text";
import { inWords } from "@/lib/format";
import {
  lengthMs,
  lengthText,
  rounded,
  ruleAt,
  stepOf,
  testExample,
  withHold,
  withThreshold,
} from "@/views/alerts/text";
import { lineOf, tree, trouble } from "@/views/alerts/tree";
import {
  episodeLanes,
  episodeRows,
  evaluates,
  isLink,
  journalLink,
  laneWords,
  plainly,
} from "@/views/alerts/words";

const plain = (text: string | null) => (text ?? "").replaceAll("\u00a0", " ");
const YAML = `groups:
  - name: web
    rules:
      # 0.05 is what was agreed
      - alert: Errors
        expr: |
          sum(rate(errors_total[5m]))
            / sum(rate(all_total[5m])) > 0.05
        labels:
          for: nobody
      - record: a:b
        expr: sum(x) > 0.05
      - expr: '0.2 < p95'
        alert: Slow
        for: 5m # as agreed
      - { alert: Flow, expr: 'up == 0', for: 1m }
      - alert: Twice
        expr: a > 3 and b > 3
        for: "2m"
`;
const RULES: Record<string, [line: number, threshold: number, holdMs: number]> = {
  Errors: [5, 0.05, 0],
  Slow: [13, 0.2, 300_000],
  Flow: [16, 0, 60_000],
  Twice: [17, 3, 120_000],
};
const rule = (name: string): RuleOutline => {
  const [line, threshold, hold_ms] = RULES[name]!;
  return { group: "web", place: 0, name, alerts: true, line, query: "", value_query: "", threshold, hold_ms };
};
/** The lines that differ. */
const changed = (after: string | null) => {
  if (after === null) return null;
  const before = YAML.split("\n");
  return after.split("\n").filter((line) => !before.includes(line));
};

describe("a threshold and a `for` in the text", () => {
  test("the number of the comparison is changed and nothing else, whichever side it stands on", () => {
    expect(changed(withThreshold(YAML, rule("Errors"), 0.08))).toEqual([
      "            / sum(rate(all_total[5m])) > 0.08",
    ]);
    expect(changed(withThreshold(YAML, rule("Slow"), 0.25))).toEqual(["      - expr: '0.25 < p95'"]);
    expect(withThreshold(YAML, rule("Errors"), 0.08)).toContain("expr: sum(x) > 0.05");
  });

  test("in quotes as well", () => {
    const text = 'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: "up{code!=\\"5\\"} < 5"\n';
    const quoted = { ...rule("Errors"), line: 4, threshold: 5 };
    expect(withThreshold(text, quoted, 6)).toBe(text.replace('< 5"', '< 6"'));
    expect(withHold(text, quoted, 60_000)).toBe(`${text.trimEnd()}\n    for: 1m\n`);
  });

  test("where it cannot be told which number that is, nothing is written", () => {
    expect(withThreshold(YAML, rule("Twice"), 4)).toBeNull();
    expect(withThreshold(YAML, rule("Flow"), 1)).toBeNull();
    expect(withThreshold(YAML, { ...rule("Errors"), threshold: 0.07 }, 1)).toBeNull();
    expect(withThreshold(YAML, { ...rule("Errors"), threshold: null }, 1)).toBeNull();
  });

  test("a `for` is changed with what stands beside it, or added after the query", () => {
    expect(changed(withHold(YAML, rule("Slow"), 90_000))).toEqual(["        for: 1m30s # as agreed"]);
    expect(changed(withHold(YAML, rule("Twice"), 0))).toEqual(["        for: 0s"]);
    const added = withHold(YAML, rule("Errors"), 120_000)?.split("\n") ?? [];
    expect(added.slice(7, 10)).toEqual([
      "            / sum(rate(all_total[5m])) > 0.05",
      "        for: 2m",
      "        labels:",
    ]);
    expect(withHold(YAML, rule("Flow"), 1000)).toBeNull();
  });

  test("of every preset, what is written back is read back", () => {
    const presets = recorded.find(({ request }) => request === "rules.presets")?.answer as { yaml: string }[];
    let written = 0;
    for (const { yaml } of presets) {
      for (const { outline } of readRules(yaml)) {
        if (!outline.alerts || outline.threshold === null) continue;
        const held = withHold(yaml, outline, 7 * 60_000) ?? "";
        const next = withThreshold(held, outline, 0.123) ?? "";
        const same = readRules(next).find(
          (one) => one.outline.group === outline.group && one.outline.place === outline.place,
        );
        expect([outline.name, same?.outline.threshold, same?.outline.hold_ms]).toEqual([
          outline.name,
          0.123,
          7 * 60_000,
        ]);
        written += 1;
      }
    }
    expect(written).toBeGreaterThan(15);
  });

  test("lengths are written as rules write them", () => {
    expect([0, 90_000, 5_400_000, 86_400_000, 250].map(lengthText)).toEqual([
      "0s",
      "1m30s",
      "1h30m",
      "1d",
      "250ms",
    ]);
    expect(["90s", "1h30m", "1w", "0", "", "5 m", "m"].map(lengthMs)).toEqual([
      90_000,
      5_400_000,
      604_800_000,
      0,
      null,
      null,
      null,
    ]);
  });

  test("a line belongs to the rule above it", () => {
    const all = Object.keys(RULES).map(rule);
    expect([1, 5, 12, 13, 16, 99].map((line) => ruleAt(all, line)?.name)).toEqual([
      undefined,
      "Errors",
      "Errors",
      "Slow",
      "Flow",
      "Twice",
    ]);
  });

  test("keys move by steps that are easy to read", () => {
    expect([stepOf(0, 0.1), stepOf(0, 1), stepOf(0, 430), stepOf(0, 0)]).toEqual([0.002, 0.02, 10, 0.01]);
    expect(rounded(0.05 + 0.002, 0.002)).toBe(0.052);
  });

  test("an example of unit tests names the file and its first alert", () => {
    const text = testExample("web", [{ ...rule("Slow"), alerts: false }, rule("Errors")]);
    expect(text).toContain("rule_files: [web.yaml]");
    expect(text).toContain("alertname: Errors");
  });
});

describe("alerts in words", () => {
  const now = Date.parse("2026-12-01T12:00:00Z");
  const evaluator: Evaluator = {
    at: "2026-12-01T11:59:58Z",
    by: "ana@bridge-7",
    current: true,
    behind: false,
    trouble: [],
  };
  test("that nobody evaluates is loud, that somebody does is not", () => {
    expect(evaluates(evaluator, now)).toMatchObject({ mark: "good", more: null });
    expect(evaluates({ ...evaluator, behind: true }, now).words).toContain("making up for what was missed");
    const stale = evaluates({ ...evaluator, current: false, at: "2026-12-01T11:40:00Z" }, now);
    expect(stale.mark).toBe("bad");
    expect(plain(stale.more)).toContain("The last sign of life was 20 min ago, of ana@bridge-7.");
    expect(stale.more).toContain("that nothing fires means nothing now");
    expect(evaluates({ ...evaluator, current: false, at: null }, now).words).toBe(
      "Nobody evaluates rules here.",
    );
  });

  test("a query in a sentence stays as it is written; lengths around it are words", () => {
    const text = "`rate(x[5m])` is 2 and has been for 3m";
    expect(plain(inWords(text))).toBe("`rate(x[5m])` is 2 and has been for 3 min");
    expect(plain(plainly(text))).toBe("rate(x[5m]) is 2 and has been for 3 min");
  });

  const episode = (
    service: string,
    from: number,
    fires: number | null,
    to: number | null,
  ): BacktestEpisode => {
    const at = (minute: number) => new Date(now + minute * 60_000).toISOString();
    return {
      labels: { alertname: "Slow", service },
      pending_since: at(from),
      firing_since: fires === null ? null : at(fires),
      resolved_at: to === null ? null : at(to),
      peak: 0.4,
    };
  };
  test("episodes are lanes: waiting, then firing; one that lasts reaches the end", () => {
    const end = now + 100 * 60_000;
    const lanes = episodeLanes(
      [episode("a", 0, 5, 10), episode("b", 20, null, 22), episode("a", 90, 95, null)],
      end,
    );
    expect(lanes.map(({ name, spans }) => [name, spans.map(({ kind }) => kind).join()])).toEqual([
      ['service="a"', "pending,firing,pending,firing"],
      ['service="b"', "pending"],
    ]);
    expect(lanes[0]?.spans.at(-1)?.to).toBe(end);
    expect(plain(laneWords(lanes[0]!, now, end))).toBe(
      'service="a": firing 2 times, 10 min in all; pending 2 times, 10 min in all',
    );
    expect(laneWords(lanes[1]!, now, now + 60_000)).toBe('service="b": quiet');
    expect(episodeRows([episode("a", 0, null, 1)])[1]?.[2]).toBeNull();
  });

  test("what is told leads to its event; a link is known for one", () => {
    const told = {
      seq: 1,
      at: "2026-12-01T11:00:00Z",
      recorded_at: "",
      fires: false,
      words: "",
      value: 1,
      late: true,
    };
    expect(journalLink(told)).toBe(
      "#/journal?kind=alert.resolved&since=2026-12-01T11%3A00%3A00Z&until=2026-12-01T11%3A00%3A00Z",
    );
    expect(["https://a.b/c", "see https://a.b", "javascript:x"].map(isLink)).toEqual([true, false, false]);
  });
});

describe("the tree of rules", () => {
  const ruleRow = (name: string, more: Partial<RuleRow> = {}) =>
    ({
      place: 0,
      name,
      query: "up",
      severity: "page",
      line: 7,
      failure: null,
      refused: 0,
      ...more,
    }) as RuleRow;
  const group = (rules: RuleRow[], more: Partial<RuleGroupRow> = {}) =>
    ({ name: "g", rules, behind: false, lost: null, ...more }) as RuleGroupRow;
  const file = (
    name: string,
    groups: RuleGroupRow[],
    mistakes: RuleFileRow["mistakes"] = [],
  ): RuleFileRow => ({
    name,
    path: `/${name}.yaml`,
    mistakes,
    groups,
  });
  const files = [
    file("web", [group([ruleRow("Errors"), ruleRow("Slow", { place: 1, failure: "too much" })])]),
    file("bad", [], [{ line: 3, column: 1, path: "", message: "what" }]),
  ];
  const keys = (filter: string) => tree(files, filter).map(({ key }) => key);

  test("a rule that matches brings its group and file; a file without rules stands all the same", () => {
    expect(keys("")).toEqual(["web", "web/g", "web/g/0", "web/g/1", "bad"]);
    expect(keys("slow")).toEqual(["web", "web/g", "web/g/1"]);
    expect(keys("bad")).toEqual(["bad"]);
    expect(keys("nothing")).toEqual([]);
  });

  test("each line says what is wrong with it, and where that stands", () => {
    const all = tree(files, "");
    expect(all.map(trouble).map(plain)).toEqual(["", "", "", "failed: too much", "1 mistake; line 3: what"]);
    expect(all.map(lineOf)).toEqual([1, 7, 7, 7, 3]);
    const lost: [string, string] = ["2026-12-01T10:00:00Z", "2026-12-01T10:20:00Z"];
    const [, row] = tree([file("a", [group([ruleRow("x", { refused: 2 })], { lost, behind: true })])], "");
    expect(trouble(row!)).toContain(
      "lost: the moments from 2026-12-01 10:00:00 UTC to 2026-12-01 10:20:00 UTC",
    );
  });
});
