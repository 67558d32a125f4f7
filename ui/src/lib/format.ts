/**
 * Figures in words. Times are RFC 3339 or milliseconds since the epoch, durations milliseconds, shares 0 to 1.
 * What is not known is a dash, never a zero.
 */

import { inZone, timeZone } from "./zone.svelte";

export const NONE = "–";
/** Between a figure and its unit, and between thousands: they must not part at a line's end. */
const GAP = "\u00a0";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Maybe = number | null | undefined;
/** A moment as the backend writes it, or as a clock counts it. */
export type When = number | string | null | undefined;

/** Milliseconds since the epoch; what is no time is NaN. */
export function ms(at: When): number {
  return at == null ? Number.NaN : typeof at === "number" ? at : Date.parse(at);
}

const SPANS: Record<string, number> = { ms: 1, s: 1000, m: MINUTE, h: HOUR, d: DAY };

/** A length of time as the backend writes it ("1m 30s"), in milliseconds; NaN when it is none. */
export function spanMs(text: string | null | undefined): number {
  if (text == null) return Number.NaN;
  const parts = [...text.matchAll(/(\d+)\s*(ms|s|m|h|d)/g)];
  if (parts.length === 0) return text.trim() === "0" ? 0 : Number.NaN;
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (SPANS[unit ?? ""] ?? 0), 0);
}
const absent = (n: Maybe): n is null | undefined => n == null || !Number.isFinite(n);

function grouped(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, GAP);
}

/** So many decimals, thousands apart: 1 204.50 */
export function fixed(n: number, digits: number): string {
  const [whole = "0", rest] = Math.abs(n).toFixed(digits).split(".");
  const sign = n < 0 && Number(n.toFixed(digits)) !== 0 ? "−" : "";
  return sign + grouped(whole) + (rest ? `.${rest}` : "");
}

/** 1 204 */
export function count(n: Maybe): string {
  return absent(n) ? NONE : fixed(n, 0);
}

/** Three figures that say something: 1.2, 0.034, 120. */
function figures(n: number): string {
  const size = Math.abs(n);
  if (size >= 100 || size === 0) return fixed(n, 0);
  const text = size >= 0.001 ? String(Number(n.toPrecision(3))) : exponent(n);
  return text.replace(/^-/, "−");
}

/** 1e14, 1.2e−5 */
export function exponent(n: number): string {
  return n.toExponential(1).replace(".0e", "e").replace("e+", "e").replaceAll("-", "−");
}

const SHORT: [least: number, unit: number, sign: string][] = [
  [1e12, 1e12, "T"],
  [1e9, 1e9, "G"],
  [1e6, 1e6, "M"],
  [1e4, 1e3, "k"],
];

/** 1.2 M, 34 k, 1e15: where there is little room, as on an axis. */
export function short(n: Maybe): string {
  if (absent(n)) return NONE;
  const size = Math.abs(n);
  if (size >= 1e15) return exponent(n);
  const [, unit, sign] = SHORT.find(([least]) => size >= least) ?? [0, 1, ""];
  return sign === "" ? figures(n) : `${figures(n / unit)}${GAP}${sign}`;
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 512 B, 1.5 GiB */
export function bytes(n: Maybe): string {
  if (absent(n)) return NONE;
  let [left, size] = [n, 0];
  while (Math.abs(left) >= 1024 && size < SIZES.length - 1) [left, size] = [left / 1024, size + 1];
  return `${fixed(left, size === 0 || Math.abs(left) >= 99.95 ? 0 : 1)}${GAP}${SIZES[size]}`;
}

/** Requests a second: 1 204, 8.8, 0.25, from a million 1.2 M. Nothing is 0. */
export function rate(n: Maybe): string {
  if (absent(n)) return NONE;
  if (n >= 1e6) return short(n);
  return n === 0 || n >= 10 ? fixed(n, 0) : fixed(n, n >= 1 ? 1 : 2);
}

/** A share as a percentage: 0.92 %, 12.4 %, < 0.01 %. */
export function share(n: Maybe): string {
  if (absent(n)) return NONE;
  const percent = n * 100;
  if (percent > 0 && percent < 0.005) return `<${GAP}0.01${GAP}%`;
  return `${fixed(percent, percent >= 10 ? 1 : 2)}${GAP}%`;
}

/** A weight, of 100: 10 % */
export function weight(n: Maybe): string {
  return absent(n) ? NONE : `${fixed(n, 0)}${GAP}%`;
}

/** A latency: 214 ms, 4.1 ms, 1.32 s. */
export function latency(took: Maybe): string {
  if (absent(took)) return NONE;
  if (took >= 9_995) return `${fixed(took / 1000, 1)}${GAP}s`;
  if (took >= 999.5) return `${fixed(took / 1000, 2)}${GAP}s`;
  return `${fixed(took, took >= 9.95 || took === 0 ? 0 : 1)}${GAP}ms`;
}

/** What a write took: 9 ms, 0.4 ms. */
export function micros(us: Maybe): string {
  return absent(us) ? NONE : latency(us / 1000);
}

/** ×14.9, ×3.1, ×120 */
export function times(n: Maybe): string {
  return absent(n) ? NONE : `×${fixed(n, Math.abs(n) >= 99.95 ? 0 : 1)}`;
}

/** At most two units: 45 s, 3 min 12 s, 1 d 22 h. */
export function duration(took: Maybe): string {
  if (absent(took)) return NONE;
  const seconds = Math.floor(Math.abs(took) / 1000);
  const units: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first < 0) return `0${GAP}s`;
  const parts: string[] = [];
  let left = seconds;
  for (const [size, name] of units.slice(first, first + 2)) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n > 0) parts.push(`${count(n)}${GAP}${name}`);
  }
  return parts.join(" ");
}

