/** What stands in the cluster of `mock-cluster.ts`: pods, shares, and what an adoption writes. */
import type {
  AdoptionPlan,
  Drift,
  InstanceState,
  Measured,
  PlannedStep,
  Reversible,
  Role,
  ServiceLine,
  SlotState,
  WayBack,
  Weights,
} from "./generated";

/** Deployments that stand in the namespace and are nobody's yet. */
export const FOUND = ["search", "profile", "checkout"];

interface Standing {
  slots: { blue: SlotState; green: SlotState };
  traffic: { weights: Weights; roles: { blue: Role; green: Role }; way_back: WayBack | null };
  measured: [Measured, Measured];
  drift?: Drift;
}

const iso = (at: number) => new Date(at).toISOString();
const image = (service: string, version: string) => `registry.example.org/shop/${service}:${version}`;

function slot(service: string, version: string, ids: string[], at: number): SlotState {
  const hash = version === "41" || version === "7" ? "7d9c5b6f4" : "5c8f7d9b6";
  const instances = ids.map((id, i): InstanceState => ({
    id: `${service}-${hash}-${id}`,
    phase: "ready",
    pid: null,
    port: null,
    restarts: 0,
    since: iso(at - (i + 3) * 3_600_000),
  }));
  const release = { version, image: image(service, version) };
  const many = ids.length;
  return { release, desired: many, ready: many, instances, in_flight: 0, last_response_at: null };
}

const EMPTY: SlotState = {
  release: null,
  desired: 0,
  ready: 0,
  instances: [],
  in_flight: 0,
  last_response_at: null,
};
const NOTHING: Measured = { rate: null, errors: null, p95_ms: null, at: null };

export function slotsOf(service: string, at: number): Standing {
  const newest = iso(at - 1500);
  const stable: Measured = { rate: 184, errors: 0.0021, p95_ms: 41, at: newest };
  if (service === "basket") {
    return {
      slots: {
        blue: slot(service, "42", ["x2k4j"], at),
        green: slot(service, "41", ["8hq2m", "kv6wd", "tz9pl"], at),
      },
      traffic: {
        weights: { blue: 10, green: 90 },
        roles: { blue: "candidate", green: "stable" },
        way_back: { slot: "green" },
      },
      measured: [{ rate: 20.4, errors: 0.0019, p95_ms: 43, at: newest }, stable],
    };
  }
  if (service === "catalogue") {
    return {
      slots: {
        blue: slot(service, "7", ["4bw7c", "qn5rs", "zd8xf"], at),
        green: slot(service, "8", ["m3tgh", "p9vkl", "w6yjn"], at),
      },
      traffic: {
        weights: { blue: 0, green: 100 },
        roles: { blue: "previous", green: "stable" },
        way_back: { slot: "blue", until: iso(at + 22 * 60_000) },
      },
      measured: [NOTHING, stable],
      drift: {
        by: "kubectl-edit",
        what: "the Service catalogue selects the pods of blue; green was written here.",
      },
    };
  }
  return {
    slots: { blue: slot(service, "1", ["c5nxq", "r7dzt"], at), green: EMPTY },
    traffic: {
      weights: { blue: 100, green: 0 },
      roles: { blue: "stable", green: "free" },
      way_back: null,
    },
    measured: [stable, NOTHING],
  };
}

/** The same as a row of the list. */
export function lineOf(like: ServiceLine, service: string, at: number, settled: boolean): ServiceLine {
  const { slots, traffic, drift: found } = slotsOf(service, at);
  const drift = settled ? undefined : found;
  const of = (role: Role) => (["blue", "green"] as const).find((one) => traffic.roles[one] === role);
  const version = (role: Role) => {
    const found = of(role);
    return found ? (slots[found].release?.version ?? null) : null;
  };
  const candidate = of("candidate");
  const stable = of("stable") ?? "green";
  return {
    ...like,
    service,
    mark: drift ? "warn" : candidate ? "moving" : "good",
    why: drift ? "its traffic was changed from elsewhere" : null,
    stable: version("stable"),
    candidate: version("candidate"),
    previous: version("previous"),
    candidate_weight: candidate ? traffic.weights[candidate] : 0,
    ready: slots[stable].ready,
    desired: slots[stable].desired,
    rate: 184,
    errors: 0.0021,
    p95_ms: 41,
    at: iso(at - 1500),
    last_change: null,
  };
}

