/** From when to when, as it stands in the address. Pure. */
import { spanMs } from "@/lib/format";

export interface Range {
  /** Milliseconds; null: up to now, over `over`. */
  from: number | null;
  to: number | null;
  /** As the backend writes lengths: `1h`. */
  over: string;
}

export const OVER = ["5m", "15m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "14d", "30d"];
export const STEPS = ["1s", "5s", "15s", "30s", "1m", "5m", "15m", "1h", "6h", "1d"];
const LEAST_MS = 10_000;
const MOST_MS = 5 * 366 * 86_400_000;

export function rangeOf(query: URLSearchParams, usual = "1h"): Range {
  const over = query.get("over") ?? usual;
  const [from, to] = ["from", "to"].map((name) => Date.parse(query.get(name) ?? ""));
  const fixed = Number.isFinite(from) && Number.isFinite(to) && from! < to!;
  return {
    from: fixed ? from! : null,
    to: fixed ? to! : null,
    over: spanMs(over) > 0 ? over : usual,
  };
}

/** As it stands in the address. */
export function addressOf(range: Range): { over: string | null; from: string | null; to: string | null } {
  if (range.from === null || range.to === null) return { over: range.over, from: null, to: null };
  return { over: null, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
}

/** The two ends, where the moving one is now. */
export function ends(range: Range, now: number): [number, number] {
  return range.from === null || range.to === null ? [now - spanMs(range.over), now] : [range.from, range.to];
}

/** As the backend takes it. */
export function askedRange(range: Range): { over: string } | { from: string; to: string } {
  return range.from === null || range.to === null
    ? { over: range.over }
    : { from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
}

export function fixed(from: number, to: number): Range {
  const [a, b] = [Math.round(Math.min(from, to)), Math.round(Math.max(from, to))];
  return { from: a, to: Math.max(b, a + LEAST_MS), over: "1h" };
}

/** Half of it, or twice as much, around its middle; never into what is to come. */
export function zoomed(range: Range, by: number, now: number): Range {
  const [from, to] = ends(range, now);
  const length = Math.min(MOST_MS, Math.max(LEAST_MS, (to - from) * by));
  const end = Math.min(now, (from + to) / 2 + length / 2);
  return fixed(end - length, end);
}

/** By a part of its length: −0.5 is half of it earlier. */
export function shifted(range: Range, by: number, now: number): Range {
  const [from, to] = ends(range, now);
  const shift = Math.min((to - from) * by, now - to);
  return fixed(from + shift, to + shift);
}