/** The same of a length as the backend writes it, and under a second “811 ms”. */
export function spanWords(span: string | null | undefined): string {
  const took = spanMs(span);
  return took > 0 && took < 1000 ? latency(took) : duration(took);
}

/** How long ago, in one unit: now, 40 s, 12 min, 5 h, 3 d. */
export function age(at: When, now: number): string {
  if (absent(ms(at))) return NONE;
  const since = Math.max(0, now - ms(at));
  if (since < 2_000) return "now";
  if (since < MINUTE) return `${Math.floor(since / 1000)}${GAP}s`;
  if (since < HOUR) return `${Math.floor(since / MINUTE)}${GAP}min`;
  if (since < DAY) return `${Math.floor(since / HOUR)}${GAP}h`;
  return `${Math.floor(since / DAY)}${GAP}d`;
}

/** The same in a sentence: just now, 12 min ago. */
export function ago(at: When, now: number): string {
  const words = age(at, now);
  return words === NONE ? "never" : words === "now" ? "just now" : `${words} ago`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** 14:32:07, UTC */
export function clockUtc(at: When): string {
  if (absent(ms(at))) return NONE;
  const t = new Date(ms(at));
  return `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}`;
}

/** 15:32:07, where the reader is or chose to be. */
export function clockLocal(at: When): string {
  return absent(ms(at)) ? NONE : inZone(ms(at))[1];
}

/** 2026-11-20 14:32:07 UTC */
export function stampUtc(at: When): string {
  return absent(ms(at)) ? NONE : `${new Date(ms(at)).toISOString().slice(0, 10)} ${clockUtc(at)} UTC`;
}

/** 2026-11-20 15:32:07 local, or with the name of the chosen zone. */
export function stampLocal(at: When): string {
  if (absent(ms(at))) return NONE;
  const [day, time] = inZone(ms(at));
  return `${day} ${time} ${timeZone() ?? "local"}`;
}

const MOMENTS = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const LENGTHS = /(?<![\w.:/-])\d+(?:ms|[smhd])(?: \d+(?:ms|[smhd]))*(?![\w:/-])/g;

/** A state and a reason that begins with the same word: “aborted: aborted: too slow” is “aborted: too slow”. */
export function once(sentence: string): string {
  return sentence.replace(/(^|[:;] )([^:;]+)(?:: \2)+(?=[:;]|$)/gi, "$1$2");
}

const THOUSANDS = /(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w,])/g;

/** Counts that are written without a sign between thousands: “0 of 2007”, “20000 requests”; a port or a number of an event is none. */
const COUNTED =
  /(?<![\w.,:/#-])(?:\d+ of \d+(?![\w:/-]|[.,]\d)|\d{4,}(?= (?:bad|bytes|clients|events|requests|samples)\b))/g;

/**
 * A sentence of the backend, each thing said once; its times and thousands as they are written here.
 * What stands between backticks is somebody's text, a query for instance, and stays as it is.
 */
export function inWords(sentence: string): string {
  return once(sentence)
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : figuresIn(part)))
    .join("");
}

function figuresIn(words: string): string {
  return words
    .replace(MOMENTS, (at) => stampUtc(at))
    .replace(LENGTHS, (span) => spanWords(span))
    .replace(THOUSANDS, (figure) => figure.replaceAll(",", GAP))
    .replace(COUNTED, (counts) => counts.replace(/\d+/g, grouped));
}

/** 1 service, 14 services */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)}${GAP}${n === 1 ? one : many}`;
}
