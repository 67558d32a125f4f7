/** Which way the evidence leans, from its numbers alone. */
import type { CountEvidence, Mark, MetricAnswer } from "@/host";
import { exponent, fixed } from "@/lib/format";

export interface Lean {
  words: string;
  mark: Mark;
}

/** Evidence multiplies, so how far it has come is measured by its logarithm: 0 none, 1 decided. */
export function come(e: number, bound: number): number {
  return e <= 1 || bound <= 1 ? 0 : Math.min(1, Math.log(e) / Math.log(bound));
}

/** Less than this part of the way is no direction yet. */
const SAYS_NOTHING = 0.2;

export function leanOf(evidence: CountEvidence): Lean {
  const harm = come(evidence.harm_e, evidence.harm_bound);
  const safe = come(evidence.safe_e, evidence.safe_bound);
  if (Math.max(harm, safe) < SAYS_NOTHING) return { words: "Open.", mark: "no-data" };
  return harm >= safe
    ? { words: "Leaning to fail.", mark: "bad" }
    : { words: "Leaning to pass.", mark: "good" };
}

/** A decided metric says its verdict; an open one which way it leans. */
export function lead(metric: MetricAnswer): Lean {
  const worse: Mark = metric.critical ? "bad" : "warn";
  switch (metric.verdict) {
    case "pass":
      return { words: "Pass.", mark: "good" };
    case "fail":
      return { words: "Fail.", mark: worse };
    case "no-data":
      return { words: "No data.", mark: "no-data" };
    case "error":
      return { words: "Cannot be judged.", mark: "warn" };
    case "inconclusive": {
      if (metric.detail.kind !== "count") return { words: "Open.", mark: "no-data" };
      const lean = leanOf(metric.detail.evidence);
      return lean.mark === "bad" ? { ...lean, mark: worse } : lean;
    }
  }
}

/** ×1, ×13.5, ×800, ×1.2e9, ×1e14 */
export function evidenceWords(e: number): string {
  if (!Number.isFinite(e)) return "×∞";
  if (e >= 1e5) return `×${exponent(e)}`;
  return `×${fixed(e, e >= 100 || Number.isInteger(e) ? 0 : e >= 1 ? 1 : 2)}`;
}
