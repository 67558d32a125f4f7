/**
 * An environment in a cluster for a plain browser and for tests: `shop`, production and read-only,
 * with `basket` (a canary on an HTTPRoute) and `catalogue` (blue-green by its Service), both
 * adopted. No recording was made in a cluster, so these are made by hand out of recorded answers.
 */
import { environment } from "@/lib/environment.svelte";
import type {
  Adopt,
  AdoptionPlan,
  BridgeView,
  ByService,
  ClusterView,
  ContextRow,
  Environment,
  Opened,
  Page,
  Problem,
  Reversible,
  RolloutRow,
  RolloutView,
  ServiceView,
  Settle,
  SettingsView,
  StatusLine,
} from "./generated";
import { adoption, backOf, FOUND, lineOf, slotsOf } from "./mock-cluster-scenes";

export interface MockCluster {
  /** The environment’s name. */
  name: string;
  /** What is answered while `shop` is looked at; undefined where a recording is. */
  own(name: string, params: Record<string, unknown>): unknown;
  /** A recorded answer with the environment in it. */
  seen(name: string, answer: unknown): unknown;
  /** Undefined where it knows no such command. */
  act(name: string, params: unknown): unknown;
}

export const SHOP: Environment = {
  name: "shop",
  folder: "/home/ana/.local/share/deckwatch/shop",
  class: "production",
  colour: "violet",
  read_only: true,
  cluster: {
    context: "prod-eu",
    namespace: "shop",
    metrics: {
      url: "https://prometheus.monitoring:9090",
      token: "shop-prometheus",
      responses: 'sum by (pod, code) (http_requests_total{namespace="$namespace"})',
      seconds: 'sum by (pod, le) (http_request_duration_seconds_bucket{namespace="$namespace"})',
    },
  },
};

const CONTEXTS: ContextRow[] = [
  { name: "prod-eu", cluster: "prod-eu-1", user: "ana", namespace: "shop", current: true },
  { name: "staging-eu", cluster: "staging-eu-1", user: "ana", namespace: "shop-staging", current: false },
  { name: "kind-here", cluster: "kind-here", user: "kind-here", namespace: "default", current: false },
];

const refused = (code: string, message: string): Problem => ({ code, message });
const changes = (name: string) =>
  /^(cluster\.(adopt|release|settle)|rollouts\.(?!show|page|charts|events|list|output)|validation\.|baselines\.(capture|remove))/.test(
    name,
  ) && !["validation.show", "baselines.list", "baselines.compare"].includes(name);

