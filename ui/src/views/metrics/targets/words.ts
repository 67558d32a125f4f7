/** States of targets and probes in marks and words. */
import type { GapRow, HealthState, Mark, TargetRow, TargetState } from "@/host";
import { bytes, duration, fixed, ms, NONE, plural, stampUtc } from "@/lib/format";

interface Stands {
  mark: Mark;
  word: string;
}

export const STATES: Record<TargetState, Stands> = {
  up: { mark: "good", word: "up" },
  down: { mark: "bad", word: "down" },
  unknown: { mark: "no-data", word: "not asked yet" },
};

export const HEALTHS: Record<HealthState, Stands> = {
  healthy: { mark: "good", word: "healthy" },
  degraded: { mark: "warn", word: "degraded" },
  unhealthy: { mark: "bad", word: "unhealthy" },
  unknown: { mark: "no-data", word: "not looked at yet" },
};

export const gapWords = ({ from, to }: GapRow): string =>
  `not scraped for ${duration(ms(to) - ms(from))}, until ${stampUtc(to)}`;

/** What there is to know of a target beside its state, the worst first. */
export function notesOf(row: TargetRow): string[] {
  const notes = [...(row.error === null ? [] : [row.error]), ...row.notes];
  if (row.gap) notes.push(gapWords(row.gap));
  if (row.reset_at) notes.push(`${plural(row.resets, "counter")} began anew at ${stampUtc(row.reset_at)}`);
  return notes;
}

export const byteRate = (n: number | null | undefined): string => {
  const words = bytes(n);
  return words === NONE ? NONE : `${words}/s`;
};

/** 0.42, 3.10 */
export const plain = (n: number | null | undefined): string => (n == null ? NONE : fixed(n, 2));
