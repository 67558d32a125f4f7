import type { DrillRow, GradeRow } from "@/host";

/** The environment that the ground is. */
export const GROUND = "training";
/** The service that every drill is about. */
export const DRILLED = "checkout";

/** In which order they are best tried, and what the one who plays does meanwhile. */
const ORDER: Record<string, { you: string; takes: string }> = {
  "bad canary": { you: "You only watch.", takes: "about a minute" },
  "take it back": { you: "You press the emergency control.", takes: "about a minute" },
  "good canary": { you: "You only watch.", takes: "a minute or two" },
  "driver dies mid-step": { you: "You only watch.", takes: "about two minutes" },
  "journal lost": { you: "You only watch.", takes: "about a minute" },
};
const NAMES = Object.keys(ORDER);

/** The drill that waits for a person. */
export const BY_HAND = "take it back";

export interface Drill extends DrillRow {
  /** Its place in the suggested order, and the key that plays it. */
  n: number;
  you: string | null;
  takes: string | null;
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
  const place = ({ name }: DrillRow) => (NAMES.indexOf(name) + NAMES.length + 1) % (NAMES.length + 1);
  return rows
    .toSorted((a, b) => place(a) - place(b))
    .map((row, i) => {
      const own = grades.filter(({ drill }) => drill === row.name);
      return {
        ...row,
        n: i + 1,
        you: ORDER[row.name]?.you ?? null,
        takes: ORDER[row.name]?.takes ?? null,
        best: own.reduce<GradeRow | null>(better, null),
        last: own[0] ?? null,
      };
    });
}

const STARS = ["failed", "shaky", "sound", "flawless"] as const;

/** A grade in a word. */
export function gradeWord({ passed, stars }: Pick<GradeRow, "passed" | "stars">): string {
  return passed ? (STARS[stars] ?? STARS[0]) : STARS[0];
}

/** The one to play next: the first without a pass. */
export function nextDrill(drills: Drill[], after?: string): Drill | null {
  const open = drills.filter((d) => !d.best?.passed && d.name !== after);
  return open[0] ?? null;
}
