/** Baselines in words: figures in their units, and which way they went. Pure. */
import type { Difference, Figures, Mark } from "@/host";
import { bytes, fixed, latency, NONE, share } from "@/lib/format";

export const NOW = "now";

const GAP = "\u00a0";

export const FIGURES: Record<string, string> = {
  errors: "errors",
  mean: "mean answer",
  p50: "p50",
  p95: "p95",
  p99: "p99",
  cpu: "CPU of an instance",
  memory: "memory of an instance",
};

/** A figure in its unit: `share`, `ms`, `cores`, `bytes`. */
export function inUnit(value: number | null | undefined, unit: string): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case "share":
      return share(value);
    case "ms":
      return latency(value);
    case "cores":
      return `${fixed(value, value < 1 ? 3 : 2)}${GAP}cores`;
    case "bytes":
      return bytes(value);
    default:
      return String(value);
  }
}

export function errorRate({ errors, requests }: Figures): number | null {
  return requests > 0 ? errors / requests : null;
}

/** Half of what is printed: +12.3 % of most, +0.12 points of shares. */
const PRINTED: Record<string, number> = { share: 0.00005 };
const ELSE = 0.0005;

const rounded = ({ change, unit }: Difference) =>
  change === null || Math.abs(change) < (PRINTED[unit] ?? ELSE) ? 0 : change;

/** “+12.3 %”; of a share “+0.12 points”. */
export function changeWords(of: Difference): string {
  if (of.change === null) return NONE;
  const change = rounded(of);
  const sign = change > 0 ? "+" : change < 0 ? "−" : "±";
  const figure = fixed(Math.abs(change) * 100, of.unit === "share" ? 2 : 1);
  return `${sign}${figure}${GAP}${of.unit === "share" ? "points" : "%"}`;
}

/** Of every figure here less is better. `few`: the backend says that little can be said by them. */
export function wayOf(of: Difference, few = false): { mark: Mark; word: string } {
  if (few) return { mark: "no-data", word: "too little to say" };
  if (of.change === null) return { mark: "no-data", word: "not known" };
  const change = rounded(of);
  if (change === 0) return { mark: "good", word: "same" };
  if (of.by_chance) return { mark: "no-data", word: "could be chance" };
  return change > 0 ? { mark: "warn", word: "worse" } : { mark: "good", word: "better" };
}
