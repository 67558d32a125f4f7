/**
 * Alerts and rules in a plain browser: rows come from `recorded/alerts.json`; what hangs on a text or
 * a range (checks, backtests, lanes, charts of the recorded rules) is made here, from one made-up past.
 */
import { environment, FIRST } from "@/lib/environment.svelte";
import type {
  AlertAsk,
  AlertLane,
  AlertRow,
  AlertsView,
  AlertTold,
  AlertView,
  BacktestAsk,
  BacktestEpisode,
  BacktestView,
  ByName,
  ChartAsk,
  MetricsChart,
  Problem,
  RuleFileRow,
  RulePreset,
  RulesText,
  RulesView,
  TestRules,
  UnitResult,
} from "./generated";
import { doubtsOf, mistakesOf, type Read, readRules, spanOf } from "./mock-rules-text";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DRAFT = `groups:
  - name: draft
    interval: 30s
    rules:
      - alert: CartSlow
        expr: max by (service) (rate(deckwatch_proxy_response_seconds_sum{service="cart"}[5m]) > 0.2
        for: 5m
        labels: { severity: warning }
`;

/** When errors or slow answers came, in minutes before now, and how many. They come again every other day. */
const BURSTS: Record<string, Record<string, [from: number, to: number, by: number][]>> = {
  errors: {
    checkout: [
      [15, -1, 0.08],
      [203, 190, 0.064],
      [541, 540, 0.058],
      [1561, 1540, 0.07],
    ],
    cart: [[306, 300, 0.028]],
    catalog: [[2030, 2028, 0.02]],
  },
  latency: {
    checkout: [[203, 190, 0.11]],
    catalog: [
      [2, -1, 0.15],
      [900, 893, 0.18],
    ],
    cart: [],
  },
};

