/**
 * Three more services for a plain browser and for tests: `basket` is replaced instance by instance,
 * `news` goes to its people day by day, `mail` waits for its time. No recording lasts for days, so
 * these are made by hand, in the present, out of a recorded rollout. Revisions are there for all.
 */
import type {
  Actor,
  Audience,
  Begun,
  BridgeView,
  EventRow,
  InstancePhase,
  InstanceState,
  Page,
  PlanRow,
  Problem,
  Promote,
  Revision,
  RevisionStanding,
  Reversible,
  RolloutCharts,
  RolloutRow,
  RolloutStatus,
  RolloutView,
  ServiceView,
  Slot,
  SlotState,
  StepStatus,
  Undo,
} from "./generated";

export interface Strategies {
  /** What is answered for these services; undefined where a recording is. */
  own(name: string, params: Record<string, unknown>): unknown;
  /** A recorded list with these in it. */
  seen(name: string, answer: unknown): unknown;
  /** Undefined where it knows no such command for such a service. */
  act(name: string, params: unknown): unknown;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ANA: Actor = { kind: "person", id: "ana@bridge-7", identity: "operating-system" };
const ENGINE: Actor = { kind: "machine", id: "engine@bridge-7", identity: "operating-system" };
const DIGEST = "b70c51d2c5d1ed4b7c17c529b3dc6937ca7e9370e5e6275041adb87761720e41";
const iso = (at: number) => new Date(at).toISOString();
const uuid = (n: number) => `01a20000-0000-7000-8000-${String(n).padStart(12, "0")}`;

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

const PLANS = [
  { name: "rolling", about: "One instance after the other, each watched before the next", yaml: ROLLING },
  {
    name: "audience-by-day",
    about: "0/10/25/50/100 % of the people, a day each",
    yaml: BY_DAY.replace("readers-first", "audience-by-day"),
  },
];
const weightsOf = (yaml: string) => [...yaml.matchAll(/weight: (\d+)/g)].map(([, weight]) => Number(weight));

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
    pid: 2100 + i,
    port: 41_200 + i,
    restarts: 0,
    since: iso(at - (i + 1) * 60_000),
    ready_after: phase === "ready" ? "3s 940ms" : null,
  }));
  const ready = phases.filter((phase) => phase === "ready").length;
  const release = version === null ? null : { version };
  return { release, desired, ready, instances, in_flight: ready * 2, last_response_at: iso(at) };
}

/** What of a view differs from the recorded one. */
interface Scene {
  status: Partial<RolloutStatus>;
  slots: { blue: SlotState; green: SlotState };
  plan: string;
}

