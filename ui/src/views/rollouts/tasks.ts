/** What a rollout's tasks did, do and would take back, in words. Pure: it reads what the backend says. */
import type { BackTime, Mark, RollbackKind, RolloutStatus, TaskKind, TaskStanding, TaskStatus } from "@/host";
import { duration, ms, spanWords } from "@/lib/format";
import { isOver, paused } from "./words";

export const KINDS: Record<TaskKind, string> = {
  smoke: "smoke test",
  load: "load test",
  synthetic: "synthetic test",
  migration: "migration",
  backup: "backup",
  "cache-purge": "cache purge",
  other: "task",
};

const MARKS: Record<TaskStanding, Mark> = {
  waiting: "no-data",
  running: "moving",
  passed: "good",
  warning: "warn",
  failed: "bad",
};
export const markOf = (task: TaskStatus): Mark => MARKS[task.standing];

const ofTheWayBack = ({ place }: TaskStatus) => ["export", "import", "verify"].includes(place.at);
const begun = (task: TaskStatus) => task.attempt > 0;

const wayOut = (tasks: TaskStatus[]) => tasks.filter((task) => task.way === "out" && !ofTheWayBack(task));

/** The plan's tasks, and apart from them what a rollback has begun to run. */
export function parted(tasks: TaskStatus[]): { out: TaskStatus[]; back: TaskStatus[] } {
  return { out: wayOut(tasks), back: wayBack(tasks).filter(begun) };
}

/** What was begun and has a way back, the plan's last first. */
export function reversible(tasks: TaskStatus[]): TaskStatus[] {
  return wayOut(tasks)
    .filter((task) => begun(task) && task.has_way_back)
    .toReversed();
}

const wayOf = (tasks: TaskStatus[], name: string) =>
  tasks.find((task) => task.way === "back" && task.name === name);

/** What a full rollback runs, in the order in which it does: begun or not. */
export function wayBack(tasks: TaskStatus[]): TaskStatus[] {
  const at = (place: string) => tasks.filter((task) => task.way === "out" && task.place.at === place);
  const ways = reversible(tasks).map(
    (task): TaskStatus =>
      wayOf(tasks, task.name) ?? {
        ...task,
        way: "back",
        standing: "waiting",
        attempt: 0,
        started_at: null,
        took: null,
        why: "",
        tail: "",
        intent: null,
      },
  );
  return [...at("export"), ...ways, ...at("import"), ...at("verify")];
}

/** The names of those whose way back has not been begun; it can still be. */
export function notTakenBack(tasks: TaskStatus[]): string[] {
  return reversible(tasks)
    .map(({ name }) => name)
    .filter((name) => wayOf(tasks, name) === undefined);
}

/** The release is gone, and what its tasks did still stands. */
export function leftBehind(status: RolloutStatus): string[] {
  const gone = isOver(status.phase) && status.phase !== "promoted";
  return gone ? notTakenBack(status.tasks) : [];
}

/** The task that holds a rollout: a critical one that failed, of which a person has to decide. */
export function holder(status: RolloutStatus): TaskStatus | null {
  if (paused(status.phase) !== "trouble") return null;
  return status.tasks.find((task) => task.way === "out" && task.standing === "failed") ?? null;
}

/** “took 4 s”, “for 12 s”; nothing of one whose turn has not come. */
export function timeOf(task: TaskStatus, now: number): string {
  if (task.standing === "running" && task.started_at !== null)
    return `for ${duration(Math.max(0, now - ms(task.started_at)))}`;
  return task.took === null ? "" : spanWords(task.took);
}

/** Said where there was more than one, or there could have been. */
export function attemptsOf(task: TaskStatus): string | null {
  if (task.place.at === "during" || task.attempt === 0) return null;
  return task.attempts > 1 ? `attempt ${task.attempt} of ${task.attempts}` : null;
}

/** What a rollback knows of the tasks. */
export interface Undo {
  /** The version that serves afterwards. */
  to: string;
  /** Tasks that have a way back, the last first. */
  ways: string[];
  /** What is run around them; true where only its being there is known. */
  exports: string | boolean;
  imports: string | boolean;
  /** Null: it is not known whether there is any. */
  verify: string[] | null;
  advised: string | null;
  times: BackTime[];
}

/** How long a kind takes beside the traffic: as it last took, and at the very most. */
export function timeOfKind(kind: RollbackKind, { times }: Undo): string | null {
  const time = times.find((one) => one.kind === kind);
  if (!time) return null;
  const most = `${spanWords(time.at_most)} at most`;
  if (time.usual === null) return `${most}: it has not been run yet`;
  const usual = spanWords(time.usual);
  return time.timed === time.tasks
    ? `about ${usual}, as it last took; ${most}`
    : `${most}; ${time.timed} of ${time.tasks} tasks last took ${usual}`;
}

export function undoOf(status: RolloutStatus): Undo {
  const at = (place: string) =>
    status.tasks.filter((task) => task.place.at === place).map(({ name }) => name);
  return {
    to: status.from ?? "what served before",
    ways: notTakenBack(status.tasks),
    exports: at("export")[0] ?? false,
    imports: at("import")[0] ?? false,
    verify: at("verify"),
    advised: status.full_advised,
    times: status.back_times,
  };
}

/** What can be chosen; none when there is nothing to choose. */
export function kindsOf({ ways, exports }: Undo): RollbackKind[] {
  if (ways.length === 0 && exports === false) return [];
  return exports === false ? ["quick", "full"] : ["quick", "full", "data-preserving"];
}

export const KIND_TITLES: Record<RollbackKind, string> = {
  quick: "Quick",
  full: "Full",
  "data-preserving": "Keep the data",
};

/** What a kind does, in its order. Traffic comes first whatever is chosen. */
export function doneBy(kind: RollbackKind, undo: Undo, traffic = true): string[] {
  const first = traffic ? [`traffic to ${undo.to}`] : [];
  if (kind === "quick") return first;
  const named = (what: string, name: string | boolean) =>
    name === false ? [] : [name === true ? what : `${what} (${name})`];
  const preserving = kind === "data-preserving";
  const { verify } = undo;
  return [
    ...first,
    ...(preserving ? named("export", undo.exports) : []),
    ...undo.ways.map((name) => `the way back of ${name}`),
    ...(preserving ? named("import", undo.imports) : []),
    ...(verify === null ? ["verification, if the plan has any"] : []),
    ...(verify && verify.length > 0 ? [`verification (${verify.join(", ")})`] : []),
  ];
}
