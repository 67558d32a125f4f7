/** A rule's place in its text, and a threshold or a `for` written back into it. Pure. */
import type { RuleOutline } from "@/host";

const UNITS: [sign: string, ms: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];

/** As rules write lengths: `1h30m`; nothing is `0s`. */
export function lengthText(ms: number): string {
  let left = Math.round(ms);
  let text = "";
  for (const [sign, unit] of UNITS) {
    const n = Math.floor(left / unit);
    left -= n * unit;
    if (n > 0) text += `${n}${sign}`;
  }
  return text || "0s";
}

const LENGTH = /^(?:\d+(?:ms|[smhdwy]))+$/;
const WEEK = 7 * 86_400_000;

/** Milliseconds of a length as rules write it; null when it is none. */
export function lengthMs(text: string): number | null {
  const plain = text.trim();
  if (plain === "" || plain === "0") return plain === "" ? null : 0;
  if (!LENGTH.test(plain)) return null;
  const units = new Map([...UNITS, ["w", WEEK], ["y", 365 * 86_400_000]] as [string, number][]);
  const parts = plain.matchAll(/(\d+)(ms|[smhdwy])/g);
  return [...parts].reduce((sum, [, n, sign]) => sum + Number(n) * (units.get(sign ?? "") ?? 0), 0);
}

/** The rule that a line belongs to: the last that begins at or above it. */
export function ruleAt(rules: RuleOutline[], line: number): RuleOutline | null {
  const before = rules.filter((rule) => rule.line <= line);
  return before.reduce<RuleOutline | null>(
    (best, rule) => (best && best.line > rule.line ? best : rule),
    null,
  );
}

const indentOf = (line: string) => /^ */.exec(line)?.[0].length ?? 0;
const isEmpty = (line: string) => /^\s*(?:#.*)?$/.test(line);

/** Lines from the rule's `-` up to the next thing that is no part of it. */
function block(lines: string[], rule: RuleOutline): [first: number, end: number] | null {
  let first = rule.line - 1;
  while (first >= 0 && !/^\s*- /.test(lines[first] ?? "")) first -= 1;
  if (first < 0) return null;
  const dash = indentOf(lines[first] ?? "");
  let end = first + 1;
  while (end < lines.length && (isEmpty(lines[end] ?? "") || indentOf(lines[end] ?? "") > dash)) end += 1;
  return [first, end];
}

/** Where a key of the rule stands, and the lines of its value. */
function keyLines(lines: string[], [first, end]: [number, number], key: string): [number, number] | null {
  const column = indentOf((lines[first] ?? "").replace("-", " "));
  const at = (line: string) => indentOf(line.replace(/^( *)-/, "$1 ")) === column;
  for (let i = first; i < end; i++) {
    const line = lines[i] ?? "";
    if (!at(line) || !new RegExp(`^ *(?:- +)?${key}:(?: |$)`).test(line)) continue;
    let stop = i + 1;
    while (stop < end && (isEmpty(lines[stop] ?? "") || indentOf(lines[stop] ?? "") > column)) stop += 1;
    return [i, stop];
  }
  return null;
}

const NUMBER = /[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+)/;
const AFTER = new RegExp(`((?:==|!=|>=|<=|>|<) *)(${NUMBER.source})(?![\\w.%])`, "gi");
const BEFORE = new RegExp(`(^|[^\\w.])(${NUMBER.source})( *(?:==|!=|>=|<=|>|<))`, "gi");

/** The text with another threshold; null where it cannot be told for certain which number that is. */
export function withThreshold(text: string, rule: RuleOutline, threshold: number): string | null {
  const lines = text.split("\n");
  const lies = block(lines, rule);
  const expr = lies && keyLines(lines, lies, "expr");
  if (!expr || rule.threshold === null) return null;
  const said = lines.slice(...expr).join("\n");
  const found = [
    ...[...said.matchAll(AFTER)].map((m) => ({ at: m.index + (m[1] ?? "").length, number: m[2] ?? "" })),
    ...[...said.matchAll(BEFORE)].map((m) => ({ at: m.index + (m[1] ?? "").length, number: m[2] ?? "" })),
  ].filter(({ number }) => Number(number) === rule.threshold);
  const [one, another] = found;
  if (!one || another) return null;
  const next = said.slice(0, one.at) + numberText(threshold) + said.slice(one.at + one.number.length);
  return [...lines.slice(0, expr[0]), next, ...lines.slice(expr[1])].join("\n");
}

/** The text with another `for`; null where the rule is not written line by line. */
export function withHold(text: string, rule: RuleOutline, holdMs: number): string | null {
  const lines = text.split("\n");
  const lies = block(lines, rule);
  if (!lies) return null;
  const there = keyLines(lines, lies, "for");
  if (there) {
    const line = lines[there[0]] ?? "";
    lines[there[0]] = line.replace(/(for: *)(?:"[^"]*"|'[^']*'|[^\s#]+)?/, `$1${lengthText(holdMs)}`);
    return lines.join("\n");
  }
  const expr = keyLines(lines, lies, "expr");
  if (!expr) return null;
  const column = indentOf((lines[lies[0]] ?? "").replace("-", " "));
  let end = expr[1];
  while (end > expr[0] + 1 && isEmpty(lines[end - 1] ?? "")) end -= 1;
  lines.splice(end, 0, `${" ".repeat(column)}for: ${lengthText(holdMs)}`);
  return lines.join("\n");
}

/** A number as a query has it: no more digits than tell it from its neighbours. */
export function numberText(n: number): string {
  return String(Number(n.toPrecision(12)));
}

/** A step that is easy to read: about a fiftieth of what is seen, 1, 2 or 5 of a power of ten. */
export function stepOf(low: number, high: number): number {
  const about = Math.abs(high - low) / 50 || Math.abs(high) / 50 || 0.01;
  const power = 10 ** Math.floor(Math.log10(about));
  const of = about / power;
  return power * (of < 1.5 ? 1 : of < 3.5 ? 2 : of < 7.5 ? 5 : 10);
}

/** To a whole number of steps, without what floating point adds. */
export function rounded(n: number, step: number): number {
  return Number((Math.round(n / step) * step).toPrecision(12));
}

/** What a file begins with where no preset is chosen. */
export const EXAMPLE = `# What is watched, and when it fires.
groups:
  - name: mine
    interval: 15s
    rules:
      - alert: ErrorsHigh
        expr: |
          sum by (service) (rate(deckwatch_proxy_responses_total{class=~"5xx|timeout|refused"}[5m]))
            / sum by (service) (rate(deckwatch_proxy_responses_total{class!="aborted"}[5m])) > 0.05
        for: 2m
        labels: { severity: page }
        annotations:
          summary: '{{ $value | humanizePercentage }} of the requests to {{ $labels.service }} fail'
`;

/** A file of unit tests to begin with, of the first alert there is. */
export function testExample(file: string, rules: RuleOutline[]): string {
  const alert = rules.find((rule) => rule.alerts)?.name ?? "ErrorsHigh";
  return `# Read as promtool reads it: series as they come, and what must fire when.
rule_files: [${file}.yaml]
evaluation_interval: 15s
tests:
  - name: with no series, nothing fires
    interval: 15s
    input_series: []
    alert_rule_test:
      - alertname: ${alert}
        eval_time: 10m
        exp_alerts: []
`;
}
