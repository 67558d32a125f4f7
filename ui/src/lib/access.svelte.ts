/**
 * Whether a read-only environment is open for a while. The shell asks once for everybody: whatever is
 * off for read-only is on again at the same moment everywhere, and off again when the time is over.
 */
import type { Opened } from "@/host";
import { now } from "./clock";
import { ms, spanMs } from "./format";
import type { Live } from "./live.svelte";

/** The longest that the backend grants; whoever needs more switches read-only off. */
export const LONGEST_MS = 8 * 3_600_000;

let held = $state.raw<Live<Opened | null> | null>(null);

/** Returns its undoing. */
export function provideAccess(seen: Live<Opened | null>): () => void {
  held = seen;
  return () => {
    if (held === seen) held = null;
  };
}

/** The opening that holds now; null when there is none or nobody knows. A rune. */
export function opened(): Opened | null {
  const seen = held?.answer ?? null;
  return seen !== null && ms(seen.until) > now() ? seen : null;
}

const SPAN = /^(\s*\d+\s*(s|m|h))+\s*$/;

/** What is wrong with a length of time to open for; null when nothing is. */
export function wrongSpan(text: string): string | null {
  const long = SPAN.test(text) ? spanMs(text) : Number.NaN;
  if (Number.isNaN(long)) return "a length of time, such as 45m or 1h 30m";
  if (long <= 0) return "more than no time";
  return long <= LONGEST_MS ? null : "at most 8 h";
}

/** The form that opens one, reachable from wherever something is off. */
export const opening = $state<{ open: boolean }>({ open: false });
