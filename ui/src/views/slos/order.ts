/** The list of objectives, filtered and in an order. Pure. */
import type { SloRow, SloState } from "@/host";
import { spanMs } from "@/lib/format";

export type SloSort = "state" | "objective" | "left" | "gone";

const RANK: Record<SloState, number> = { page: 0, ticket: 1, "no-data": 2, quiet: 3 };

/** When it is gone, in milliseconds; what lasts comes last. */
const gone = (row: SloRow) => (row.gone_in === null ? Infinity : spanMs(row.gone_in));
const share = (row: SloRow) => row.left ?? Infinity;

function by(a: number, b: number): number {
  // Two that last are equal, and no difference of infinities.
  return a === b ? 0 : a - b;
}

const ORDERS: Record<SloSort, (a: SloRow, b: SloRow) => number> = {
  state: (a, b) => by(RANK[a.state], RANK[b.state]) || by(share(a), share(b)),
  objective: () => 0,
  left: (a, b) => by(share(a), share(b)),
  gone: (a, b) => by(gone(a), gone(b)),
};

const name = (row: SloRow) => `${row.service}/${row.name}`;

export function ordered(rows: SloRow[], filter: string, sort: SloSort, descending: boolean): SloRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (row: SloRow) => `${name(row)} ${row.about} ${row.state}`.toLowerCase();
  const sign = descending ? -1 : 1;
  return rows
    .filter((row) => words.every((word) => text(row).includes(word)))
    .toSorted((a, b) => sign * (ORDERS[sort](a, b) || (name(a) < name(b) ? -1 : 1)));
}
