/** Words under a chart's time axis, all in UTC. */
import { clockUtc } from "@/lib/format";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
export const DAY = 24 * 60 * MINUTE;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Between two labels at the least: the longest, `14:20:05`, is 53 pixels wide. */
export const LABEL_SPACE = 76;

const dayOf = (at: number) => Math.floor(at / DAY);
const year = (at: number) => new Date(at).getUTCFullYear();

/** 20 Nov */
function day(at: number): string {
  const t = new Date(at);
  return `${t.getUTCDate()} ${MONTHS[t.getUTCMonth()] ?? ""}`;
}

/** A new day stands under its first label; of whole days, a new year. */
export function timeLabels(at: number[]): string[] {
  const [first, last] = [at[0], at.at(-1)];
  if (first === undefined || last === undefined) return [];
  const step = (at[1] ?? Infinity) - first;
  const days = step >= DAY && at.length > 1;
  // Nearer than a second apart, whole seconds alone are said.
  const silent = (t: number) => step < SECOND && t % SECOND !== 0;
  const word = (t: number) => (days ? day(t) : step < MINUTE ? clockUtc(t) : clockUtc(t).slice(0, 5));
  const told = days ? year : dayOf;
  const needed = told(first) !== told(last);
  return at.map((t, i) => {
    const before = at[i - 1];
    const changed = needed && (before === undefined || told(before) !== told(t));
    if (silent(t)) return "";
    return changed ? `${word(t)}\n${days ? year(t) : day(t)}` : word(t);
  });
}

/** Room under the plot: for a second line where there is one. */
export function labelRoom(labels: string[] | null): number {
  return labels?.some((label) => label?.includes("\n")) ? 40 : 26;
}

/** Pixels that a sign of the axis' own font takes, and those beside a label. */
const SIGN = 6.7;
const BESIDE = 12;

/** Room beside the plot: what its longest label takes, so that none is cut off. */
export function valueRoom(labels: string[] | null, least: number): number {
  const longest = Math.max(0, ...(labels ?? []).map((label) => label?.length ?? 0));
  return Math.max(least, Math.ceil(longest * SIGN) + BESIDE);
}

/**
 * A moment whose local reading is its UTC one: the plot chooses its labels' places by local time,
 * and a day begins where UTC says.
 */
export function asUtc(at: number): Date {
  const t = new Date(at);
  return new Date(
    t.getUTCFullYear(),
    t.getUTCMonth(),
    t.getUTCDate(),
    t.getUTCHours(),
    t.getUTCMinutes(),
    t.getUTCSeconds(),
    t.getUTCMilliseconds(),
  );
}

/** 14:20:05, with its day where the chart shows more than one. */
export function moment(at: number | undefined, times: number[]): string {
  const [first, last] = [times[0], times.at(-1)];
  const many = first !== undefined && last !== undefined && dayOf(first) !== dayOf(last);
  return at !== undefined && many ? `${day(at)} ${clockUtc(at)}` : clockUtc(at);
}
