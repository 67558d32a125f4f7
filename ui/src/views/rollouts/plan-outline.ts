/**
 * What stands in a plan's text, for a summary beside the editor. It reads lines, not YAML, so it is
 * shown only once the backend has found no mistake in the text; nothing is decided by it.
 */
export interface PlanOutline {
  strategy: string | null;
  /** Names of tasks by when they are run, in the plan's order. */
  tasks: { when: string; names: string[] }[];
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

const uncommented = (line: string) => line.replace(/(^|\s)#.*$/, "").trimEnd();

function namesIn(line: string): string[] {
  return [...line.replace(INNER, "").matchAll(SCALAR)].map(([, double, single, bare]) =>
    (double ?? single ?? bare ?? "").trim(),
  );
}

export function outlineOf(yaml: string): PlanOutline {
  const found = new Map<string, string[]>();
  let strategy: string | null = null;
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
    const top = /^([a-z_]+):/.exec(line)?.[1];
    if (top !== undefined) [section, inTasks] = [top, null];
    if (top === "strategy") strategy = line.slice("strategy:".length).trim().replace(/["']/g, "");
    if (section === "steps") {
      const column = line.search(/[^\s-]/);
      if (inTasks !== null && column <= inTasks) inTasks = null;
      weight = /(?:^|[\s{,-])weight:\s*(\d+)/.exec(line)?.[1] ?? weight;
      const tasks = line.indexOf("tasks:");
      if (inTasks === null && tasks >= 0) inTasks = tasks;
      if (inTasks !== null) add(`at ${weight ?? "?"} %`, namesIn(tasks >= 0 ? line.slice(tasks) : line));
    } else {
      const when = WHEN[section];
      if (when !== undefined) add(when, namesIn(line));
    }
  }
  return { strategy, tasks: [...found].map(([when, names]) => ({ when, names })) };
}
