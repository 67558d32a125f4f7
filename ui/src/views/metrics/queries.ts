/** The queries that are looked at, as they stand in the address. Pure. */

export interface Row {
  id: number;
  text: string;
  hidden: boolean;
}

/** As many as a page can show. */
export const MOST = 12;

/** `q`, `q2`, `q3` and so on; `hide=2,3`. At least one row, to be written in. */
export function rowsOf(query: URLSearchParams): Row[] {
  const hidden = new Set((query.get("hide") ?? "").split(","));
  const rows: Row[] = [];
  for (let n = 1; n <= MOST; n++) {
    const text = query.get(n === 1 ? "q" : `q${n}`);
    if (text !== null) rows.push({ id: n, text, hidden: hidden.has(String(n)) });
  }
  return rows.length > 0 ? rows : [{ id: 1, text: "", hidden: false }];
}

/** What the address is to say; rows are numbered anew, empty ones left out. */
export function addressOf(rows: Row[]): Record<string, string | null> {
  const said = rows.filter(({ text }) => text.trim() !== "");
  const changes: Record<string, string | null> = { hide: null };
  for (let n = 1; n <= MOST; n++) changes[n === 1 ? "q" : `q${n}`] = said[n - 1]?.text ?? null;
  const hidden = said.flatMap(({ hidden }, i) => (hidden ? [i + 1] : []));
  if (hidden.length > 0) changes.hide = hidden.join(",");
  return changes;
}

/** A, B, C: how a query is called beside its lines. */
export function letter(index: number): string {
  return String.fromCharCode(65 + (index % 26));
}

/** What opens exactly this in another window. */
export function linkOf(
  place: { view: string; rest: string[]; query: URLSearchParams },
  environment: string,
): string {
  const query = new URLSearchParams(place.query);
  query.set("environment", environment);
  const path = [place.view, ...place.rest].map(encodeURIComponent).join("/");
  return `deckwatch://${path}?${query.toString()}`;
}
