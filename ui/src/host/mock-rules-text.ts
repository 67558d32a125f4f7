/** Rule files read roughly, as far as the examples need it: who watches what from when on. */
import type { PlanMistake, RuleDoubt, RuleOutline } from "./generated";

const SPANS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function spanOf(text: string): number {
  return [...text.matchAll(/(\d+)(ms|[smhd])/g)].reduce(
    (sum, [, n, unit]) => sum + Number(n) * (SPANS[unit ?? "s"] ?? 0),
    0,
  );
}

export interface Read {
  group: string;
  intervalMs: number;
  outline: RuleOutline;
  op: string | null;
  severity: string;
  summary: boolean;
}

const COMPARED = /^([\s\S]*\S)\s*(>=|<=|==|>|<)\s*(-?[\d.]+(?:e-?\d+)?)\s*$/;
const indent = (line: string) => line.length - line.trimStart().length;

/** The value of a key, on its line or as the block under it. */
function valueOf(lines: string[], key: string): string {
  const at = lines.findIndex((line) => new RegExp(`^\\s*(?:- )?${key}:`).test(line));
  if (at < 0) return "";
  const first = lines[at] ?? "";
  const own = first.replace(/^.*?:\s*/, "").trim();
  if (!/^[|>]-?$/.test(own)) return own.replace(/^'(.*)'$/, "$1").replace(/^"(.*)"$/, "$1");
  const depth = indent(first.replace(/- /, "  "));
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => line.trim() !== "" && indent(line) <= depth);
  return rest
    .slice(0, end < 0 ? undefined : end)
    .map((line) => line.trim())
    .join("\n")
    .trim();
}

export function readRules(yaml: string): Read[] {
  const lines = yaml.split("\n");
  const found: Read[] = [];
  let [group, intervalMs, place] = ["", 60_000, 0];
  lines.forEach((line, i) => {
    const named = /^\s*- name: *(\S+)/.exec(line);
    if (named) [group, intervalMs, place] = [named[1] ?? "", 60_000, 0];
    const every = /^\s*interval: *(\S+)/.exec(line);
    if (every) intervalMs = spanOf(every[1] ?? "");
    const rule = /^(\s*)- (alert|record): *(\S+)/.exec(line);
    if (!rule) return;
    const depth = rule[1]?.length ?? 0;
    const rest = lines.slice(i + 1);
    const end = rest.findIndex((next) => next.trim() !== "" && indent(next) <= depth);
    const block = [line, ...rest.slice(0, end < 0 ? undefined : end)];
    const query = valueOf(block, "expr");
    const compared = COMPARED.exec(query);
    found.push({
      group,
      intervalMs,
      op: compared?.[2] ?? null,
      severity: /severity: *["']?([\w-]+)/.exec(block.join("\n"))?.[1] ?? "",
      summary: block.some((one) => one.includes("summary:")),
      outline: {
        group,
        place: place++,
        name: rule[3] ?? "",
        alerts: rule[2] === "alert",
        line: i + 1,
        query,
        value_query: compared?.[1] ?? null,
        threshold: compared ? Number(compared[3]) : null,
        hold_ms: spanOf(valueOf(block, "for")),
      },
    });
  });
  return found;
}

export function mistakesOf(yaml: string): PlanMistake[] {
  const tab = yaml.split("\n").findIndex((line) => /^\s*\t/.test(line));
  if (tab >= 0) {
    return [{ line: tab + 1, column: 1, path: "", message: "a tab does not indent in YAML; use spaces" }];
  }
  if (yaml.trim() !== "" && !/^groups:/m.test(yaml)) {
    return [{ line: 1, column: 1, path: "", message: "`groups` is missing" }];
  }
  return readRules(yaml).flatMap(({ outline: { query, line, place } }): PlanMistake[] => {
    const path = `groups[0].rules[${place}].expr`;
    const open = [...query].reduce((n, c) => n + Number(c === "(") - Number(c === ")"), 0);
    if (query === "") return [{ line, column: 9, path, message: "`expr` is missing" }];
    if (open <= 0) return [];
    const message = `this is no query: 1:${query.length + 1}: parse error: unclosed left parenthesis`;
    return [{ line: line + 1, column: 15, path, message }];
  });
}

export function doubtsOf(yaml: string): RuleDoubt[] {
  return readRules(yaml).flatMap(({ group, outline, severity, op }): RuleDoubt[] => {
    const { name: rule, line, alerts, threshold, value_query } = outline;
    const doubt = (code: string, what: string, advice: string) => ({ code, line, group, rule, what, advice });
    if (!alerts) return [];
    return [
      ...(severity === ""
        ? [doubt("no-severity", "the alert has no label `severity`", "add one, so that it can be routed")]
        : []),
      ...(threshold !== null && threshold >= 1 && op === ">" && /ratio/.test(value_query ?? "")
        ? [
            doubt(
              "dead-alert",
              `the alert can never fire: \`${value_query}\` lies between 0 and 1, so that \`> ${threshold}\` never holds`,
              "correct the threshold, or what is compared with it",
            ),
          ]
        : []),
      ...(/^rate\(/.test(value_query ?? "")
        ? [
            doubt(
              "rate-as-percentage",
              `\`${value_query}\` is a number per second, and the annotation \`summary\` shows it as a percentage`,
              `divide by the rate of all of them, as in \`${value_query} / <the same of all>\`, or show it per second`,
            ),
          ]
        : []),
    ];
  });
}
