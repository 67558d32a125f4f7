/** Values and series in words. Pure. */
import type { Unit } from "@/host";
import { bytes, duration, latency, NONE, rate, share, short } from "@/lib/format";

function seconds(n: number): string {
  const millis = Math.abs(n) * 1000;
  const words = millis >= 60_000 ? duration(millis) : latency(millis);
  return n < 0 ? `−${words}` : words;
}

/** How a unit is called over a graph of its own. */
export const UNITS: Record<Unit, string> = {
  none: "Plain numbers",
  seconds: "Seconds",
  bytes: "Bytes",
  "bytes-per-second": "Bytes a second",
  share: "Shares",
  "per-second": "Events a second",
};

export function valueOf(unit: Unit): (n: number | null | undefined) => string {
  const words = {
    none: short,
    seconds,
    bytes,
    "bytes-per-second": (n: number) => `${bytes(n)}/s`,
    share: (n: number) => share(n),
    "per-second": (n: number) => `${rate(n)}/s`,
  }[unit];
  return (n) => (n == null || !Number.isFinite(n) ? NONE : words(n));
}

/** A value as the backend writes it: text, which may be `NaN` or `+Inf`. */
export function written(text: string | undefined, unit: Unit): string {
  if (text === undefined) return NONE;
  const n = Number(text.replace("Inf", "Infinity"));
  return Number.isFinite(n) ? valueOf(unit)(n) : text;
}

export type Labels = Record<string, string>;

/** `up{job="node"}`, as it would be asked for. */
export function seriesName(labels: Labels, without: ReadonlySet<string> = new Set()): string {
  const { __name__: name = "", ...rest } = labels;
  const said = Object.entries(rest).filter(([label]) => !without.has(label));
  const inside = said.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(", ");
  const shown = without.has("__name__") ? "" : name;
  return inside === "" ? shown || "{}" : `${shown}{${inside}}`;
}

/** What all of them have in common says nothing in a legend. */
export function common(all: Labels[]): Set<string> {
  const [first, ...rest] = all;
  if (!first || rest.length === 0) return new Set();
  const same = Object.keys(first).filter((label) => rest.every((labels) => labels[label] === first[label]));
  return new Set(same);
}

/** Short names, each different from the others as its labels are. */
export function shortNames(all: Labels[]): string[] {
  const shared = common(all);
  return all.map((labels) => seriesName(labels, shared));
}

/** All words must be there, anywhere; a word after `-` must not. */
export function fits(name: string, filter: string): boolean {
  const low = name.toLowerCase();
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) =>
    word.length > 1 && word.startsWith("-") ? !low.includes(word.slice(1)) : low.includes(word),
  );
}
