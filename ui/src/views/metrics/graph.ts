/** Several answers as pictures: one for each unit, all on one row of times. Pure. */
import type { MetricsChart, Unit } from "@/host";
import { ms } from "@/lib/format";
import { shortNames, valueOf } from "./words";

export interface GraphLine {
  /** Of which query. */
  query: number;
  name: string;
  labels: Record<string, string>;
  values: (number | null)[];
  look: number;
  format: (value: number | null | undefined) => string;
  last: number | null;
}

export interface Graph {
  unit: Unit;
  times: number[];
  lines: GraphLine[];
}

export interface Drawn {
  query: number;
  /** Before its lines' names where there is more than one query. */
  letter: string | null;
  chart: MetricsChart;
}

function timesOf({ from, step_ms, moments }: MetricsChart): number[] {
  const start = ms(from);
  return Array.from({ length: moments }, (_, i) => start + i * step_ms);
}

/** Values at other moments than their own: where they have none, nothing. */
function spread(values: (number | null)[], own: number[], times: number[]): (number | null)[] {
  if (own.length === times.length && own[0] === times[0]) return values;
  const at = new Map(own.map((t, i) => [t, values[i] ?? null]));
  return times.map((t) => at.get(t) ?? null);
}

export function graphsOf(drawn: Drawn[]): Graph[] {
  const units = [...new Set(drawn.map(({ chart }) => chart.unit))];
  return units.map((unit) => {
    const mine = drawn.filter(({ chart }) => chart.unit === unit);
    const all = mine.map(({ chart }) => timesOf(chart));
    const times = [...new Set(all.flat())].toSorted((a, b) => a - b);
    const format = valueOf(unit);
    let look = 0;
    const lines = mine.flatMap(({ query, letter, chart }, i) => {
      const names = shortNames(chart.series.map(({ labels }) => labels));
      return chart.series.map((series, n): GraphLine => ({
        query,
        name: letter === null ? (names[n] ?? "") : `${letter} ${names[n] ?? ""}`,
        labels: series.labels,
        values: spread(series.values, all[i] ?? [], times),
        look: look++,
        format,
        last: series.last,
      }));
    });
    return { unit, times, lines };
  });
}
