/** What a way back is besides its traffic write: instances that have left are started again. Pure. */
import type { Span } from "@/host";
import { duration, plural, spanMs } from "@/lib/format";

export interface Standing {
  ready: number;
  wanted: number;
  /** Until all of them are ready; null where nothing is known. */
  full_after: Span | null;
}

/** Instances that a way back would have to start. */
export function missing({ ready, wanted }: Pick<Standing, "ready" | "wanted">): number {
  return Math.max(0, wanted - ready);
}

/** “2 old instances are started again, about 4 s (an estimate)”; null where none has to be. */
export function startedAgain(back: Standing): string | null {
  const short = missing(back);
  if (short === 0) return null;
  const verb = short === 1 ? "is" : "are";
  const takes = spanMs(back.full_after);
  // An estimate in whole seconds, rather too long than too short.
  const when = Number.isNaN(takes)
    ? "how long that takes is not known"
    : `about ${duration(Math.max(1, Math.ceil(takes / 1000)) * 1000)} (an estimate)`;
  return `${plural(short, "old instance")} ${verb} started again, ${when}`;
}

/** The lane's own words for that: said once is enough. */
const SAID = /^\d+ of \d+ instances are ready there:/;

export function otherObstacles(obstacles: string[]): string[] {
  return obstacles.filter((one) => !SAID.test(one));
}
