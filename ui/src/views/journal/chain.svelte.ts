/** What the checks of the chain found, kept while the window is open: one for each environment. */
import { SvelteMap } from "svelte/reactivity";
import { host, type Problem, type Verified } from "@/host";
import { asProblem } from "@/host/problem";

export interface Check {
  /** When it began, milliseconds since the epoch. */
  since: number;
  /** When it ended; null while it runs. */
  at: number | null;
  found: Verified | null;
  problem: Problem | null;
}

const checks = new SvelteMap<string, Check>();

/** The newest check; while one runs, that one. */
export function check(environment: string): Check | null {
  return checks.get(environment) ?? null;
}

/** Whatever was found is no longer so. */
export function forgetCheck(environment: string): void {
  checks.delete(environment);
}

export async function verify(environment: string): Promise<void> {
  const since = Date.now();
  const begun: Check = { since, at: null, found: null, problem: null };
  checks.set(environment, begun);
  try {
    const found = await host.ask("journal.verify", {});
    checks.set(environment, { ...begun, at: Date.now(), found });
  } catch (thrown) {
    checks.set(environment, { ...begun, at: Date.now(), problem: asProblem(thrown) });
  }
}

/** Whole, and yet not as it was noted outside. */
export const UNANCHORED = "journal.unanchored";
/** Codes of a journal that a new one has to take the place of. */
const TO_SET_ASIDE = new Set(["journal.corrupt", UNANCHORED, "journal.missing"]);

/** It is damaged, or not as it was noted outside: setting it aside would do something. */
export function unsound(problem: Problem | null, last: Check | null): boolean {
  if (problem && TO_SET_ASIDE.has(problem.code)) return true;
  if (last?.problem && TO_SET_ASIDE.has(last.problem.code)) return true;
  return last?.found?.sound === false;
}

/**
 * Why nobody can vouch for it; null when somebody may. Only the backend knows whether the chain is
 * whole when it does not agree with the note: it refuses then.
 */
export function distrust(problem: Problem | null, last: Check | null): string | null {
  if (!unsound(problem, last)) return "only a journal in doubt is vouched for";
  if (problem?.code === "journal.missing") return "there is no journal to trust";
  if (problem?.code === "journal.corrupt") return "it is broken in itself";
  const found = last?.found;
  if (found && !found.sound && !found.anchored) return "it is broken in itself";
  return null;
}

/** What to do about a journal that cannot be used, by the code of why. */
const ADVICE: Record<string, string> = {
  "journal.busy": "Another program holds it. It is tried again by itself; nothing has to be done.",
  "journal.read-only":
    "Its file or its folder cannot be written. Give this user the right to, then look again.",
  "journal.disk-full": "Make room on the disk it lies on. It goes on by itself after that.",
  "journal.corrupt": "Set it aside: it is kept for looking into, and a new one begins that names it.",
  "journal.unanchored":
    "Set it aside. If you know why it is another one than before, trust it as it stands instead.",
  "journal.missing": "If it was moved, move it back. Otherwise begin a new one.",
  "journal.newer": "A newer Deckwatch wrote it. Use that one here.",
  "journal.replaced": "Somebody put another file in its place. Close this window and open it again.",
};

export function journalAdvice({ code }: Problem): string {
  return ADVICE[code] ?? "Look at what the doctor finds.";
}
