/** Kept baselines, in memory for a plain browser. */
import type {
  Actor,
  BaselineComparison,
  BaselineName,
  ByService,
  CaptureBaseline,
  CompareBaselines,
  Difference,
  Figures,
  KeptBaseline,
} from "./generated";
import { spanMs } from "@/lib/format";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MIB = 2 ** 20;
const refused = (code: string, message: string) => ({ code: `refused.${code}`, message });
const iso = (at: number) => new Date(at).toISOString();

/** Of a stretch that ends then; one minute differs a little from the next. */
function figuresAt(to: number, over_ms: number, version: string, slow = 1): Figures {
  const wave = slow * (1 + 0.04 * Math.sin(to / MINUTE));
  const requests = Math.round((over_ms / 1000) * 41);
  return {
    version,
    from: iso(to - over_ms),
    to: iso(to),
    covered: `${over_ms / 1000}s`,
    requests,
    errors: Math.round(requests * 0.0011 * slow),
    mean_ms: 8.2 * wave,
    p50_ms: 6.1 * wave,
    p95_ms: 18 * wave,
    p99_ms: 31 * wave,
    cpu_cores: 0.11 * slow,
    memory_bytes: 61 * MIB * wave,
  };
}

function differences(a: Figures, b: Figures): Difference[] {
  const row = (figure: string, unit: string, of: (figures: Figures) => number | null): Difference => {
    const [from, to] = [of(a), of(b)];
    const known = from !== null && to !== null;
    const change = !known ? null : unit === "share" ? to - from : from > 0 ? to / from - 1 : null;
    const by_chance = unit === "share" && change !== null && change !== 0 && Math.abs(change) < 0.001;
    return { figure, unit, a: from, b: to, change, by_chance };
  };
  return [
    row("errors", "share", (f) => (f.requests > 0 ? f.errors / f.requests : null)),
    row("mean", "ms", (f) => f.mean_ms),
    row("p50", "ms", (f) => f.p50_ms),
    row("p95", "ms", (f) => f.p95_ms),
    row("p99", "ms", (f) => f.p99_ms),
    row("cpu", "cores", (f) => f.cpu_cores),
    row("memory", "bytes", (f) => f.memory_bytes),
  ];
}

export interface MadeBaselines {
  acts: Record<string, (params: never) => unknown>;
  own: Record<string, (params: never) => unknown>;
  /** Oldest first. */
  of(service: string): KeptBaseline[];
}

/** `seeded`: some are kept already. */
export function mockBaselines(now: () => number, by: () => Actor, seeded: boolean): MadeBaselines {
  const kept = new Map<string, KeptBaseline[]>();
  const one = (name: string, version: string, at: number, over_ms: number, slow: number): KeptBaseline => ({
    name,
    figures: figuresAt(at, over_ms, version, slow),
    by: by(),
    at: iso(at),
  });
  if (seeded) {
    kept.set("checkout", [
      one("before-the-sale", "v1", now() - 23 * DAY, 60 * MINUTE, 0.81),
      one("v1", "v1", now() - 9 * DAY, 5 * MINUTE, 0.97),
      one("v2-at-its-best", "v2", now() - 2 * DAY, 15 * MINUTE, 0.92),
    ]);
  }
  const of = (service: string) => kept.get(service) ?? [];
  const find = (service: string, name: string): KeptBaseline => {
    const all = of(service);
    const found = all.find((kept) => kept.name === name) ?? (name === "newest" ? all.at(-1) : undefined);
    if (!found) throw refused("no-baseline", `${service} has no baseline ${name}`);
    return found;
  };

  return {
    of,
    acts: {
      "baselines.capture": ({ service, name, over = "5m" }: CaptureBaseline): KeptBaseline => {
        const all = of(service);
        const taken = (wanted: string) => all.some((kept) => kept.name === wanted);
        let free = "v2";
        for (let n = 2; taken(free); n += 1) free = `v2-${n}`;
        const wanted = name?.trim() ?? free;
        if (!/^[A-Za-z0-9._+-]{1,140}$/.test(wanted)) {
          throw refused(
            "bad-name",
            `\`${wanted}\` is no name for a baseline; use letters, digits, . - _ and +`,
          );
        }
        if (wanted === "now" || wanted === "newest") {
          throw refused("bad-name", `\`${wanted}\` has a meaning of its own; choose another`);
        }
        if (taken(wanted)) throw refused("baseline-exists", `${service} has a baseline ${wanted} already`);
        const captured = one(wanted, "v2", now(), spanMs(over), 1);
        kept.set(service, [...all, captured]);
        return captured;
      },
      "baselines.remove": ({ service, name }: BaselineName) => {
        const gone = find(service, name);
        kept.set(
          service,
          of(service).filter((kept) => kept !== gone),
        );
        return { done: `baseline ${gone.name} removed` };
      },
    },
    own: {
      "baselines.list": ({ service }: ByService) => of(service).toReversed(),
      "baselines.compare": ({ service, a, b = "now" }: CompareBaselines): BaselineComparison => {
        const before = find(service, a);
        const as_long = Date.parse(before.figures.to) - Date.parse(before.figures.from);
        const after = b === "now" ? figuresAt(now(), as_long, "v2") : find(service, b).figures;
        return {
          service,
          a: { name: before.name, figures: before.figures },
          b: { name: b, figures: after },
          too_few: null,
          differences: differences(before.figures, after),
        };
      },
    },
  };
}
