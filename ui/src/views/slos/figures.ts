/** An objective's lines as the charts draw them. Pure. */
import type { LedgerPart, SloDecision, SloPoint, SloView } from "@/host";
import type { ChartMark, Series } from "@/lib/chart/options";
import { count, ms, spanWords } from "@/lib/format";
import { groupWords } from "./words";

interface Lines {
  times: number[];
  series: Series[];
}

/** A logarithmic axis has no zero; a window without a bad event stands at its foot. */
const FOOT = 0.01;

export function ledgerLines(view: SloView): Lines {
  const { line, span } = view.ledger;
  const times = line.map((point) => ms(point.at));
  const [from, to] = [ms(span.from), ms(span.to)];
  return {
    times,
    series: [
      { label: "left", tone: "stable", values: line.map((point) => point.left), area: true },
      // As if it were spent evenly, gone at the end.
      {
        label: "even pace",
        tone: "accent",
        values: times.map((at) => Math.max(0, 1 - (at - from) / (to - from))),
        dashed: true,
      },
    ],
  };
}

export function rollingLines(view: SloView): Lines {
  return lines([{ label: "left", tone: "stable", points: view.rolling, area: true }]);
}

export function burnLines(view: SloView): Lines {
  const tones = ["candidate", "stable"] as const;
  return lines(
    view.burn.map(({ window, points }, i) => ({
      label: spanWords(window),
      tone: tones[i] ?? "stable",
      points: points.map(({ at, value }) => ({ at, value: value === null ? null : Math.max(FOOT, value) })),
    })),
  );
}

function lines(all: (Omit<Series, "values"> & { points: SloPoint[] })[]): Lines {
  const times = (all[0]?.points ?? []).map((point) => ms(point.at));
  return {
    times,
    series: all.map(({ points, ...rest }) => ({ ...rest, values: points.map((p) => p.value) })),
  };
}

/** The largest losses stand over the ledger, each where it begins. What is excluded is none, and is hatched. */
export function marksOf(view: SloView): ChartMark[] {
  const lost = (kind: LedgerPart["kind"]) => kind === "rollout" || kind === "incident";
  const known = view.ledger.parts.filter(({ kind, points }) => lost(kind) && points >= 0.01);
  return known
    .slice(0, 8)
    .map(({ from, title, points }) => ({ at: ms(from), label: `${title} −${Math.round(points * 100)}` }));
}

/** Who took that part of the budget, or would have. */
export function partWords({ kind, title }: LedgerPart): string {
  if (kind === "unknown") return "not put down to anything";
  return kind === "exclusion" ? `left out, would have been spent: ${title}` : title;
}

/** Whether one bad event would wake somebody. */
export function needWords({ needed, pair }: SloDecision): string {
  if (needed === null) return "no number would";
  if (needed <= 1) return "yes";
  return `no, needs ${count(Math.ceil(needed))} in ${spanWords(pair.long)}`;
}

/** The figures as rows: a spreadsheet's, oldest first. */
export function table(view: SloView): (string | number | null)[][] {
  const { row } = view;
  const head = [
    ["objective", `${row.service}/${row.name}`],
    ["group", groupWords(view.group)],
    ["target", row.target],
    ["period", row.period],
    ["good", row.good],
    ["budget left", row.left],
  ];
  const ledger = view.ledger.line.map((point) => ["ledger", point.at, point.left, point.bad]);
  const rolling = view.rolling.map((point) => ["rolling", point.at, point.value, null]);
  const counts = view.counts.map((one) => ["counts", one.from, one.good, one.bad]);
  return [...head, ["kind", "at", "left or good", "bad"], ...ledger, ...rolling, ...counts];
}