export function clusterOf(
  recorded: (name: string) => unknown,
  now: () => number,
  opened: () => Opened | null,
): MockCluster {
  const adopted = new Set(["basket", "catalogue"]);
  /** Whose change from elsewhere was settled. */
  const settled = new Set<string>();
  const here = () => environment() === SHOP.name;
  const iso = (ago = 0) => new Date(now() - ago).toISOString();

  function planOf({ deployment, route, virtual_service, ingress }: Adopt): AdoptionPlan {
    if (adopted.has(deployment)) return { service: deployment, steps: [] };
    if (!FOUND.includes(deployment))
      throw refused("refused.platform", `there is no Deployment ${deployment} in shop`);
    return adoption(deployment, { route, virtual: virtual_service, ingress });
  }
  function show(): ClusterView {
    return {
      context: "prod-eu",
      namespace: "shop",
      trouble: null,
      version: "v1.36.3",
      cluster: "5f0c6f0e-3f1e-4a55-9c3e-2a1f7a0d9b11",
      who: "ana@example.org (oidc:release-managers)",
      as_of: iso(1200),
      missing: [
        {
          right: "list horizontalpodautoscalers.autoscaling",
          why: "an autoscaler of the Deployment is not seen",
          for_the_way_back: false,
        },
      ],
      can_take_back: true,
      read_only: true,
      opened: opened(),
      metrics: SHOP.cluster?.metrics?.url ?? null,
    };
  }
  function service(name: string): ServiceView {
    if (!adopted.has(name)) throw refused("service.unknown", `no service named ${name} is adopted here`);
    const base = structuredClone(recorded("services.show")) as ServiceView;
    const { measured, slots, traffic, drift } = slotsOf(name, now());
    return {
      ...base,
      definition: null,
      definition_yaml: null,
      observation: {
        ...base.observation,
        service: name,
        at: iso(),
        slots,
        traffic: { ...base.observation.traffic, ...traffic },
        instances: 3,
        ...(drift && !settled.has(name) && { drift }),
      },
      measured,
    };
  }
  function rollout(): RolloutView {
    const base = structuredClone(recorded("rollouts.show")) as RolloutView;
    const { slots, traffic, measured } = slotsOf("basket", now());
    return {
      ...base,
      now: iso(),
      slots,
      candidate: measured[0],
      stable: measured[1],
      candidate_ready: 1,
      candidate_desired: 1,
      status: {
        ...base.status,
        service: "basket",
        release: "42",
        from: "41",
        weights: traffic.weights,
        roles: traffic.roles,
        step: 1,
        steps: base.status.steps.map((step, i) => ({
          ...step,
          current: i === 1,
          done: i === 0 ? { by: "pass" as const } : null,
          words: i === 1 ? step.words : "",
        })),
        way_back: base.status.way_back && { ...base.status.way_back, version: "41", ready: 3, wanted: 3 },
      },
    };
  }
  function row(): RolloutRow {
    const { rows } = recorded("rollouts.page") as Page<RolloutRow>;
    return { ...(rows[0] as RolloutRow), service: "basket", release: "42", from: "41", weight: 10 };
  }
  function bridge(): BridgeView {
    const base = structuredClone(recorded("bridge")) as BridgeView;
    const [like] = base.services.rows;
    const names = [...adopted];
    const rows = like ? names.map((name) => lineOf(like, name, now(), settled.has(name))) : [];
    const moving = base.moving
      .slice(0, 1)
      .map((one) => ({ ...one, service: "basket", from: "41", to: "42", weight: 10 }));
    return {
      ...base,
      burning: [],
      moving: adopted.has("basket") ? moving : [],
      waiting: [],
      settled: null,
      services: { total: rows.length, rows },
    };
  }
  function back(): Reversible[] {
    const rows = structuredClone(recorded("rollback.list")) as Reversible[];
    const like = rows.find((one) => one.preview !== null);
    if (!like?.preview) return [];
    return [...adopted].flatMap((name) => backOf(like, name, now()) ?? []);
  }
  const OWN: Record<string, (params: Record<string, unknown>) => unknown> = {
    "cluster.show": show,
    "cluster.plan": (params) => planOf(params as unknown as Adopt),
    bridge,
    "services.show": (params) => service(String(params["service"])),
    "services.logs": () => [],
    "rollouts.show": (params) => {
      if (params["service"] === "basket") return rollout();
      throw refused("rollout.none", `no rollout of ${String(params["service"])} is known`);
    },
    "rollouts.page": ({ service: of }) => {
      const rows = of === undefined || of === "basket" ? [row()] : [];
      return { total: rows.length, rows } satisfies Page<RolloutRow>;
    },
    "plans.check": () => ({ mistakes: [], reach: null }),
    "rollouts.events": () => [],
    "revisions.list": () => [],
    "rollback.list": back,
    "node.show": () => {
      throw refused("refused.in-a-cluster", "the services of shop run in the cluster prod-eu");
    },
  };

  return {
    name: SHOP.name,
    own(name, params) {
      if (name === "cluster.contexts") return CONTEXTS;
      if (!here()) {
        if (!name.startsWith("cluster.")) return undefined;
        throw refused("refused.not-a-cluster", "the services run on this machine, not in a cluster");
      }
      return OWN[name]?.(params);
    },
    seen(name, answer) {
      if (name === "settings.show") {
        const view = answer as SettingsView;
        const settings = { ...view.settings, environments: [...view.settings.environments, SHOP] };
        return { ...view, settings, ...(here() && { environment: SHOP.name }) };
      }
      if (name !== "status") return answer;
      const line = answer as StatusLine;
      const environments = [...line.environments, SHOP];
      if (!here()) return { ...line, environments };
      const node = { ...line.node, answers: true, words: "prod-eu" };
      return {
        ...line,
        ...{ environment: SHOP, environments, folder: SHOP.folder, node },
        ...{ services: adopted.size, live_rollouts: Number(adopted.has("basket")), untouched: false },
      };
    },
    act(name, params) {
      if (!here() || !changes(name)) return undefined;
      if (!opened())
        throw refused(
          "refused.read-only",
          "shop is read-only; it can be opened for a stated time with a reason, and the way back works all the same",
        );
      if (name === "cluster.adopt") {
        const ask = params as Adopt;
        planOf(ask);
        adopted.add(ask.deployment);
        return { done: `${ask.deployment} is adopted` };
      }
      if (name === "cluster.settle") {
        const { service: of, truth } = params as Settle;
        const { drift } = slotsOf(of, now());
        if (!drift || settled.has(of))
          throw refused("refused.no-drift", `the traffic of ${of} is as it was written here`);
        settled.add(of);
        const words = { theirs: "holds from now on", ours: "no longer holds: ours does" };
        return { done: `what ${drift.by} wrote ${words[truth]}` };
      }
      if (name !== "cluster.release") return undefined;
      const { service: which } = params as ByService;
      if (which === "basket") throw refused("refused.live", "a rollout of basket is live; end it first");
      adopted.delete(which);
      return { done: `${which} is on its own again` };
    },
  };
}
