/** Which rows a table shows, and which it asks the backend for. Pure. */

/** The backend answers no more at once. */
export const LIMIT = 500;
/** Asked-for windows begin and end at multiples of this, so that scrolling a row asks nothing new. */
const CHUNK = 50;

export interface View {
  /** Pixels. */
  scrollTop: number;
  height: number;
  row: number;
  total: number;
}

/** Rows drawn above and below what is seen, for the frame in which one scrolls. */
const OVERSCAN = 4;

/** The first row drawn, and the one after the last. */
export function drawn(
  { scrollTop, height, row, total }: View,
  overscan = OVERSCAN,
): [first: number, end: number] {
  const top = Math.floor(scrollTop / row);
  const first = Math.max(0, top - overscan);
  // One more than fits: as many wherever a row is cut, so that none is made while one scrolls.
  const end = Math.min(total, top + Math.ceil(height / row) + 1 + overscan);
  return [Math.min(first, Math.max(0, end - 1)), Math.max(end, 0)];
}

/** Rows as they stand in the page: row `index` is filled into the place `(index + shift) % size`. */
export interface Places {
  first: number;
  end: number;
  size: number;
  shift: number;
}

/**
 * Rows that leave at one end come in again at the other: filling one anew is cheaper than making
 * one. Where few stay, all stand still and are filled: moving one in the page costs more than that.
 */
export function placed(before: Places | null, [first, end]: [number, number]): Places {
  const count = end - first;
  // At the top fewer are drawn than further down; places of their own keep the others where they are.
  const size = Math.max(count, before?.size ?? count + OVERSCAN);
  if (before === null || size !== before.size) return { first, end, size, shift: 0 };
  const stay = Math.min(end, before.end) - Math.max(first, before.first);
  const shift = stay * 2 < count ? before.shift + before.first - first : before.shift;
  return { first, end, size, shift: mod(shift, size) };
}

export function place(index: number, { size, shift }: Places): number {
  return mod(index + shift, size);
}

function mod(n: number, size: number): number {
  return size > 0 ? ((n % size) + size) % size : 0;
}

export interface Asked {
  offset: number;
  limit: number;
}

/** What to ask for so that one can scroll about a chunk either way without waiting. */
export function asked({ scrollTop, height, row, total }: View): Asked {
  const top = Math.floor(scrollTop / row);
  const seen = Math.ceil(height / row);
  const offset = Math.max(0, Math.floor((top - CHUNK / 2) / CHUNK) * CHUNK);
  // Before anything has come the total is not known: ask for what fits.
  const bottom = total > 0 ? Math.min(total, top + seen + CHUNK / 2) : top + seen + CHUNK / 2;
  const end = Math.ceil(Math.max(bottom, offset + 1) / CHUNK) * CHUNK;
  return { offset, limit: Math.min(LIMIT, end - offset) };
}

/** The scroll position at which row `index` is wholly in sight, moving as little as can be. */
export function scrollFor(index: number, { scrollTop, height, row }: View): number {
  const top = index * row;
  if (top < scrollTop) return top;
  if (top + row > scrollTop + height) return top + row - height;
  return scrollTop;
}

/** Where a key takes the cursor; null when it is not a key of the table. */
export function moved(key: string, cursor: number, { height, row, total }: View): number | null {
  const page = Math.max(1, Math.floor(height / row) - 1);
  const to: Record<string, number> = {
    ArrowDown: cursor + 1,
    j: cursor + 1,
    ArrowUp: cursor - 1,
    k: cursor - 1,
    PageDown: cursor + page,
    PageUp: cursor - page,
    Home: 0,
    End: total - 1,
  };
  const next = to[key];
  if (next === undefined || total === 0) return null;
  return Math.max(0, Math.min(total - 1, next));
}
