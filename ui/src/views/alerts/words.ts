/** What the alert views say. Pure. */
import type { AlertRow, AlertSpan, AlertTold, BacktestEpisode, Evaluator, Mark, Stands } from "@/host";
import { ago, duration, inWords, ms, NONE, plural, short, stampUtc } from "@/lib/format";
import { to } from "@/lib/router.svelte";

export const STANDS: Record<Stands, { mark: Mark; word: string }> = {
  firing: { mark: "bad", word: "firing" },
  pending: { mark: "warn", word: "pending" },
  resolved: { mark: "good", word: "over" },
};

export const LATE = "Nobody looked when this happened; it was found afterwards, in what was recorded.";

/** A sentence of the backend where no signs of a query can be set. */
export function plainly(text: string): string {
  return inWords(text).replaceAll("`", "");
}

/** What an alert's value is; it has no unit. */
export function value(n: number | null): string {
  return n === null ? NONE : short(n);
}

/** Labels as a query has them, without those that say nothing here. */
export function labelWords(labels: Record<string, string>, without: string[] = []): string {
  const said = Object.entries(labels).filter(([name]) => !without.includes(name));
  return said.map(([name, text]) => `${name}=${JSON.stringify(text)}`).join(", ");
}

/** When it began, as it matters: since when it fires, is over or has waited. */
export function since(row: AlertRow): string {
  if (row.stands === "resolved") return row.resolved_at ?? row.since;
  return row.stands === "firing" ? (row.fired_at ?? row.since) : row.since;
}

/** How current what is shown is; loud where nobody evaluates. */
export function evaluates(
  { at, by, current, behind }: Evaluator,
  now: number,
): { mark: Mark; words: string; more: string | null } {
  if (at === null) {
    return {
      mark: "bad",
      words: "Nobody evaluates rules here.",
      more: "Nothing can fire until a console or an agent runs in this environment.",
    };
  }
  if (!current) {
    return {
      mark: "bad",
      words: "Nobody evaluates now.",
      more: `The last sign of life was ${ago(at, now)}, of ${by}. What stands below is as of ${stampUtc(at)}; that nothing fires means nothing now.`,
    };
  }
  if (behind) {
    return {
      mark: "warn",
      words: `${by} evaluates and is behind, making up for what was missed.`,
      more: "What is found late is told with the moment it happened.",
    };
  }
  return { mark: "good", words: `${by} evaluates, last ${ago(at, now)}.`, more: null };
}

/** A stretch of a lane. */
export interface LaneSpan {
  from: number;
  to: number;
  kind: "pending" | "firing";
}
export interface Lane {
  name: string;
  own: boolean;
  spans: LaneSpan[];
}

export function laneOf(name: string, own: boolean, spans: AlertSpan[]): Lane {
  const shown = spans.filter(({ stands }) => stands !== "resolved");
  return {
    name,
    own,
    spans: shown.map(({ from, to, stands }) => ({
      from: ms(from),
      to: ms(to),
      kind: stands === "firing" ? "firing" : "pending",
    })),
  };
}

/** A backtest's episodes as lanes, one for each set of labels, in the order they first held. */
export function episodeLanes(episodes: BacktestEpisode[], end: number): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const { labels, pending_since, firing_since, resolved_at } of episodes) {
    const name = labelWords(labels, ["alertname", "severity"]) || "no labels";
    const lane = lanes.get(name) ?? { name, own: false, spans: [] };
    lanes.set(name, lane);
    const over = resolved_at === null ? end : ms(resolved_at);
    const fires = firing_since === null ? over : ms(firing_since);
    if (fires > ms(pending_since)) lane.spans.push({ from: ms(pending_since), to: fires, kind: "pending" });
    if (firing_since !== null) lane.spans.push({ from: fires, to: over, kind: "firing" });
  }
  return [...lanes.values()];
}

/** A lane read aloud: how often and how long. */
export function laneWords({ name, spans }: Lane, from: number, to: number): string {
  const within = spans.filter((span) => span.to > from && span.from < to);
  const said = (["firing", "pending"] as const).flatMap((kind) => {
    const of = within.filter((span) => span.kind === kind);
    const long = of.reduce((sum, span) => sum + Math.min(to, span.to) - Math.max(from, span.from), 0);
    return of.length === 0 ? [] : [`${kind} ${plural(of.length, "time")}, ${duration(long)} in all`];
  });
  return `${name}: ${said.length === 0 ? "quiet" : said.join("; ")}`;
}

/** A part of the text is a link; it is shown to be copied, as nothing opens by itself. */
export function isLink(text: string): boolean {
  return /^https?:\/\/\S+$/.test(text.trim());
}

/** The journal with exactly this event in it: it is asked by when things happened. */
export function journalLink({ fires, at }: AlertTold): string {
  const query = new URLSearchParams({ kind: fires ? "alert.fired" : "alert.resolved", since: at, until: at });
  return `${to("journal")}?${query.toString()}`;
}

/** Episodes as rows of a table. */
export function episodeRows(episodes: BacktestEpisode[]): (string | number | null)[][] {
  const head = ["labels", "pending since", "firing since", "over", "peak"];
  return [
    head,
    ...episodes.map((e) => [labelWords(e.labels), e.pending_since, e.firing_since, e.resolved_at, e.peak]),
  ];
}
