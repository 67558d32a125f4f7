/**
 * Answers about metrics, made by hand: waves of a few services, so that graphs, tables and dashboards
 * can be looked at in a plain browser. Its PromQL is what the examples need and no more.
 */
import type {
  ChartSeries,
  Completion,
  Completions,
  DashboardRow,
  DashboardView,
  MetricName,
  MetricsChart,
  PanelPart,
  Problem,
  QueryRead,
  Unit,
} from "./generated";

const MINUTE = 60_000;
const SPANS: Record<string, number> = { s: 1000, m: MINUTE, h: 60 * MINUTE, d: 1440 * MINUTE };
const spanMs = (text: string) => Number.parseFloat(text) * (SPANS[text.at(-1) ?? "s"] ?? 1000);

const NAMES: MetricName[] = [
  ["deckwatch_proxy_responses_total", "counter", "Requests ended, by how they ended.", "none"],
  ["deckwatch_proxy_response_seconds_bucket", "histogram", "Time until an answer began.", "none"],
  ["deckwatch_proxy_in_flight", "gauge", "Requests being answered.", "none"],
  ["deckwatch_traffic_weight", "gauge", "Of every 100 requests, how many go here.", "none"],
  ["deckwatch_instance_cpu_seconds_total", "counter", "Processor time of the instance's process.", "seconds"],
  ["deckwatch_instance_resident_bytes", "gauge", "Resident memory of the instance's process.", "bytes"],
  ["node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.", "seconds"],
  ["node_memory_MemAvailable_bytes", "gauge", "Memory information field MemAvailable_bytes.", "bytes"],
  ["up", null, null, "none"],
].map(([name, kind, help, unit]) => ({ name, kind, help, unit, guessed: false }) as MetricName);
const LABELS: Record<string, string[]> = {
  service: ["checkout", "basket", "catalogue"],
  slot: ["blue", "green"],
  class: ["2xx", "4xx", "5xx"],
  instance: ["blue-1", "blue-2", "green-1"],
  job: ["node"],
};

