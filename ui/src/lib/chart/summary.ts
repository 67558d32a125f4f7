/** A chart in words, for those who hear it and for the line under the cursor. */
import { NONE } from "@/lib/format";
import { moment } from "./axis";
import type { Series } from "./options";

type Say = (value: number) => string;

function last(values: (number | null)[]): number | null {
  return values.findLast((v) => v !== null) ?? null;
}

/** “errors, 14:20 to 14:32 UTC: stable now 0.24 %, between 0.20 % and 0.31 %; …” */
export function summary(what: string, times: number[], series: Series[], say: Say): string {
  const [from, to] = [times[0], times.at(-1)];
  if (from === undefined || to === undefined) return `${what}: no data`;
  const each = series.map(({ label, values }) => {
    const known = values.filter((v): v is number => v !== null);
    const now = last(values);
    if (now === null) return `${label}: no data`;
    return `${label} now ${say(now)}, between ${say(Math.min(...known))} and ${say(Math.max(...known))}`;
  });
  // Seconds are of no use here.
  const [begins, ends] = [from, to].map((at) => moment(at, times).slice(0, -3));
  return `${what}, ${begins} to ${ends} UTC: ${each.join("; ")}`;
}

/** “14:26:10: stable 0.24 %, candidate –” */
export function reading(index: number, times: number[], series: Series[], say: Say): string {
  const at = times[index];
  if (at === undefined) return "";
  const each = series.map(({ label, values }) => {
    const value = values[index];
    return `${label} ${value == null ? NONE : say(value)}`;
  });
  return `${moment(at, times)}: ${each.join(", ")}`;
}

/** What each line says under the cursor; else lately, where that is known apart, or at its end. */
export function legend(
  index: number | null,
  series: Series[],
  say: Say,
  lately?: (number | null)[],
): { label: string; tone: string; words: string }[] {
  return series.map(({ label, tone, values }, i) => {
    const now = lately ? (lately[i] ?? null) : last(values);
    const value = index === null ? now : (values[index] ?? null);
    return { label, tone, words: value === null ? NONE : say(value) };
  });
}
