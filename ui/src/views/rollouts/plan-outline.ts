/**
 * What stands in a plan's text, for a summary beside the editor. It reads lines, not YAML, so it is
 * shown only once the backend has found no mistake in the text; nothing is decided by it.
 */
export interface PlanOutline {
  strategy: string | null;
  /** Names of tasks by when they are run, in the plan's order. */
  tasks: { when: string; names: string[] }[];
  steps: StepOutline[];
  /** Of rolling: instances at a time, `2` or `25%`. */
  batch: string;
  /** Of rolling: new ones stand before old ones leave. */
  surge: boolean;
  audience: AudienceOutline | null;
}

export interface StepOutline {
  weight: number | null;
  /** Counted from the start, from 1; null: as soon as the step before has ended. */
  day: number | null;
  /** Of that day, UTC. */
  at: string | null;
}

export interface AudienceOutline {
  flag: string;
  /** `header x-user` */
  by: string;
  people: string[];
  /** How many there are. */
  number: number | null;
}

const WHEN: Record<string, string> = {
  before: "before",
  during: "again and again",
  after: "after",
  export: "export, before the ways back",
  import: "import, after the ways back",
  verify: "after a full rollback",
};
const SCALAR = /(?:^|[\s{,])name:\s*(?:"([^"]*)"|'([^']*)'|([^,}#\s][^,}#]*))/g;

/** Maps in which a key may be called anything. */
const INNER = /\b(?:env|secrets|headers):\s*\{[^{}]*\}/g;

export const uncommented = (line: string) => line.replace(/(^|\s)#.*$/, "").trimEnd();
export const unquoted = (text: string) => text.trim().replace(/^(["'])(.*)\1$/, "$2");

function namesIn(line: string): string[] {
  return [...line.replace(INNER, "").matchAll(SCALAR)].map(([, double, single, bare]) =>
    (double ?? single ?? bare ?? "").trim(),
  );
}

/** The value of a key on a line, in either of YAML's two styles; null where it is not there. */
export function valueOf(line: string, key: string): string | null {
  const found = new RegExp(`(?:^|[\\s{,-])${key}:\\s*("[^"]*"|'[^']*'|[^,{}[\\]\\s][^,{}[\\]]*)`).exec(line);
  return found?.[1] === undefined ? null : unquoted(found[1]);
}
const figureOf = (line: string, key: string): number | null => {
  const value = valueOf(line, key);
  return value !== null && /^\d+$/.test(value) ? Number(value) : null;
};

/** A step begins with its dash; what follows it is its own until the next one at the same column. */
class Steps {
  readonly all: StepOutline[] = [];
  private dash: number | null = null;

  line(line: string): void {
    const column = /^(\s*)-\s/.exec(line)?.[1]?.length;
    if (column !== undefined && (this.dash === null || column === this.dash)) {
      this.dash = column;
      this.all.push({ weight: null, day: null, at: null });
    }
    const step = this.all.at(-1);
    if (!step) return;
    step.weight ??= figureOf(line, "weight");
    step.day ??= figureOf(line, "day");
    step.at ??= valueOf(line, "at");
  }
}

/** The lines under `audience:`. */
function audienceOf(lines: string[]): AudienceOutline | null {
  if (lines.length === 0) return null;
  const found: AudienceOutline = { flag: "", by: "", people: [], number: null };
  let listing = false;
  for (const line of lines) {
    const item = /^\s*-\s+(.+)$/.exec(line)?.[1];
    if (listing && item !== undefined) found.people.push(unquoted(item));
    else listing = false;
    const inline = /(?:^|[\s{,])people:\s*(?:\[([^\]]*)\])?/.exec(line);
    if (inline) {
      listing = inline[1] === undefined;
      const names = (inline[1] ?? "").split(",").map(unquoted);
      found.people.push(...names.filter((name) => name !== ""));
    }
    found.flag ||= valueOf(line, "flag") ?? "";
    found.number ??= figureOf(line, "number");
    for (const kind of ["header", "cookie"]) {
      const name = valueOf(line, kind);
      if (name !== null) found.by ||= `${kind} ${name}`;
    }
  }
  return found;
}

export function outlineOf(yaml: string): PlanOutline {
  const found = new Map<string, string[]>();
  const top: Record<string, string> = {};
  const steps = new Steps();
  const audience: string[] = [];
  let section = "";
  let weight: string | null = null;
  /** Columns at which `tasks:` of a step stands; what is deeper belongs to it. */
  let inTasks: number | null = null;
  const add = (when: string, names: string[]) => {
    if (names.length > 0) found.set(when, [...(found.get(when) ?? []), ...names]);
  };
  for (const raw of yaml.split("\n")) {
    const line = uncommented(raw);
    if (line.trim() === "") continue;
    const key = /^([a-z_]+):/.exec(line)?.[1];
    if (key !== undefined) {
      [section, inTasks] = [key, null];
      top[key] = unquoted(line.slice(key.length + 1));
    }
    if (section === "audience") audience.push(line);
    else if (section === "steps") {
      const column = line.search(/[^\s-]/);
      if (inTasks !== null && column <= inTasks) inTasks = null;
      weight = /(?:^|[\s{,-])weight:\s*(\d+)/.exec(line)?.[1] ?? weight;
      const tasks = line.indexOf("tasks:");
      if (inTasks === null) steps.line(tasks >= 0 ? line.slice(0, tasks) : line);
      if (inTasks === null && tasks >= 0) inTasks = tasks;
      if (inTasks !== null) add(`at ${weight ?? "?"} %`, namesIn(tasks >= 0 ? line.slice(tasks) : line));
    } else {
      const when = WHEN[section];
      if (when !== undefined) add(when, namesIn(line));
    }
  }
  return {
    strategy: top["strategy"] ?? null,
    tasks: [...found].map(([when, names]) => ({ when, names })),
    steps: steps.all,
    batch: top["batch"] ?? "1",
    surge: top["surge"] !== "false",
    audience: audienceOf(audience),
  };
}

/** How many instances are new after each batch of a service of so many; null: no such batch. */
export function batchesOf({ batch }: Pick<PlanOutline, "batch">, instances: number): number[] | null {
  const found = /^(\d+)\s*(%?)$/.exec(batch);
  if (!found || instances < 1) return null;
  const n = Number(found[1]);
  const wanted = found[2] === "%" ? Math.ceil((instances * n) / 100) : n;
  const size = Math.min(Math.max(1, wanted), instances);
  return Array.from({ length: Math.ceil(instances / size) }, (_, i) => Math.min(instances, (i + 1) * size));
}

/** “one instance at a time, new ones before old ones leave” */
export function batchWords({ batch, surge }: Pick<PlanOutline, "batch" | "surge">): string {
  const size =
    batch === "1"
      ? "one instance"
      : batch.includes("%")
        ? `${Number.parseInt(batch, 10)} % of the instances`
        : `${batch} instances`;
  return `${size} at a time, ${surge ? "new ones before old ones leave" : "old ones leave first"}`;
}
