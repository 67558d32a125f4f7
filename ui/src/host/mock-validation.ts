/** Validations and kept baselines, kept in memory for a plain browser. */
import type {
  BaselineComparison,
  BaselineName,
  ByService,
  CaptureBaseline,
  ChecksRow,
  CheckStatus,
  CompareBaselines,
  Figures,
  KeptBaseline,
  PlanText,
  Start,
  ValidationStatus,
} from "./generated";

/** How long each check seems to run; they run at once, and begin one after another. */
const CHECK_MS = 1200;
const NAMES = ["program", "no secrets in the open", "dependencies"];
const PRESETS: ChecksRow[] = [
  { name: "security", about: "The release's program and what it is given" },
  { name: "dependencies", about: "The services it needs are ready and not taken back" },
];

interface Run {
  service: string;
  release: string;
  plan: string;
  from: number;
  cancelled: number | null;
}

const refused = (code: string, message: string) => ({ code: `refused.${code}`, message });

export interface Validations {
  acts: Record<string, (params: never) => unknown>;
  own: Record<string, (params: never) => unknown>;
}

export function mockValidation(now: () => number, actor: () => string): Validations {
  const runs = new Map<string, Run>();
  const kept = new Map<string, KeptBaseline[]>();
  const iso = (at: number) => new Date(at).toISOString();
  const by = () => ({ kind: "person" as const, id: actor(), identity: "operating-system" as const });

  function status(run: Run): ValidationStatus {
    const end = run.from + CHECK_MS * NAMES.length;
    const until = run.cancelled ?? Math.min(now(), end);
    const over = run.cancelled !== null || until >= end;
    const checks = NAMES.map((name, i): CheckStatus => {
      const passed = until - run.from >= CHECK_MS * (i + 1);
      return {
        name,
        description: "",
        looks_at: name,
        critical: true,
        timeout: "30s",
        retries: 0,
        standing: passed ? "passed" : over ? "not-done" : "running",
        attempt: 1,
        started_at: iso(run.from),
        took: passed ? `${CHECK_MS * (i + 1)}ms` : null,
        why: passed ? "as it should be" : "",
        tail: "",
        intent: null,
      };
    });
    const lacking = checks.filter((check) => check.standing !== "passed");
    const can_deploy = over && lacking.length === 0;
    return {
      validation: `00000000-0000-0000-0000-${String(run.from).padStart(12, "0")}`,
      service: run.service,
      release: run.release,
      plan: run.plan,
      plan_digest: "0".repeat(64),
      by: by(),
      standing: !over ? "running" : run.cancelled === null ? "finished" : "cancelled",
      outcome: !over ? null : can_deploy ? "passed" : "failed",
      can_deploy,
      reasons: over ? lacking.map((check) => `${check.name} was not done`) : [],
      warnings: [],
      checks,
      started_at: iso(run.from),
      ended_at: over ? iso(until) : null,
      took: `${until - run.from}ms`,
    };
  }
  const figures = (over_ms: number): Figures => ({
    version: "v1",
    from: iso(now() - over_ms),
    to: iso(now()),
    covered: `${over_ms / 1000}s`,
    requests: 12_000,
    errors: 12,
    mean_ms: 8,
    p50_ms: 6,
    p95_ms: 18,
    p99_ms: 31,
    cpu_cores: 0.1,
    memory_bytes: 2 ** 24,
  });
  const find = (service: string, name: string): KeptBaseline => {
    const all = kept.get(service) ?? [];
    const found = name === "newest" ? all.at(-1) : all.find((one) => one.name === name);
    if (!found) throw refused("no-baseline", `${service} has no baseline ${name}`);
    return found;
  };

  return {
    acts: {
      "validation.run": async ({ service = "", version = "", plan = "" }: Start) => {
        const before = runs.get(service);
        if (before && status(before).standing === "running") {
          throw refused("validation-running", `${before.release} of ${service} is being validated`);
        }
        const run: Run = { service, release: version, plan, from: now(), cancelled: null };
        runs.set(service, run);
        while (status(run).standing === "running") await new Promise((done) => setTimeout(done, 100));
        return status(run);
      },
      "validation.cancel": ({ service }: ByService) => {
        const run = runs.get(service);
        if (!run || status(run).standing !== "running") {
          throw refused("not-validating", `nothing of ${service} is being validated`);
        }
        run.cancelled = now();
        return { done: "it is being cancelled" };
      },
      "baselines.capture": ({ service, name = "v1" }: CaptureBaseline): KeptBaseline => {
        const all = kept.get(service) ?? [];
        if (all.some((one) => one.name === name)) {
          throw refused("baseline-exists", `${service} has a baseline ${name} already`);
        }
        const one = { name, figures: figures(300_000), by: by(), at: iso(now()) };
        kept.set(service, [...all, one]);
        return one;
      },
      "baselines.remove": ({ service, name }: BaselineName) => {
        const gone = find(service, name);
        kept.set(
          service,
          (kept.get(service) ?? []).filter((one) => one !== gone),
        );
        return { done: `baseline ${gone.name} removed` };
      },
    },
    own: {
      "checks.list": () => PRESETS,
      "checks.show": ({ name }: { name: string }): PlanText => ({
        name,
        yaml: `checks: ${name}\nvalidate: []\n`,
      }),
      "validation.show": ({ service }: ByService) => {
        const run = runs.get(service);
        return run ? status(run) : null;
      },
      "baselines.list": ({ service }: ByService) => (kept.get(service) ?? []).toReversed(),
      "baselines.compare": ({ service, a, b = "now" }: CompareBaselines): BaselineComparison => {
        const before = find(service, a);
        const after = b === "now" ? figures(300_000) : find(service, b).figures;
        const rate = (of: Figures) => of.errors / of.requests;
        const row = (figure: string, unit: string, from: number, to: number) => ({
          figure,
          unit,
          a: from,
          b: to,
          change: unit === "share" ? to - from : to / from - 1,
          by_chance: unit === "share",
        });
        return {
          service,
          a: { name: before.name, figures: before.figures },
          b: { name: b, figures: after },
          too_few: null,
          differences: [
            row("errors", "share", rate(before.figures), rate(after)),
            row("p95", "ms", before.figures.p95_ms ?? 1, after.p95_ms ?? 1),
          ],
        };
      },
    },
  };
}
