/** What the SLO views say of figures. Pure. */
import type { Mark, SloBurn, SloRow, SloState } from "@/host";
import { fixed, NONE, spanMs, spanWords, times } from "@/lib/format";

export const STATES: Record<SloState, { mark: Mark; word: string }> = {
  page: { mark: "bad", word: "paging" },
  ticket: { mark: "warn", word: "ticket" },
  "no-data": { mark: "no-data", word: "no data" },
  quiet: { mark: "good", word: "quiet" },
};

const GAP = "\u00a0";

/** A share of the budget: 87.2 %, −12 %. */
export function left(share: number | null | undefined): string {
  if (share == null || !Number.isFinite(share)) return NONE;
  const percent = share * 100;
  const digits = Math.abs(percent) >= 100 || Number.isInteger(percent) ? 0 : 1;
  return `${fixed(percent, digits)}${GAP}%`;
}

/** A target: 99.95 %, with the decimals it has and no more. */
export function target(share: number): string {
  return `${Number((share * 100).toFixed(6))}${GAP}%`;
}

/** When a budget is gone: 1 d 22 h, “gone”, or that it lasts. */
export function goneIn(span: string | null): string {
  if (span === null) return NONE;
  return spanMs(span) === 0 ? "gone" : spanWords(span);
}

/** How a pace stands to the one that alerts. */
export function paceTone({ pace, bound, severity }: SloBurn): "mute" | "warn" | "bad" | "" {
  if (pace === null) return "mute";
  if (pace <= bound) return "";
  return severity === "page" ? "bad" : "warn";
}

/** Every second window, from the shortest: of the usual seven 5 min, 1 h, 6 h and 3 d. */
export function mainBurns(burns: SloBurn[]): SloBurn[] {
  return burns.filter((_, i) => i % 2 === 0);
}

export function paceWords({ window, pace, bound, severity }: SloBurn): string {
  const said = pace === null ? "nothing was counted" : `burns ${times(pace)}`;
  return `${spanWords(window)}: ${said}; from ${times(bound)} a ${severity}`;
}

/** The groups' labels in one line; “all” where there are none. */
export function groupWords(labels: Record<string, string>): string {
  const pairs = Object.entries(labels);
  return pairs.length === 0 ? "all" : pairs.map(([name, value]) => `${name} ${value}`).join(", ");
}

export function rowKey(row: SloRow): string {
  return `${row.service}/${row.name}`;
}

/** Text files of this kind are read by spreadsheets. */
export function csv(rows: (string | number | null)[][]): string {
  const cell = (value: string | number | null) => {
    const text = value === null ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}
