/** Secrets and ways back of tasks, kept in memory for a plain browser. */
import type {
  NewSecret,
  PutBack,
  Reversible,
  RolloutStatus,
  RolloutView,
  SecretName,
  SecretRow,
  TaskStatus,
} from "./generated";

/** How long each way back seems to run. */
const RUNS_MS = 3000;

/** Recordings that were made before there were tasks say nothing of them. */
const NO_TASKS: Pick<
  RolloutStatus,
  "tasks" | "strategy" | "full_advised" | "back_times" | "batches" | "audience" | "waits_until" | "undo_to"
> = {
  tasks: [],
  strategy: "canary",
  full_advised: null,
  back_times: [],
  batches: null,
  audience: null,
  waits_until: null,
  undo_to: null,
};
const NO_WAYS: Pick<Reversible, "ways_back" | "preserves" | "full_advised" | "back_times"> = {
  ways_back: [],
  preserves: false,
  full_advised: null,
  back_times: [],
};

export interface Tasks {
  acts: Record<string, (params: never) => unknown>;
  seen: Record<string, (answer: never) => unknown>;
  /** Answers that no recording is needed for. */
  own: Record<string, () => unknown>;
}

export function mockTasks(now: () => number, actor: () => string): Tasks {
  const secrets = new Map<string, SecretRow>();
  const putBack = new Map<string, number>();

  function wayBack(task: TaskStatus, from: number): TaskStatus {
    const ran = now() - from;
    const over = ran >= RUNS_MS;
    return {
      ...task,
      way: "back",
      standing: over ? "passed" : "running",
      attempt: 1,
      started_at: new Date(from).toISOString(),
      took: over ? `${RUNS_MS / 1000}s` : null,
      why: "",
      tail: "",
      intent: null,
    };
  }
  function withWaysBack(view: RolloutView): RolloutView {
    const status = { ...NO_TASKS, ...view.status };
    const since = putBack.get(status.service);
    if (since === undefined) return { ...view, status };
    const begun = status.tasks.filter((task) => task.way === "out" && task.attempt > 0 && task.has_way_back);
    const ways = begun
      .toReversed()
      .map((task, i) => ({ task, from: since + i * RUNS_MS }))
      .filter(({ from }) => from <= now());
    return {
      ...view,
      status: { ...status, tasks: [...status.tasks, ...ways.map(({ task, from }) => wayBack(task, from))] },
    };
  }

  return {
    acts: {
      "secrets.set": ({ name }: NewSecret) => {
        secrets.set(name, { name, kept: "file", set_at: new Date(now()).toISOString(), set_by: actor() });
        return { done: `${name} is kept in a file which only you can read: no keychain answers here` };
      },
      "secrets.remove": ({ name }: SecretName) => {
        if (!secrets.delete(name))
          throw { code: "secrets.unknown", message: `there is no secret \`${name}\`` };
        return { done: `${name} is removed` };
      },
      "rollback.tasks": ({ service }: PutBack) => {
        putBack.set(service, now());
        return { done: "the ways back of its tasks follow" };
      },
    },
    seen: {
      "rollouts.show": withWaysBack,
      "rollback.list": (rows: Reversible[]) => rows.map((row) => ({ ...NO_WAYS, ...row })),
    },
    own: {
      "secrets.list": () => [...secrets.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    },
  };
}
