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
  DefinitionCheck,
  EventRow,
  NodeStatus,
  Page,
  PlanRow,
  Problem,
  Promote,
  Revision,
  Reversible,
  RolloutCharts,
  RolloutRow,
  RolloutView,
  ServiceView,
  StatusLine,
  Undo,
} from "./generated";
import { revisionsOf } from "./mock-revisions";
import { basket, DAY, iso, mail, type Moment, news, PLANS, type Scene, weightsOf } from "./mock-scenes";

export interface Strategies {
  /** What is answered for these services; undefined where a recording is. */
  own(name: string, params: Record<string, unknown>): unknown;
  /** A recorded list with these in it. */
  seen(name: string, answer: unknown): unknown;
  /** Undefined where it knows no such command for such a service. */
  act(name: string, params: unknown): unknown;
}

const ANA: Actor = { kind: "person", id: "ana@bridge-7", identity: "operating-system" };
const ENGINE: Actor = { kind: "machine", id: "engine@bridge-7", identity: "operating-system" };
const DIGEST = "b70c51d2c5d1ed4b7c17c529b3dc6937ca7e9370e5e6275041adb87761720e41";
const uuid = (n: number) => `01a20000-0000-7000-8000-${String(n).padStart(12, "0")}`;

export function strategies(recorded: (name: string) => unknown, now: () => number): Strategies {
  const began = now();
  /** The day's first moment, UTC: schedules are written in it. */
  const midnight = Math.floor(began / DAY) * DAY;
  /** Begun before their time, by a person. */
  const early = new Set<string>();
  let undone: { service: string; revision: Revision } | null = null;
  const SCENES: Record<string, (when: Moment) => Scene> = { basket, news, mail };

  function view(service: string): RolloutView {
    const at = now();
    const base = structuredClone(recorded("rollouts.show")) as RolloutView;
    const scene = SCENES[service]?.({
      began,
      midnight,
      at,
      early: early.has(service),
      undo: undone?.service === service ? undone.revision : null,
    });
    if (!scene) throw new Error(`no scene for ${service}`);
    const n = Object.keys(SCENES).indexOf(service);
    const waits = scene.status.waits_until != null;
    // What was recorded of the errors leans to fail: here it goes well.
    const well = base.status.answer?.metrics
      .slice(-1)
      .map((one) => ({ ...one, name: "errors", critical: true }));
    const notYet = "its day has not come; wait until then, or give a reason with break glass";
    return {
      ...base,
      now: iso(at),
      controls: waits ? { ...base.controls, promote: notYet, promote_full: notYet } : base.controls,
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
        back_times: [],
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

  /** As the node tells of it. */
  function carried({ status, slots }: RolloutView, i: number): NodeStatus["services"] {
    if (!slots || !status.weights) return [];
    const { blue, green } = slots;
    return [
      {
        service: status.service,
        listen: `127.0.0.1:${18_804 + i}`,
        weights: status.weights,
        releases: { blue: blue.release?.version ?? null, green: green.release?.version ?? null },
        ready: { blue: blue.ready, green: green.ready },
        unserved: 0,
      },
    ];
  }

  function back({ status }: RolloutView): Reversible | null {
    const way = status.way_back;
    const weights = status.weights;
    if (!way || !weights) return null;
    const short = way.wanted - way.ready;
    const said = `${way.ready} of ${way.wanted} instances are ready there: traffic goes there at once all the same, and ${short} more are started, which takes about ${way.full_after} (an estimate from earlier starts)`;
    const weight = weights.blue;
    const led = status.audience;
    const audience = led
      ? `${led.percent} % by the ${led.by} and ${led.listed} by name, flag ${led.flag}`
      : null;
    return {
      service: status.service,
      from: status.release,
      to: status.from,
      come: "rolling",
      weight,
      weights,
      audience,
      rollout: status.rollout,
      until: null,
      promoted_at: null,
      errors: 0,
      obvious: false,
      ways_back: [],
      preserves: false,
      full_advised: null,
      back_times: [],
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
        ends_audience: audience,
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

  const refused = (code: string, message: string): Problem => ({ code: `refused.${code}`, message });
  function undo(ask: Undo): Begun {
    const found = revisionsOf(ask.service, began).find(({ number }) => number === ask.to);
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
    if (name === "revisions.list") return revisionsOf(service, began);
    // What is written in a plain browser is taken as it is.
    if (name === "services.check") return { mistakes: [] } satisfies DefinitionCheck;
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
        case "status": {
          const line = answer as StatusLine;
          const more = Object.keys(SCENES).length;
          return { ...line, services: line.services + more, live_rollouts: line.live_rollouts + more };
        }
        case "node.show": {
          const node = answer as NodeStatus;
          return { ...node, services: [...node.services, ...all().flatMap(carried)] };
        }
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
