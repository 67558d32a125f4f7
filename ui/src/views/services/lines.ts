/** The output of instances as rows on the screen: pure, so that 5,000 of them cost nothing to lay out. */
import type { LogLine } from "@/host";

/** Lines kept; older ones go. */
export const KEPT = 5_000;
/** Pixels a row of text takes. */
export const LINE = 18;

export interface Line extends LogLine {
  /** Rises by one with each line that came. */
  id: number;
  /** Lines between the one before and this that could not be kept up with. */
  skipped: number;
  /** How many places of a fixed-width font its text takes. */
  places: number;
}

// Colours and cursor moves that programs print for terminals.
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** As it can be shown: no escapes, tabs as far as the next stop. */
export function plain(text: string): string {
  const bare = text.includes("\u001b") ? text.replace(ESCAPES, "") : text;
  if (!bare.includes("\t")) return bare;
  let shown = "";
  for (const char of bare) shown += char === "\t" ? " ".repeat(4 - (shown.length % 4)) : char;
  return shown;
}

/** These lines after those, the newest kept. */
export function added(have: Line[], more: LogLine[], skipped: number, next: number): Line[] {
  const lines = more.map((line, i) => {
    const text = plain(line.text);
    return { ...line, text, id: next + i, skipped: i === 0 ? skipped : 0, places: places(text) };
  });
  return [...have, ...lines].slice(-KEPT);
}

export function matching(lines: Line[], filter: string): Line[] {
  const wanted = filter.trim().toLowerCase();
  if (wanted === "") return lines;
  return lines.filter(
    ({ text, instance }) => text.toLowerCase().includes(wanted) || instance.includes(wanted),
  );
}

/** Wide signs (CJK, emoji) take two places of a fixed-width font. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}]/gu;

export function places(text: string): number {
  let long = text.length;
  for (const [sign] of text.matchAll(WIDE)) long += 2 - sign.length;
  return long;
}

/** Where each line's top is, and at last where all of it ends. `columns` null: no line is wrapped. */
export function tops(lines: Line[], columns: number | null): number[] {
  const result = [0];
  let top = 0;
  for (const line of lines) {
    const rows = columns === null ? 1 : Math.max(1, Math.ceil(line.places / columns));
    top += LINE * (rows + (line.skipped > 0 ? 1 : 0));
    result.push(top);
  }
  return result;
}

/** The last line whose top is at or above `y`. */
export function lineAt(all: number[], y: number): number {
  let low = 0;
  let high = Math.max(0, all.length - 2);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((all[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A text cut where a filter matches, every second part a match. */
export function cut(text: string, filter: string): string[] {
  const wanted = filter.trim().toLowerCase();
  if (wanted === "") return [text];
  const parts: string[] = [];
  const low = text.toLowerCase();
  // A few signs change their length in lower case; then nothing is marked rather than the wrong part.
  if (low.length !== text.length) return [text];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  return [...parts, text.slice(from)];
}