function unitOf(query: string): Unit {
  if (/histogram_quantile|_seconds\b/.test(query) && !/rate\(\w+_seconds_total/.test(query)) return "seconds";
  if (/_bytes\b/.test(query)) return "bytes";
  if (/\/ |_seconds_total/.test(query)) return "share";
  return /rate\(/.test(query) ? "per-second" : "none";
}
const LEVEL: Record<Unit, number> = {
  none: 40,
  seconds: 0.18,
  bytes: 180_000_000,
  "bytes-per-second": 2_400_000,
  share: 0.012,
  "per-second": 120,
};

/** The labels that an answer to this query would have. */
function labelsOf(query: string): Record<string, string>[] {
  const metric = /\b([a-z_]+_[a-z_A-Z]+)(?=[{[(]|\b)/.exec(query)?.[1] ?? "up";
  const by = /\bby \(([^)]*)\)/
    .exec(query)?.[1]
    ?.split(",")
    .map((label) => label.trim());
  const wide = /many/.test(query)
    ? Array.from({ length: 640 }, (_, i) => ({ pod: `checkout-7d9f-${i}` }))
    : null;
  if (wide) return wide.map((labels) => ({ __name__: metric, ...labels }));
  const labels = (by ?? ["service", "slot"]).filter((label) => label !== "le" && label !== "release");
  let rows: Record<string, string>[] = [{}];
  for (const label of labels) {
    const values = new RegExp(`${label}="([^"]+)"`).exec(query)?.[1];
    rows = rows.flatMap((row) =>
      (values ? [values] : (LABELS[label] ?? ["a", "b"])).map((value) => ({ ...row, [label]: value })),
    );
  }
  const named = by === undefined && !/\(/.test(query);
  return rows.map((row) => ({
    ...(named && { __name__: metric }),
    ...row,
    ...(by?.includes("release") && { release: row.slot === "blue" ? "v1" : "v2" }),
  }));
}

function problemOf(query: string): QueryRead["mistake"] {
  let depth = 0;
  for (const [i, c] of [...query].entries()) {
    if ("([{".includes(c)) depth += 1;
    if (")]}".includes(c)) depth -= 1;
    if (depth < 0) return { message: `unexpected "${c}"`, position: `1:${i + 1}`, start: i, end: i + 1 };
  }
  if (depth > 0) {
    const end = query.length;
    return { message: "unclosed left parenthesis", position: `1:${end + 1}`, start: end, end };
  }
  const unknown = /\b(ratee|summ)\b/.exec(query);
  if (!unknown) return null;
  const start = unknown.index;
  return {
    message: `unknown function with name "${unknown[0]}"`,
    position: `1:${start + 1}`,
    start,
    end: start + unknown[0].length,
  };
}

interface Range {
  query: string;
  from?: string;
  to?: string;
  over?: string;
  step?: string;
  most?: number;
}

function chartOf(ask: Range, now: number): MetricsChart {
  const mistake = problemOf(ask.query);
  if (mistake) {
    const { start, end, position, message } = mistake;
    throw {
      code: "request.invalid",
      message: `${position}: parse error: ${message}`,
      detail: { start, end },
    } satisfies Problem;
  }
  const to = ask.to ? Date.parse(ask.to) : now;
  const from = ask.from ? Date.parse(ask.from) : to - spanMs(ask.over ?? "1h");
  const step = ask.step ? spanMs(ask.step) : Math.max(1000, Math.ceil((to - from) / 240 / 5000) * 5000);
  const start = Math.floor(from / step) * step;
  const moments = Math.floor((to - start) / step) + 1;
  const unit = unitOf(ask.query);
  const all = labelsOf(ask.query);
  const series = all.slice(0, ask.most ?? 40).map((labels, n): ChartSeries => {
    const values = Array.from({ length: moments }, (_, i) => {
      const t = (start + i * step) / MINUTE;
      const wave = 1 + 0.25 * Math.sin(t / 9 + n * 1.7) + 0.08 * Math.sin(t * 1.3 + n);
      return i % 97 === 40 + n ? null : LEVEL[unit] * wave * (1 + (n % 5) * 0.22);
    });
    const known = values.filter((v): v is number => v !== null);
    return {
      labels,
      values,
      last: known.at(-1) ?? null,
      least: Math.min(...known),
      most: Math.max(...known),
      mean: known.reduce((sum, v) => sum + v, 0) / known.length,
      odd: 0,
    };
  });
  return {
    from: new Date(start).toISOString(),
    step_ms: step,
    moments,
    series,
    total: all.length,
    unit,
    notes: /rate\(\w*in_flight/.test(ask.query)
      ? [
          'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "deckwatch_proxy_in_flight"',
        ]
      : [],
    source: "samples",
    took_ms: 12,
  };
}

function completionsOf({ query, at }: { query: string; at: number }): Completions {
  const before = query.slice(0, at);
  const letters = /[\w:]*$/.exec(before)?.[0] ?? "";
  const inside = before.lastIndexOf("{") > before.lastIndexOf("}");
  const value = inside ? /(\w+)\s*(?:=|=~|!=|!~)\s*"([^"]*)$/.exec(before) : null;
  const one = (text: string, kind: string, about = "", insert = text): Completion => ({
    text,
    insert,
    kind,
    about,
  });
  const offered = value
    ? (LABELS[value[1] ?? ""] ?? []).map((v) => one(v, "value"))
    : inside
      ? Object.keys(LABELS).map((label) => one(label, "label", "", `${label}="`))
      : [
          ...NAMES.map((m) => one(m.name, "metric", [m.kind, m.help].filter(Boolean).join(" "))),
          one("rate", "function", "(range vector)", "rate("),
          one("histogram_quantile", "function", "(scalar, instant vector)", "histogram_quantile("),
          one("sum", "aggregation", "over series, `by` or `without` labels", "sum "),
        ];
  const word = value ? (value[2] ?? "") : letters;
  const rows = offered
    .filter(({ text }) => text.includes(word))
    .toSorted((a, b) => a.text.indexOf(word) - b.text.indexOf(word));
  return { start: at - word.length, end: at, rows, total: rows.length };
}

const panel = (title: string, about: string, query: string, legend: string | null) => ({
  title,
  about,
  unit: null,
  width: 6,
  queries: [{ query, legend }],
});
const SERVICE: DashboardView = {
  dashboard: {
    title: "Service",
    about: "Rate, errors, duration and saturation of one service, slot by slot",
    source: "samples",
    variables: [{ name: "service", title: "service", label: "service", of: null, all: false, values: [] }],
    panels: [
      panel(
        "Requests",
        "Answers a second",
        'sum by (slot) (rate(deckwatch_proxy_responses_total{service="$service"}[$window]))',
        "{{slot}}",
      ),
      panel(
        "Errors",
        "Of all answers, those that are 5xx, timed out or were refused",
        'sum by (slot) (rate(deckwatch_proxy_responses_total{service="$service",class=~"5xx"}[$window])) / sum by (slot) (rate(deckwatch_proxy_responses_total{service="$service"}[$window]))',
        "{{slot}}",
      ),
      panel(
        "Duration",
        "95 of 100 answers began within this time",
        'histogram_quantile(0.95, sum by (slot, le) (rate(deckwatch_proxy_response_seconds_bucket{service="$service"}[$window])))',
        "{{slot}}",
      ),
      panel(
        "Memory",
        "Resident, by instance",
        'max by (instance) (deckwatch_instance_resident_bytes{service="$service"})',
        "{{instance}}",
      ),
    ],
  },
  yaml: "title: Service\n",
  file: null,
  variables: [
    {
      name: "service",
      title: "service",
      all: false,
      values: LABELS.service ?? [],
      first: "checkout",
      problem: null,
    },
  ],
};
const ROWS: DashboardRow[] = [
  { name: "service", title: "Service", about: SERVICE.dashboard.about, file: null, mistakes: [] },
  {
    name: "mine",
    title: "mine",
    about: "",
    file: "/home/ana/.local/share/deckwatch/dashboards/mine.yaml",
    mistakes: [
      {
        line: 7,
        column: 14,
        path: "panels[0].queries[0].query",
        message: "this is no query: 1:12: parse error: unclosed left parenthesis",
      },
    ],
  },
];

interface PanelAsked {
  panel: number;
  variables: { name: string; value: string }[];
  range: Range;
}

function partsOf({ panel, variables, range }: PanelAsked, now: number): PanelPart[] {
  return (SERVICE.dashboard.panels[panel]?.queries ?? []).map(({ query, legend }) => {
    const text = variables
      .reduce((q, { name, value }) => q.replaceAll(`$${name}`, value), query)
      .replaceAll("$window", "1m");
    return { query: text, legend, chart: chartOf({ ...range, query: text }, now), problem: null };
  });
}

/** Undefined where the question is about something else. */
export function metricsAnswer(name: string, params: unknown, now: number): unknown {
  const given = params as Record<string, unknown> & Range & { at: number } & PanelAsked;
  const rows = <T>(rows: T[]) => ({ rows, total: rows.length, source: "samples" });
  const fit = (text: string) => text.includes(String(given.filter ?? ""));
  switch (name) {
    case "metrics.sources":
      return { default: "samples", prometheus: null, version: null, problem: null };
    case "metrics.names":
      return rows(NAMES.filter((metric) => fit(metric.name)));
    case "metrics.labels":
      return rows(Object.keys(LABELS));
    case "metrics.values":
      return rows(LABELS[String(given.label)] ?? []);
    case "metrics.complete":
      return completionsOf(given);
    case "metrics.read": {
      const query = String(given.query);
      const mistake = problemOf(query);
      const formatted = mistake
        ? null
        : query
            .replace(/\s+/g, " ")
            .replace(/\bby\(/g, "by (")
            .trim();
      return { mistake, kind: "instant vector", formatted, unit: unitOf(query), metrics: [] };
    }
    case "metrics.chart":
      return chartOf(given, now);
    case "metrics.query": {
      const chart = chartOf({ query: given.query, over: "5m", most: 1000 }, now);
      const series = chart.series.map(({ labels, last }) => ({
        labels,
        points: [[new Date(now).toISOString(), String(last)]],
      }));
      return {
        kind: "vector",
        series,
        total: series.length,
        text: null,
        notes: chart.notes,
        source: "samples",
      };
    }
    case "metrics.marks":
      return [
        { at: new Date(now - 34 * MINUTE).toISOString(), label: "checkout v2" },
        { at: new Date(now - 16 * MINUTE).toISOString(), label: "checkout v2 back" },
      ];
    case "dashboards.list":
      return ROWS;
    case "dashboards.show":
      return SERVICE;
    case "dashboards.panel":
      return partsOf(given, now);
    default:
      return undefined;
  }
}
