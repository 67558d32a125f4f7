import type { DrillRow, GradeRow, Playing, RolloutStatus } from "@/host";
import { ms } from "@/lib/format";

/** The environment that the ground is. */
export const GROUND = "training";
/** The service that every drill is about. */
export const DRILLED = "checkout";

export interface Drill extends DrillRow {
  /** Its place in the order in which they are best tried; what its key is made of. */
  n: number;
  best: GradeRow | null;
  last: GradeRow | null;
}

/** A pass stands above more stars, the older one above an equal one. */
function better(a: GradeRow | null, b: GradeRow): GradeRow {
  if (!a || (b.passed && !a.passed)) return b;
  return b.passed === a.passed && b.stars >= a.stars ? b : a;
}

/** The drills as they are shown. `grades`: the newest first. */
export function drillsOf(rows: DrillRow[], grades: GradeRow[]): Drill[] {
  return rows.map((row, i) => {
    const own = grades.filter(({ drill }) => drill === row.name);
    return {
      ...row,
      n: i + 1,
      best: own.reduce<GradeRow | null>(better, null),
      last: own[0] ?? null,
    };
  });
}

const STARS = ["without a star", "shaky", "sound", "flawless"] as const;

/** A grade in words; a rollout that went back is what many drills are passed by. */
export function gradeWord({ passed, stars }: Pick<GradeRow, "passed" | "stars">): string {
  return passed ? `passed, ${STARS[stars] ?? STARS[0]}` : "not passed";
}

/** Whether a drill drove this rollout; one that began before it or after its end is somebody's own. */
export function drove(
  { since, ended }: Playing,
  { service, started_at }: Pick<RolloutStatus, "service" | "started_at">,
): boolean {
  const began = ms(started_at);
  return service === DRILLED && began >= ms(since) && (ended === null || began <= ms(ended));
}

/** A chord for each drill: its number, from the tenth on behind a zero: `0 1` is the eleventh. */
export function keyOf(n: number): string {
  return n <= 9 ? String(n) : `0 ${n - 10}`;
}

/** The one to play next: the first without a pass. */
export function nextDrill(drills: Drill[], after?: string): Drill | null {
  const open = drills.filter((d) => !d.best?.passed && d.name !== after);
  return open[0] ?? null;
}
