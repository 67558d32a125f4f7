/** Rollouts that are shown in a plain browser, made by hand: see `mock-strategies.ts`. */
import type {
  InstancePhase,
  InstanceState,
  Revision,
  RolloutStatus,
  Slot,
  SlotState,
  StepStatus,
} from "./generated";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const iso = (at: number) => new Date(at).toISOString();

const ROLLING = `plan: rolling
strategy: rolling
batch: 1
steps:
  - bake: { min: 1m, max: 20m }
analysis:
  alpha: 0.01
  interval: 5s
  metrics:
    - name: errors
      count: errors
      margin: 1%
rollback_window: 1h
`;
const BY_DAY = `plan: readers-first
strategy: audience
audience:
  flag: new-front-page
  by: { header: x-user }
  people: [ana, ben, chidi]
  number: 1000
steps:
  - weight: 0
    bake: { min: 2h, max: 1d }
  - weight: 10
    day: 2
    at: "09:00"
    bake: { min: 4h, max: 2d }
  - weight: 25
    day: 3
    at: "09:00"
    bake: { min: 4h, max: 2d }
  - weight: 50
    day: 4
    at: "09:00"
    bake: { min: 4h, max: 2d }
  - weight: 100
    day: 5
    at: "09:00"
    bake: { min: 1h, max: 2d }
analysis:
  alpha: 0.01
  interval: 1m
  metrics:
    - name: errors
      count: errors
      margin: 1%
rollback_window: 2d
`;

const CHECKED = `plan: checked
strategy: canary
validate: [quality, security, dependencies, performance-baseline]
steps:
  - weight: 10
    bake: { min: 1m, max: 20m }
  - weight: 100
    bake: { min: 1m, max: 20m }
analysis:
  alpha: 0.01
  interval: 5s
  metrics:
    - name: errors
      count: errors
      margin: 1%
rollback_window: 1h
`;

export const PLANS = [
  { name: "rolling", about: "One instance after the other, each watched before the next", yaml: ROLLING },
  {
    name: "audience-by-day",
    about: "0/10/25/50/100 % of the people, a day each",
    yaml: BY_DAY.replace("readers-first", "audience-by-day"),
  },
  { name: "checked", about: "Two judged steps, once its checks have passed", yaml: CHECKED },
];
export const weightsOf = (yaml: string) =>
  [...yaml.matchAll(/weight: (\d+)/g)].map(([, weight]) => Number(weight));

const step = (over: Partial<StepStatus>): StepStatus => ({
  weight: 0,
  current: false,
  done: null,
  skipped: false,
  words: "",
  instances: null,
  not_before: null,
  people: null,
  bake_min: "4h",
  bake_max: "2d",
  took: null,
  ...over,
});

function slotOf(
  slot: Slot,
  version: string | null,
  desired: number,
  phases: InstancePhase[],
  at: number,
): SlotState {
  const instances = phases.map((phase, i): InstanceState => ({
    id: `${slot}-${i + 1}`,
    phase,
    pid: (slot === "blue" ? 2100 : 1870) + i,
    port: (slot === "blue" ? 41_200 : 38_400) + i,
    restarts: 0,
    since: iso(at - (i + 1) * 60_000),
    ready_after: phase === "ready" ? "3s 940ms" : null,
  }));
  const ready = phases.filter((phase) => phase === "ready").length;
  const release = version === null ? null : { version };
  return { release, desired, ready, instances, in_flight: ready * 2, last_response_at: iso(at) };
}

/** What of a view differs from the recorded one. */
export interface Scene {
  status: Partial<RolloutStatus>;
  slots: { blue: SlotState; green: SlotState };
  plan: string;
}

/** When it is looked at, and what was done by then. */
export interface Moment {
  began: number;
  /** That day's first moment, UTC: schedules are written in it. */
  midnight: number;
  at: number;
  /** A person began it before its time. */
  early: boolean;
  /** What it brings up again, when it is an undo. */
  undo: Revision | null;
}

