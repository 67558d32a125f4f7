/** Which events are looked at, as the address keeps it. */
import type { EventsAsk } from "@/host";

export const FIELDS = ["q", "service", "actor", "kind", "since", "until"] as const;
export type Filters = Record<(typeof FIELDS)[number], string>;

export const NAMES: Record<keyof Filters, string> = {
  q: "text",
  service: "service",
  actor: "actor",
  kind: "kind",
  since: "since",
  until: "until",
};

export function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(FIELDS.map((field) => [field, query.get(field)?.trim() ?? ""])) as Filters;
}

/** A moment as the backend reads it; null when it is none. */
export function moment(text: string): string | null {
  const at = Date.parse(text);
  return Number.isFinite(at) ? new Date(at).toISOString() : null;
}

/** As params. A moment that cannot be read is left out: the field beside it says so. */
export function asked(filters: Filters): EventsAsk {
  const since = moment(filters.since);
  const until = moment(filters.until);
  return {
    ...(filters.q && { filter: filters.q }),
    ...(filters.service && { service: filters.service }),
    ...(filters.actor && { actor: filters.actor }),
    ...(filters.kind && { kind: filters.kind }),
    ...(since && { since }),
    ...(until && { until }),
  };
}

export function any(filters: Filters): boolean {
  return FIELDS.some((field) => filters[field] !== "");
}

/** Each kind, and how several of them begin: `rollout.` stands for all of a rollout's. */
export function kindOptions(kinds: string[], chosen: string): { value: string; title: string }[] {
  const sorted = kinds.toSorted();
  const stems = new Map<string, number>();
  for (const kind of sorted) {
    const stem = kind.slice(0, kind.indexOf(".") + 1);
    if (stem) stems.set(stem, (stems.get(stem) ?? 0) + 1);
  }
  const many = [...stems].filter(([, n]) => n > 1).map(([stem]) => ({ value: stem, title: `${stem}*` }));
  const known = [...many, ...sorted.map((kind) => ({ value: kind, title: kind }))];
  const missing = chosen && !known.some(({ value }) => value === chosen);
  return [
    { value: "", title: "every kind" },
    ...(missing ? [{ value: chosen, title: chosen }] : []),
    ...known,
  ];
}

/** `rollouts/checkout` is the story of checkout; `freeze` is no service's. */
export function serviceOf(stream: string): string | null {
  return stream.startsWith("rollouts/") ? stream.slice("rollouts/".length) : null;
}

const HOUR = 3_600_000;
export const RANGES = [
  { id: "", title: "any time", ms: null },
  { id: "hour", title: "the last hour", ms: HOUR },
  { id: "day", title: "the last 24 hours", ms: 24 * HOUR },
  { id: "week", title: "the last 7 days", ms: 7 * 24 * HOUR },
  { id: "between", title: "between…", ms: null },
] as const;
export type Range = (typeof RANGES)[number]["id"];

/** For a field of date and time: `2026-11-20 14:32:07`, in UTC, as the table writes it. */
export function forField(text: string): string {
  return moment(text)?.slice(0, 19).replace("T", " ") ?? text;
}

/** What was typed there: `2026-11-20`, `2026-11-20 14:32`, `14:32` of today; null when it is none. */
export function typedMoment(text: string, today: string): string | null {
  const found = /^(?:(\d{4}-\d{2}-\d{2})[ T]?)?(\d{1,2}:\d{2}(?::\d{2})?)?\s*(?:Z|UTC)?$/i.exec(text.trim());
  if (!found || (!found[1] && !found[2])) return null;
  return moment(
    `${found[1] ?? today}T${(found[2] ?? "00:00").padStart(found[2]?.length === 7 ? 8 : 5, "0")}Z`,
  );
}