/** The services of a query that the recorded rules ask, and what it was at each moment. */
function past(query: string, now: number) {
  const of = /errors:ratio|deckwatch_proxy_responses_total\{class=~/.test(query)
    ? "errors"
    : /latency_seconds:p95/.test(query)
      ? "latency"
      : null;
  if (of === null) return null;
  const name = /^\s*[a-z_]+:[\w:]+\s*$/.test(query) ? query.trim() : null;
  const value = (service: string, t: number) => {
    const ago = ((now - t) / MINUTE) % 2880;
    const n = service.length;
    const wave = Math.sin(t / (7.3 * MINUTE) + n) * 0.5 + Math.sin(t / (41 * MINUTE) + n) * 0.5;
    const burst = (BURSTS[of]?.[service] ?? []).find(([from, to]) => ago <= from && ago > to)?.[2] ?? 0;
    const base = of === "errors" ? 0.003 + 0.0012 * wave : 0.17 + 0.02 * wave;
    return base + burst * (1 + 0.06 * wave);
  };
  const unit = of === "errors" ? ("share" as const) : ("seconds" as const);
  return { unit, name, services: ["cart", "catalog", "checkout"], value };
}

function chart(ask: ChartAsk, now: number): MetricsChart | undefined {
  const known = past(ask.query, now);
  if (!known) return undefined;
  const to = ask.to ? Date.parse(ask.to) : now;
  const from = ask.from ? Date.parse(ask.from) : to - spanOf(ask.over ?? "1h");
  const step = ask.step ? spanOf(ask.step) : Math.max(15_000, Math.ceil((to - from) / 360 / 15_000) * 15_000);
  const start = Math.ceil(from / step) * step;
  const moments = Math.max(1, Math.floor((to - start) / step) + 1);
  const series = known.services.map((service) => {
    const values = Array.from({ length: moments }, (_, i) => known.value(service, start + i * step));
    return {
      labels: { ...(known.name && { __name__: known.name }), service },
      values,
      last: values.at(-1) ?? null,
      least: Math.min(...values),
      most: Math.max(...values),
      mean: values.reduce((sum, v) => sum + v, 0) / moments,
      odd: 0,
    };
  });
  return {
    from: new Date(start).toISOString(),
    step_ms: step,
    moments,
    series,
    total: series.length,
    unit: known.unit,
    notes: [],
    source: "samples",
    took_ms: 9,
  };
}

const HOLDS: Record<string, (value: number, threshold: number) => boolean> = {
  ">": (v, t) => v > t,
  ">=": (v, t) => v >= t,
  "<": (v, t) => v < t,
  "<=": (v, t) => v <= t,
  "==": (v, t) => v === t,
};

interface Over {
  from: number;
  to: number;
  step: number;
}

/** What a rule would have done with the made-up past. */
function episodes(rule: Read, threshold: number, holdMs: number, over: Over, now: number): BacktestEpisode[] {
  const known = past(rule.outline.value_query ?? "", now);
  const holds = HOLDS[rule.op ?? ""];
  if (!known || !holds) return [];
  const iso = (t: number) => new Date(t).toISOString();
  const all = known.services.flatMap((service) => {
    const labels = { alertname: rule.outline.name, service, severity: rule.severity };
    const found: BacktestEpisode[] = [];
    let begun: number | null = null;
    let peak = 0;
    for (let t = over.from; t <= over.to + over.step; t += over.step) {
      const v = known.value(service, t);
      const on = t <= over.to && holds(v, threshold);
      if (on) {
        peak = begun === null ? v : Math.max(peak, v);
        begun ??= t;
      } else if (begun !== null) {
        const fires = t - begun > holdMs ? begun + holdMs : null;
        const last = t > over.to;
        found.push({
          labels,
          pending_since: iso(begun),
          firing_since: fires === null ? null : iso(fires),
          resolved_at: last ? null : iso(t),
          peak,
        });
        begun = null;
      }
    }
    return found;
  });
  return all.toSorted((a, b) => (a.pending_since < b.pending_since ? -1 : 1));
}

const often = (n: number) => (n === 1 ? "once" : `${n} times`);
/** As the backend writes lengths: `1h 5m`. */
function written(ms: number): string {
  const units: [string, number][] = [
    ["d", DAY],
    ["h", HOUR],
    ["m", MINUTE],
    ["s", 1000],
  ];
  let left = ms;
  const parts = units.flatMap(([sign, unit]) => {
    const n = Math.floor(left / unit);
    left -= n * unit;
    return n > 0 ? [`${n}${sign}`] : [];
  });
  return parts.join(" ") || "0s";
}

function toldOf(fired: number, spared: number, firingMs: number, length: number): string {
  const first =
    fired === 0
      ? `In ${written(length)} it would have told nobody.`
      : `In ${written(length)} it would have fired ${often(fired)}, for ${written(firingMs)} in all.`;
  return first + (spared > 0 ? ` It was over before it fired ${often(spared)}.` : "");
}

/** The unit tests know two words: what is expected to fire with no series, and what is not. */
function unitTests({ yaml }: TestRules): UnitResult[] {
  const lines = yaml.split("\n");
  const tests = lines.flatMap((line, i) => {
    const named = /^\s*- (?:name: *(.+)|interval:)/.exec(line);
    return named && i > lines.findIndex((l) => l.startsWith("tests:"))
      ? [{ name: named[1] ?? "", line: i + 1 }]
      : [];
  });
  if (tests.length === 0) {
    throw { code: "rules.tests.invalid", message: "the rules.tests has 1 mistake:\n1:1 `tests` is missing" };
  }
  return tests.map(({ name, line }, n) => {
    const own = lines.slice(line - 1, (tests[n + 1]?.line ?? lines.length + 1) - 1);
    const checks = own.filter((one) => /alertname:|expr:/.test(one)).length;
    const at = own.findIndex((one) => one.includes("exp_labels"));
    const alert = /alertname: *(\S+)/.exec(own.join("\n"))?.[1] ?? "";
    const when = /eval_time: *(\S+)/.exec(own.join("\n"))?.[1] ?? "";
    const wrong =
      at < 0 || own.some((one) => one.includes("series:") && !one.includes("[]"))
        ? []
        : [
            {
              line: line + at,
              what: `alert ${alert} at ${when}`,
              expected: [`labels {alertname="${alert}", severity="critical"}, annotations {}`],
              got: [],
              error: null,
            },
          ];
    return { name, line, checks, passed: wrong.length === 0, wrong };
  });
}

export interface MockAlerts {
  acts: Record<string, (params: never) => unknown>;
  own: Record<string, (params: never) => unknown>;
  seen: Record<string, (answer: never) => unknown>;
}

export function mockAlerts(
  recorded: (name: string) => unknown,
  now: () => number,
  fresh: boolean,
): MockAlerts {
  /** Texts that were written; null: removed. */
  const texts = new Map<string, string | null>();
  const untouched = () => fresh && environment() === FIRST;
  const listed = () => recorded("rules.list") as RulesView | undefined;
  const before = () => (untouched() ? [] : (listed()?.files ?? []));
  const folder = () => listed()?.folder ?? "/home/ana/deckwatch/training/rules";

  function textOf(name: string): string | null {
    const own = texts.get(name);
    if (own !== undefined) return own;
    if (!before().some((file) => file.name === name)) return null;
    const presets = (recorded("rules.presets") ?? []) as RulePreset[];
    return presets.find((preset) => preset.name === name)?.yaml ?? DRAFT;
  }
  function fileRow(name: string, yaml: string): RuleFileRow {
    const rules = readRules(yaml);
    const groups = [...new Set(rules.map(({ group }) => group))].map((group) => {
      const mine = rules.filter((rule) => rule.group === group);
      return {
        name: group,
        interval_ms: mine[0]?.intervalMs ?? MINUTE,
        evaluated_at: null,
        took_ms: 0,
        moments: 0,
        behind: false,
        lost: null,
        rules: mine.map(({ outline: o, severity }) => ({
          place: o.place,
          name: o.name,
          alerts: o.alerts,
          query: o.query,
          line: o.line,
          hold_ms: o.hold_ms,
          keep_ms: 0,
          severity,
          firing: 0,
          pending: 0,
          series: 0,
          failure: null,
          refused: 0,
        })),
      };
    });
    return { name, path: `${folder()}/${name}.yaml`, mistakes: [], groups };
  }
  function files(): RuleFileRow[] {
    const kept = before().filter(({ name }) => !texts.has(name));
    const made = [...texts].flatMap(([name, text]) => (text === null ? [] : [fileRow(name, text)]));
    return [...kept, ...made].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }
  /** What fires by a file that is gone is over. */
  function stands(row: AlertRow): boolean {
    return row.rule === null || texts.get(row.rule.split("/")[0] ?? "") !== null;
  }
  function alerts(answer: AlertsView): AlertsView {
    const rows = untouched() ? [] : answer.alerts.rows.filter(stands);
    const all = files();
    const count = (how: AlertRow["stands"]) => rows.filter((row) => row.stands === how).length;
    if (rows.length === answer.alerts.rows.length && texts.size === 0) return answer;
    return {
      ...answer,
      firing: count("firing"),
      paging: rows.filter((row) => row.stands === "firing" && row.pages).length,
      pending: count("pending"),
      resolved: count("resolved"),
      alerts: { total: rows.length, rows },
      files: all.length,
      rules: all.reduce((n, f) => n + f.groups.reduce((m, g) => m + g.rules.length, 0), 0),
      evaluator: untouched() ? { ...answer.evaluator, trouble: [] } : answer.evaluator,
    };
  }
  function lanesOf(row: AlertRow, rule: Read | undefined, over: Over): AlertLane[] {
    const iso = (t: number) => new Date(t).toISOString();
    if (!rule || rule.outline.threshold === null || !past(rule.outline.value_query ?? "", now())) {
      const fired = Date.parse(row.fired_at ?? row.since);
      const [from, to] = [
        Math.max(over.from, fired),
        Math.min(over.to, Date.parse(row.resolved_at ?? iso(over.to))),
      ];
      const how = row.stands === "pending" ? ("pending" as const) : ("firing" as const);
      const spans = from < to ? [{ from: iso(from), to: iso(to), stands: how }] : [];
      return [{ labels: row.labels, own: true, spans }];
    }
    const { threshold, hold_ms } = rule.outline;
    const found = episodes(rule, threshold, hold_ms, over, now());
    const lanes = ["cart", "catalog", "checkout"].map((service): AlertLane => {
      const mine = found.filter((one) => one.labels.service === service);
      const spans = mine.flatMap(({ pending_since, firing_since, resolved_at }) => {
        const end = resolved_at ?? iso(over.to);
        const fires = firing_since ?? end;
        return [
          { from: pending_since, to: fires, stands: "pending" as const },
          ...(firing_since === null ? [] : [{ from: fires, to: end, stands: "firing" as const }]),
        ];
      });
      const labels = { alertname: row.name, service, severity: row.severity };
      return { labels, own: service === row.service, spans };
    });
    return lanes.toSorted((a, b) => Number(b.own) - Number(a.own));
  }
  function told(row: AlertRow): AlertTold[] {
    const fired = row.fired_at;
    if (fired === null) return [];
    const later = (at: string, by: number) => new Date(Date.parse(at) + by).toISOString();
    const one = (seq: number, at: string, fires: boolean, late: boolean, words: string) => ({
      seq,
      at,
      recorded_at: later(at, late ? 41 * MINUTE : 400),
      fires,
      words,
      value: row.value,
      late,
    });
    const over = row.words
      .replace("is firing", "is over")
      .replace("` is ", "` was ")
      .replace("has been", "had been");
    const days = later(fired, -2 * DAY);
    return [
      ...(row.resolved_at === null ? [] : [one(2184, row.resolved_at, false, row.late, row.words)]),
      one(2171, fired, true, row.late, row.words.replace("is over", "is firing")),
      one(1420, later(days, 9 * MINUTE), false, true, over),
      one(1402, days, true, false, row.words.replace("is over", "is firing")),
    ];
  }
  function show({ id, from, to }: AlertAsk): AlertView | undefined {
    const list = recorded("alerts.list") as AlertsView | undefined;
    const row = list?.alerts.rows.filter(stands).find((one) => one.id === id);
    if (!list) return undefined;
    if (!row) throw { code: "alert.unknown", message: `no alert ${id} is known` } satisfies Problem;
    const end = to ? Date.parse(to) : now();
    const begin = from ? Date.parse(from) : end - 6 * HOUR;
    const step = Math.max(15_000, Math.ceil((end - begin) / 360 / 15_000) * 15_000);
    const [file = "", group = ""] = row.rule?.split("/") ?? [];
    const rule =
      row.rule === null ? undefined : readRules(textOf(file) ?? "").find((r) => r.outline.name === row.name);
    return {
      at: new Date(now()).toISOString(),
      row,
      name: row.name,
      service: row.service,
      from: new Date(begin).toISOString(),
      to: new Date(end).toISOString(),
      file: rule ? file : null,
      group: rule ? group : null,
      query: rule?.outline.query ?? null,
      value_query: rule ? (rule.outline.value_query ?? rule.outline.query) : null,
      threshold: rule?.outline.threshold ?? null,
      hold_ms: rule?.outline.hold_ms ?? 0,
      keep_ms: 0,
      lanes: lanesOf(row, rule, { from: Math.ceil(begin / step) * step, to: end, step }),
      told: told(row),
    };
  }
  function backtest(ask: BacktestAsk): BacktestView {
    const rule = readRules(ask.yaml).find(
      ({ group, outline }) => group === ask.group && outline.place === ask.place,
    );
    if (!rule) throw { code: "rules.unknown", message: `there is no group ${ask.group}` } satisfies Problem;
    const end = ask.to ? Date.parse(ask.to) : now();
    const length = ask.over_ms ?? DAY;
    const step = rule.intervalMs * (Math.floor(length / rule.intervalMs / 20_000) + 1);
    const from = Math.ceil((end - length) / step) * step;
    const threshold = ask.threshold ?? rule.outline.threshold;
    const holdMs = ask.hold_ms ?? rule.outline.hold_ms;
    const found = threshold === null ? [] : episodes(rule, threshold, holdMs, { from, to: end, step }, now());
    const fired = found.filter((one) => one.firing_since !== null);
    const firingMs = fired.reduce(
      (sum, one) =>
        sum + (one.resolved_at ? Date.parse(one.resolved_at) : end) - Date.parse(one.firing_since ?? ""),
      0,
    );
    return {
      from: new Date(from).toISOString(),
      to: new Date(end).toISOString(),
      step_ms: step,
      evaluations: Math.floor((end - from) / step) + 1,
      threshold,
      hold_ms: holdMs,
      value_query: rule.outline.value_query,
      fired: fired.length,
      spared: found.length - fired.length,
      firing_ms: firingMs,
      episodes: found.slice(0, 500),
      words: toldOf(fired.length, found.length - fired.length, Math.floor(firingMs / 1000) * 1000, length),
      failures: [],
      took_ms: 31,
    };
  }
  return {
    acts: {
      "rules.write": ({ name = "", yaml }: RulesText) => {
        if (!/^[\w][\w-]*$/.test(name)) {
          const message = `a rule file is called by letters, digits, - and _, not \`${name}\``;
          throw { code: "rules.name", message } satisfies Problem;
        }
        const mistakes = mistakesOf(yaml);
        if (mistakes.length > 0) {
          const lines = mistakes.map((m) => `${m.line}:${m.column} ${m.message}`).join("\n");
          const message = `the rules has ${mistakes.length} mistake${mistakes.length === 1 ? "" : "s"}:\n${lines}`;
          throw { code: "rules.invalid", message } satisfies Problem;
        }
        texts.set(name, yaml);
        return { name, path: `${folder()}/${name}.yaml`, text: yaml };
      },
      "rules.remove": ({ name }: ByName) => {
        if (textOf(name) === null) {
          throw { code: "rules.unknown", message: `there is no rule file ${name}` } satisfies Problem;
        }
        texts.set(name, null);
        return { done: `${folder()}/${name}.yaml is gone; what fired by it is over` };
      },
    },
    own: {
      "alerts.show": show,
      "rules.file": ({ name }: ByName) => ({ name, path: `${folder()}/${name}.yaml`, text: textOf(name) }),
      "rules.check": ({ yaml }: RulesText) => {
        const mistakes = mistakesOf(yaml);
        return mistakes.length > 0
          ? { mistakes, doubts: [], rules: [], unknown: null }
          : {
              mistakes,
              doubts: doubtsOf(yaml),
              rules: readRules(yaml).map(({ outline }) => outline),
              unknown: null,
            };
      },
      "rules.backtest": backtest,
      "rules.test": unitTests,
      "metrics.chart": (ask: ChartAsk) => chart(ask, now()),
    },
    seen: {
      "alerts.list": alerts,
      "rules.list": (answer: RulesView) =>
        untouched() || texts.size > 0
          ? {
              ...answer,
              files: files(),
              evaluator: untouched() ? { ...answer.evaluator, trouble: [] } : answer.evaluator,
            }
          : answer,
    },
  };
}
