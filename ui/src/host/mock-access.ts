/** Openings of read-only environments, kept in memory; each environment has its own. */
import { environment } from "@/lib/environment.svelte";
import { spanMs } from "@/lib/format";
import type { Opened, OpenAccess, Problem } from "./generated";

export interface MockAccess {
  acts: Record<string, (params: never) => unknown>;
  /** The opening that holds in the environment that is looked at. */
  opened(): Opened | null;
}

const LONGEST_MS = 8 * 3_600_000;

export function mockAccess(now: () => number, actor: () => string): MockAccess {
  const held = new Map<string, Opened>();
  const opened = (): Opened | null => {
    const found = held.get(environment());
    return found && Date.parse(found.until) > now() ? found : null;
  };
  const refuse = (code: string, message: string): never => {
    throw { code, message } satisfies Problem;
  };
  return {
    opened,
    acts: {
      "access.open": ({ within, reason }: OpenAccess) => {
        const long = spanMs(within);
        if (reason.trim() === "") refuse("request.invalid", "opening a read-only environment needs a reason");
        if (!(long > 0 && long <= LONGEST_MS))
          refuse("request.invalid", "an opening lasts more than no time and at most 8 h");
        const [at, until] = [now(), now() + long].map((time) => new Date(time).toISOString());
        held.set(environment(), { at: at ?? "", until: until ?? "", reason, by: actor() });
        return { done: `${environment()} is open until ${(until ?? "").slice(11, 16)} UTC` };
      },
      "access.close": () => {
        if (!opened()) refuse("refused.not-open", "nothing is open");
        held.delete(environment());
        return { done: `${environment()} is read-only again` };
      },
    },
  };
}