export function basket({ began, at }: Moment): Scene {
  const four = (n: number) => ({ instances: n, weight: n * 25, bake_min: "1m", bake_max: "20m" });
  return {
    plan: ROLLING,
    status: {
      release: "v4",
      from: "v3",
      plan: "rolling",
      strategy: "rolling",
      batches: "one instance at a time, new ones before old ones leave",
      started_at: iso(began - 4 * 60_000),
      stage: "bake",
      step: 1,
      progress: 38,
      in_step_for: `${Math.floor((at - began) / 1000) + 21}s`,
      expected_end: iso(began + 3 * 60_000),
      weights: { blue: 50, green: 50 },
      steps: [
        step({ ...four(1), done: { by: "pass" }, took: "1m 4s" }),
        step({ ...four(2), current: true }),
        step(four(3)),
        step(four(4)),
      ],
      way_back: {
        slot: "green",
        version: "v3",
        until: null,
        ready: 2,
        wanted: 4,
        full_after: "3s 940ms",
        rehearsal: { at: iso(at - 18_000), took_us: 402, obstacles: [] },
      },
    },
    slots: {
      blue: slotOf("blue", "v4", 2, ["ready", "ready"], at),
      green: slotOf("green", "v3", 3, ["ready", "ready", "draining"], at),
    },
  };
}

export function news({ midnight, at, early }: Moment): Scene {
  const nine = (day: number) => iso(midnight + (day - 3) * DAY + 9 * HOUR);
  const waits = midnight + DAY + 9 * HOUR;
  const waiting = !early && at < waits;
  return {
    plan: BY_DAY,
    status: {
      release: "v12",
      from: "v11",
      plan: "readers-first",
      strategy: "audience",
      audience: { flag: "new-front-page", by: "header x-user", listed: 3, percent: 25 },
      started_at: iso(midnight - 2 * DAY + 13 * HOUR),
      stage: "capacity",
      step: 3,
      progress: 60,
      in_step_for: "1h 12m",
      verdict: null,
      answer: null,
      waits_until: waiting ? iso(waits) : null,
      note: waiting ? `step 4 begins at ${iso(waits).slice(0, 16).replace("T", " ")} UTC` : "",
      expected_end: iso(midnight + 2 * DAY + 10 * HOUR),
      weights: { blue: 0, green: 100 },
      steps: [
        step({ people: 0, bake_min: "2h", done: { by: "no-harm", requests: 2040 }, took: "1d" }),
        step({ weight: 10, people: 100, not_before: nine(2), done: { by: "pass" }, took: "4h 9m" }),
        step({ weight: 25, people: 250, not_before: nine(3), done: { by: "pass" }, took: "4h" }),
        step({ weight: 50, people: 500, not_before: nine(4), current: true }),
        step({ weight: 100, people: 1000, not_before: nine(5), bake_min: "1h" }),
      ],
      way_back: {
        slot: "green",
        version: "v11",
        until: null,
        ready: 2,
        wanted: 2,
        full_after: null,
        rehearsal: { at: iso(at - 41_000), took_us: 377, obstacles: [] },
      },
    },
    slots: {
      blue: slotOf("blue", "v12", 2, ["ready", "ready"], at),
      green: slotOf("green", "v11", 2, ["ready", "ready"], at),
    },
  };
}

export function mail({ began, midnight, at, early, undo }: Moment): Scene {
  const opens = midnight + DAY + 4 * HOUR + HOUR / 2;
  const waiting = !early && at < opens;
  return {
    plan: "plan: canary-5-25-100\nstrategy: canary\n",
    status: {
      release: undo?.release.version ?? "v8",
      from: "v7",
      plan: "canary-5-25-100",
      strategy: "canary",
      phase: waiting ? "pending" : "progressing",
      stage: "capacity",
      step: 0,
      progress: 0,
      verdict: null,
      answer: null,
      undo_to: undo?.number ?? null,
      started_at: iso(began - 26 * 60_000),
      in_step_for: "26m",
      waits_until: waiting ? iso(opens) : null,
      note: waiting ? `step 1 begins at ${iso(opens).slice(0, 16).replace("T", " ")} UTC` : "",
      expected_end: iso(opens + 15 * 60_000),
      weights: { blue: 0, green: 100 },
      roles: { blue: "free", green: "stable" },
      steps: [5, 25, 100].map((weight, i) =>
        step({
          weight,
          current: i === 0,
          not_before: i === 0 ? iso(opens) : null,
          bake_min: "5m",
          bake_max: "1h",
        }),
      ),
      way_back: null,
    },
    slots: {
      blue: slotOf("blue", null, 0, [], at),
      green: slotOf("green", "v7", 2, ["ready", "ready"], at),
    },
  };
}