/** Where a rollback of it leads; null when nothing stands behind it. */
export function backOf(like: Reversible, service: string, at: number): Reversible | null {
  const { slots, traffic } = slotsOf(service, at);
  if (!like.preview || !traffic.way_back) return null;
  const slot = traffic.way_back.slot;
  const other = slot === "blue" ? "green" : "blue";
  const [from, to] = [slots[other].release?.version ?? null, slots[slot].release?.version ?? null];
  const live = traffic.roles[other] === "candidate";
  return {
    ...like,
    service,
    from: from ?? "",
    to: to ?? "",
    weight: traffic.weights[other],
    weights: traffic.weights,
    obvious: live,
    until: traffic.way_back.until ?? null,
    promoted_at: live ? null : iso(at - 38 * 60_000),
    preview: {
      ...like.preview,
      service,
      from: traffic.weights,
      to: slot === "blue" ? { blue: 100, green: 0 } : { blue: 0, green: 100 },
      slot,
      version: to,
      leaving: from,
      ready: slots[slot].ready,
      wanted: slots[slot].desired,
      in_flight: 0,
      obstacles: [],
    },
  };
}

const labels = (service: string, slot: string) => ({
  "deckwatch.dev/service": service,
  "deckwatch.dev/slot": slot,
});

/** What carries the traffic of what is adopted; nothing named: the Service. */
interface Front {
  route?: string;
  virtual?: string;
  ingress?: string;
}

export function adoption(service: string, { route, virtual, ingress }: Front): AdoptionPlan {
  const made = (slot: "blue" | "green"): PlannedStep => ({
    what: `a Service for ${slot}, with the ports of ${service}`,
    kind: "Service",
    name: `${service}-${slot}`,
    body: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: `${service}-${slot}`, labels: labels(service, slot) },
      spec: {
        ports: [{ name: "http", port: 80, targetPort: 8080 }],
        selector: slot === "blue" ? { app: service } : labels(service, slot),
      },
    },
  });
  if (ingress) return { service, steps: [made("blue"), made("green"), canary(service, ingress)] };
  const kind = route ? "HTTPRoute" : virtual ? "VirtualService" : "Service";
  const name = route ?? virtual ?? service;
  const record = { weights: { blue: 100, green: 0 }, roles: { blue: "stable", green: "free" } };
  const blue = `${service}-blue`;
  const moved = {
    HTTPRoute: { path: "/spec/rules/0/backendRefs", value: [{ name: blue, port: 80 }] },
    VirtualService: { path: "/spec/http/0/route", value: [{ destination: { host: blue } }] },
    Service: { path: "/spec/selector", value: { app: service } },
  }[kind];
  return {
    service,
    steps: [
      made("blue"),
      made("green"),
      {
        what: `${kind} ${name} leads to ${service}-blue instead of ${service}, and carries the record`,
        kind,
        name,
        body: [
          { op: "replace", ...moved },
          {
            op: "add",
            path: "/metadata/annotations/deckwatch.dev~1traffic",
            value: JSON.stringify(record),
          },
        ],
      },
    ],
  };
}

function canary(service: string, ingress: string): PlannedStep {
  const nginx = "nginx.ingress.kubernetes.io";
  return {
    what: `a canary beside the Ingress ${ingress}, which leads nobody to ${service}-green yet, and carries the record`,
    kind: "Ingress",
    name: `${service}-canary`,
    body: {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: {
        name: `${service}-canary`,
        annotations: { [`${nginx}/canary`]: "true", [`${nginx}/canary-weight`]: "0" },
      },
      spec: { ingressClassName: "nginx", rules: [] },
    },
  };
}