export function strategies(recorded: (name: string) => unknown, now: () => number): Strategies {
  const began = now();
  /** The day's first moment, UTC: schedules are written in it. */
  const midnight = Math.floor(began / DAY) * DAY;
  /** Begun before their time, by a person. */
  const early = new Set<string>();
  let undone: { service: string; revision: Revision } | null = null;

  function basket(at: number): Scene {
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

  function news(at: number): Scene {
    const nine = (day: number) => iso(midnight + (day - 3) * DAY + 9 * HOUR);
    const waits = midnight + DAY + 9 * HOUR;
    const waiting = !early.has("news") && at < waits;
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
        note: waiting ? `step 4 begins at ${iso(waits)}` : "",
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

  function mail(at: number): Scene {
    const opens = midnight + DAY + 4 * HOUR + HOUR / 2;
    const waiting = !early.has("mail") && at < opens;
    const undo = undone?.service === "mail" ? undone.revision : null;
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
        note: waiting ? `step 1 begins at ${iso(opens)}` : "",
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
  const SCENES: Record<string, (at: number) => Scene> = { basket, news, mail };

  function view(service: string): RolloutView {
    const at = now();
    const base = structuredClone(recorded("rollouts.show")) as RolloutView;
    const scene = SCENES[service]?.(at);
    if (!scene) throw new Error(`no scene for ${service}`);
    const n = Object.keys(SCENES).indexOf(service);
    const waits = scene.status.waits_until != null;
    // What was recorded of the errors leans to fail: here it goes well.
    const well = base.status.answer?.metrics
      .slice(-1)
      .map((one) => ({ ...one, name: "errors", critical: true }));
    const early = "its day has not come; wait until then, or give a reason with break glass";
    return {
      ...base,
      now: iso(at),
      controls: waits ? { ...base.controls, promote: early, promote_full: early } : base.controls,
      slots: scene.slots,
      candidate_ready: scene.slots.blue.ready,
      candidate_desired: scene.slots.blue.desired,
      plan_yaml: scene.plan,
      status: {
        ...base.status,
        rollout: uuid(n),
        service,
        plan_digest: DIGEST,
        batches: null,
        audience: null,
        waits_until: null,
        undo_to: null,
        tasks: [],
        full_advised: null,
        preview: null,
        answer: base.status.answer && { ...base.status.answer, metrics: well ?? [] },
        newest_sample: waits ? null : iso(at - 800),
        roles: { blue: "candidate", green: "stable" },
        ...scene.status,
      },
    };
  }

  function row({ status }: RolloutView): RolloutRow {
    const { rollout, service, release, from, plan, author, phase, note } = status;
    const weight = status.audience?.percent ?? status.weights?.blue ?? 0;
    const { step: at, steps, started_at, ended_at } = status;
    return {
      ...{ rollout, service, release, from, plan, author, phase, weight, started_at, ended_at, note },
      step: at,
      steps: steps.length,
    };
  }
  const all = () => Object.keys(SCENES).map(view);

  function back({ status }: RolloutView): Reversible | null {
    const way = status.way_back;
    const weights = status.weights;
    if (!way || !weights) return null;
    const short = way.wanted - way.ready;
    const said = `${way.ready} of ${way.wanted} instances are ready there: traffic goes there at once all the same, and ${short} more are started, which takes about ${way.full_after} (an estimate from earlier starts)`;
    const weight = status.audience?.percent ?? weights.blue;
    return {
      service: status.service,
      from: status.release,
      to: status.from,
      come: "rolling",
      weight,
      weights,
      rollout: status.rollout,
      until: null,
      promoted_at: null,
      errors: 0,
      obvious: false,
      ways_back: [],
      preserves: false,
      full_advised: null,
      trouble: null,
      preview: {
        service: status.service,
        from: weights,
        to: { blue: 0, green: 100 },
        slot: "green",
        version: status.from,
        leaving: status.release,
        rollout: status.rollout,
        ready: way.ready,
        wanted: way.wanted,
        in_flight: 2,
        full_after: way.full_after,
        obstacles: short > 0 ? [said] : [],
        rehearsed_us: 402,
      },
    };
  }

  function events(service: string): EventRow[] {
    const { status } = view(service);
    const start = Date.parse(status.started_at);
    const waits = status.waits_until === null ? "" : `; not before ${status.waits_until}`;
    const undo = status.undo_to === null ? "" : `, an undo to revision ${status.undo_to}`;
    const said: [Actor, string, EventRow["tone"]][] = [
      [
        ANA,
        `started ${status.release}${undo} by plan ${status.plan} b70c·51d2${service === "mail" ? waits : ""}`,
        "plain",
      ],
      ...(service === "mail"
        ? []
        : ([
            [ENGINE, "the traffic object learns of the rollout and its way back", "plain"],
            [ENGINE, "step 1: 1 of 1 instances ready", "good"],
            [ENGINE, "traffic for step 1 is written", "plain"],
            [ENGINE, "step 1: pass", "good"],
            [ENGINE, "step 1 ended", "plain"],
          ] as [Actor, string, EventRow["tone"]][])),
      ...(service === "basket"
        ? ([
            [ENGINE, "old instances leave for batch 2", "plain"],
            [ENGINE, "the instances of batch 2 come up", "plain"],
            [ENGINE, "traffic for step 2 is written", "plain"],
          ] as [Actor, string, EventRow["tone"]][])
        : []),
    ];
    return said.map(([actor, words, tone], i) => ({
      seq: 400 + i,
      event_id: uuid(400 + i),
      stream: `rollouts/${service}`,
      kind: i === 0 ? "rollout.started" : "rollout.intended",
      actor,
      occurred_at: iso(start + i * 900),
      recorded_at: iso(start + i * 900),
      words,
      tone,
      payload: null,
    }));
  }

  function revision(number: number, standing: RevisionStanding, days: number, over: Partial<Revision> = {}) {
    return {
      number,
      release: { version: `v${number}` },
      rollout: uuid(700 + number),
      plan: number === 1 ? "first" : "canary-5-25-100",
      author: ANA,
      promoted_at: iso(began - days * DAY),
      standing,
      undo_to: null,
      ...over,
    } satisfies Revision;
  }
  function revisions(service: string): Revision[] {
    switch (service) {
      case "search":
        return [revision(2, "serving", 0.01), revision(1, "kept", 3)];
      case "checkout":
        return [revision(2, "serving", 0.01), revision(1, "past", 3)];
      case "basket":
        return [
          revision(5, "serving", 2, {
            release: { version: "v3", env: { BASKET_LIMIT: "40", BASKET_TTL: "30m" } },
            undo_to: 3,
          }),
          revision(4, "taken-back", 2.2, { release: { version: "v3.1", env: { BASKET_LIMIT: "80" } } }),
          revision(3, "past", 9, { release: { version: "v3", env: { BASKET_LIMIT: "40" } } }),
          revision(2, "past", 23, {
            release: { version: "v2", command: ["./basket", "--port", "{port}", "--legacy"] },
            author: { ...ANA, id: "ben@bridge-9" },
          }),
          revision(1, "past", 60),
        ];
      case "mail":
        return [revision(7, "serving", 12), revision(6, "past", 31)];
      case "news":
        return [];
      default:
        return [revision(1, "serving", 3)];
    }
  }

  const refused = (code: string, message: string): Problem => ({ code: `refused.${code}`, message });
  function undo(ask: Undo): Begun {
    const found = revisions(ask.service).find(({ number }) => number === ask.to);
    if (!found) throw refused("no-revision", `${ask.service} has no revision ${ask.to}`);
    const named = `revision ${found.number} (${found.release.version})`;
    if (found.standing === "serving") throw refused("serving", `${named} has the traffic already`);
    if (found.standing === "kept")
      throw refused("kept-warm", `${named} is kept ready: a rollback leads there with one write`);
    if (ask.service !== "search" && !ask.supersede)
      throw refused("rollout-live", `a rollout of ${ask.service} is live; supersede it, or wait`);
    undone = { service: ask.service, revision: found };
    return {
      rollout: uuid(999),
      service: ask.service,
      plan: ask.plan ?? "canary-5-25-100",
      plan_digest: DIGEST,
      candidate: "blue",
      queued: ask.supersede ?? false,
      reach: null,
      notes: [],
    };
  }

  function own(name: string, params: Record<string, unknown>): unknown {
    const service = String(params["service"] ?? "");
    if (name === "revisions.list") return revisions(service);
    if (name === "plans.show") return PLANS.find((plan) => plan.name === params["name"]);
    if (name === "plans.check" && PLANS.some(({ yaml }) => yaml === params["yaml"]))
      return { mistakes: [], reach: null };
    if (!(service in SCENES)) return undefined;
    switch (name) {
      case "rollouts.show":
        return view(service);
      case "rollouts.events":
        return events(service);
      case "rollouts.page":
        return { total: 1, rows: [row(view(service))] } satisfies Page<RolloutRow>;
      case "rollouts.charts": {
        const like = recorded(name) as RolloutCharts;
        const none = { candidate: [], stable: [] };
        const waits = view(service).status.waits_until !== null;
        const empty = waits && { at: [], errors: none, p95_ms: none, rate: none };
        return { ...like, ...empty, marks: [], evidence: [] } satisfies RolloutCharts;
      }
      case "services.logs":
        return [];
      case "services.show":
        return shown(service);
      default:
        return undefined;
    }
  }
  function shown(service: string): ServiceView {
    const base = structuredClone(recorded("services.show")) as ServiceView;
    const { status, slots } = view(service);
    if (!slots || !status.roles || !status.weights) throw new Error("a scene lacks its slots");
    const { observation } = base;
    const audience: Audience | null = status.audience && {
      flag: status.audience.flag,
      by: { kind: "header", name: "x-user" },
      listed: ["ana", "ben", "chidi"],
      share: status.audience.percent * 100,
      salt: status.audience.flag,
    };
    const traffic = { ...observation.traffic, roles: status.roles, weights: status.weights, audience };
    const instances = service === "basket" ? 4 : 2;
    return {
      ...base,
      definition: base.definition && { ...base.definition, service, instances },
      definition_yaml: base.definition_yaml?.replaceAll("checkout", service) ?? base.definition_yaml,
      observation: { ...observation, service, slots, instances, traffic },
    };
  }

  return {
    own,
    seen(name, answer) {
      switch (name) {
        case "rollouts.page": {
          const page = answer as Page<RolloutRow>;
          return { total: page.total + 3, rows: [...all().map(row), ...page.rows] };
        }
        case "plans.list": {
          const rows = PLANS.map(({ yaml, ...row }): PlanRow => ({ ...row, weights: weightsOf(yaml) }));
          const others = (answer as PlanRow[]).filter((row) => !PLANS.some((plan) => plan.name === row.name));
          return [...others, ...rows];
        }
        case "rollback.list":
          return [...(answer as Reversible[]), ...all().flatMap((one) => back(one) ?? [])];
        case "bridge": {
          const bridge = answer as BridgeView;
          const [like] = bridge.services.rows;
          if (!like) return bridge;
          const rows = all().map(({ status }) => ({
            ...like,
            service: status.service,
            stable: status.from,
            candidate: status.roles?.blue === "candidate" ? status.release : null,
            candidate_weight: status.audience?.percent ?? status.weights?.blue ?? 0,
            mark: "moving" as const,
            last_change: null,
          }));
          return {
            ...bridge,
            services: {
              total: bridge.services.total + rows.length,
              rows: [...bridge.services.rows, ...rows],
            },
          };
        }
        default:
          return answer;
      }
    },
    act(name, params) {
      const { service } = (params ?? {}) as { service?: string };
      if (name === "rollouts.undo") return undo(params as Undo);
      if (name !== "rollouts.promote" || !service || !(service in SCENES)) return undefined;
      const { break_glass } = params as Promote;
      if (!break_glass)
        throw refused("not-yet", "it begins on its day; wait, or give a reason with break glass");
      early.add(service);
      return { done: "it begins now" };
    },
  };
}
