/** What was promoted to a service, where it stands, and what an undo would change. Pure. */
import type { Mark, ReleaseSpec, Revision, RevisionStanding } from "@/host";

export const STANDINGS: Record<RevisionStanding, { word: string; mark: Mark }> = {
  serving: { word: "serving", mark: "good" },
  kept: { word: "kept ready", mark: "moving" },
  past: { word: "past", mark: "no-data" },
  "taken-back": { word: "taken back", mark: "warn" },
};

/** What can be done about a revision: an undo, the shorter way back, or nothing. */
export type Way = "undo" | "rollback" | "none";

export function wayTo({ standing }: Revision): Way {
  if (standing === "serving") return "none";
  return standing === "kept" ? "rollback" : "undo";
}

/** The newest one that does not serve and was not taken back: what an undo means when nothing is said. */
export function before(all: Revision[]): Revision | null {
  return all.find(({ standing }) => standing === "kept" || standing === "past") ?? null;
}

export function serving(all: Revision[]): Revision | null {
  return all.find(({ standing }) => standing === "serving") ?? null;
}

export interface Difference {
  what: string;
  now: string | null;
  then: string | null;
}

const commandOf = ({ command }: ReleaseSpec) => (command && command.length > 0 ? command.join(" ") : null);

/** Line by line; a value that is not there is null. */
export function differences(now: ReleaseSpec | null, then: ReleaseSpec): Difference[] {
  const names = new Set([...Object.keys(now?.env ?? {}), ...Object.keys(then.env ?? {})]);
  const all: Difference[] = [
    { what: "version", now: now?.version ?? null, then: then.version },
    { what: "command", now: now ? commandOf(now) : null, then: commandOf(then) },
    ...[...names]
      .toSorted()
      .map((what) => ({ what, now: now?.env?.[what] ?? null, then: then.env?.[what] ?? null })),
  ];
  return all.filter(({ now: a, then: b }) => a !== b);
}
