/** What the backend does to lists, done roughly to a recorded one: filter, sort, window. */

interface Rows {
  total: number;
  rows: Record<string, unknown>[];
}

function isRows(value: unknown): value is Rows {
  return typeof value === "object" && value !== null && "total" in value && "rows" in value;
}

function field(row: Record<string, unknown>, sort: string): number | string | null {
  const value = row[sort] ?? row[`${sort}_ms`] ?? row[`last_${sort}`] ?? null;
  if (typeof value === "object" && value !== null) return (value as { at?: number }).at ?? null;
  return value as number | string | null;
}

function compare(a: number | string | null, b: number | string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What else a list of a cluster can be asked for. */
function narrowed(rows: Rows["rows"], params: Record<string, unknown>): Rows["rows"] {
  const { service, kind, about, stands } = params;
  const all = (key: string, wanted: unknown) => wanted === undefined || rows.every((row) => !(key in row));
  return rows.filter(
    (row) =>
      (all("service", service) || row["service"] === service) &&
      (all("standing", kind) || row["kind"] === kind) &&
      (all("stands", stands) || row["stands"] === stands) &&
      (about === undefined || row["name"] === about) &&
      (params["warnings_only"] !== true || row["warning"] === true) &&
      (params["trouble_only"] !== true || row["standing"] === "bad" || row["standing"] === "warn"),
  );
}

function windowed(list: Rows, params: Record<string, unknown>): Rows {
  let { rows } = list;
  const { filter, sort, descending } = params;
  if (typeof filter === "string" && filter !== "") {
    const wanted = filter.toLowerCase();
    const named = (row: Record<string, unknown>) =>
      Object.values(row).some((value) => typeof value === "string" && value.toLowerCase().includes(wanted));
    rows = rows.filter(named);
  }
  rows = narrowed(rows, params);
  const known = typeof sort === "string" && rows.some((row) => field(row, sort) !== null);
  if (known) rows = rows.toSorted((a, b) => compare(field(a, sort), field(b, sort)));
  if (descending === true) rows = rows.toReversed();
  const offset = Number(params["offset"] ?? 0);
  const limit = Number(params["limit"] ?? rows.length);
  const cut = rows.slice(offset, offset + limit);
  // A recording may hold fewer rows than there were.
  const total = rows.length === list.rows.length ? list.total : rows.length;
  return { ...list, total, rows: cut };
}

/** The list in an answer, or just inside it, seen through the window that was asked for. */
export function paged(answer: unknown, params: Record<string, unknown>): unknown {
  if (isRows(answer)) return windowed(answer, params);
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => [key, isRows(value) ? windowed(value, params) : value]),
  );
}
