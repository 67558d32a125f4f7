/**
 * A list that grows at its top, held still under the reader: while one is scrolled away, rows keep
 * their places and what is new is counted, not shown. The journal only ever grows, so that the
 * difference of two totals is how far everything has moved.
 */
import { LIMIT, type Asked } from "@/lib/table/window";

/** Asked-for windows move by whole steps, so that not every new event asks anew. */
const STEP = 25;

export interface Held {
  /** Rows the table has. */
  total: number;
  /** Where the page's rows begin in it. */
  offset: number;
  /** Events that came since and are not in it. */
  fresh: number;
}

/** `still`: the total when one scrolled away; null while one is at the top. */
export function held(total: number, pageOffset: number, still: number | null): Held {
  const fresh = still === null ? 0 : Math.max(0, total - still);
  return { total: total - fresh, offset: pageOffset - fresh, fresh };
}

/** What to ask for, so that the rows of the table's window are among what comes. */
export function moved(asked: Asked, fresh: number): Asked {
  if (fresh === 0) return asked;
  const offset = asked.offset + Math.floor(fresh / STEP) * STEP;
  return { offset, limit: Math.min(LIMIT, asked.limit + STEP) };
}
