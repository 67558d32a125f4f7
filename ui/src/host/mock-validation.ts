/** Validations, kept in memory for a plain browser, and the starts that they allow. */
import { declaredIn, type DeclaredCheck } from "@/validation/declared";
import type {
  Actor,
  ByService,
  ChecksRow,
  CheckStatus,
  PlanText,
  Problem,
  Start,
  ValidationOutcome,
  ValidationStanding,
  ValidationStatus,
} from "./generated";
import { foundBy, SHIPPED } from "./mock-checks";
import { mockBaselines } from "./mock-baselines";

/** How long each check seems to run; they run at once, and end one after another. */
const CHECK_MS = 1200;
/** Of a plan, as long as it says nothing else. */
const COUNTS_MS = 3_600_000;
const MINUTE = 60_000;

interface Run {
  service: string;
  version: string;
  plan: string;
  digest: string;
  checks: DeclaredCheck[];
  env: string;
  from: number;
  cancelled: number | null;
}

const refused = (code: string, why: string, instead?: string): Problem => ({
  code: `refused.${code}`,
  message: instead === undefined ? why : `${why}; ${instead}`,
  ...(instead !== undefined && { detail: { why, instead } }),
});
const iso = (at: number) => new Date(at).toISOString();

async function digestOf(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
const textOf = (preset: string) => SHIPPED.find(({ name }) => name === preset)?.yaml ?? "";
const checksIn = (yaml: string): DeclaredCheck[] =>
  declaredIn(yaml).flatMap((one) => ("preset" in one ? checksIn(textOf(one.preset)) : [one]));
const given = ({ command, env }: Start) => JSON.stringify([command ?? null, env ?? {}]);

export interface Validations {
  acts: Record<string, (params: never) => unknown>;
  own: Record<string, (params: never) => unknown>;
}

/** `planText`: of a plan that goes by its name. `seeded`: some have been run already. */
export function mockValidation(
  now: () => number,
  actor: () => string,
  planText: (name: string) => string | undefined,
  seeded = false,
): Validations {
  const by = (): Actor => ({ kind: "person", id: actor(), identity: "operating-system" });
  const baselines = mockBaselines(now, by, seeded);
  /** Of each service the newest last. */
  const runs = new Map<string, Run[]>();
  const newest = (service: string) => runs.get(service)?.at(-1);

  function check(run: Run, declared: DeclaredCheck, i: number, until: number, over: boolean): CheckStatus {
    const found = foundBy(declared.name, run.version, baselines.of(run.service).length);
    const answered = until - run.from >= CHECK_MS * (i + 1);
    const failing = declared.critical ? "failed" : "warning";
    return {
      name: declared.name,
      description: declared.description,
      looks_at: found.looks_at,
      critical: declared.critical,
      timeout: declared.timeout ?? "30s",
      retries: declared.retries,
      standing: answered ? (found.passes ? "passed" : failing) : over ? "not-done" : "running",
      attempt: 1,
      started_at: iso(run.from),
      took: answered ? `${CHECK_MS * (i + 1)}ms` : null,
      why: answered ? found.why : "",
      tail: answered ? found.tail : "",
      intent: null,
    };
  }
  const lacking = ({ name, standing, why }: CheckStatus) =>
    standing === "not-done" ? `${name} was not done` : `${name} failed: ${why}`;

  function status(run: Run): ValidationStatus {
    const end = run.from + CHECK_MS * run.checks.length;
    const until = run.cancelled ?? Math.min(now(), end);
    const over = run.cancelled !== null || until >= end;
    const checks = run.checks.map((one, i) => check(run, one, i, until, over));
    const short = checks.filter(({ standing }) => standing !== "passed");
    const reasons = short.filter(({ critical }) => critical).map(lacking);
    const warnings = short.filter(({ critical }) => !critical).map(lacking);
    const can_deploy = over && run.cancelled === null && reasons.length === 0;
    const standing: ValidationStanding = !over
      ? "running"
      : run.cancelled === null
        ? "finished"
        : "cancelled";
    const outcome: ValidationOutcome = !can_deploy ? "failed" : warnings.length > 0 ? "warnings" : "passed";
    return {
      validation: `00000000-0000-0000-0000-${String(run.from).padStart(12, "0")}`,
      service: run.service,
      release: run.version,
      plan: run.plan,
      plan_digest: run.digest,
      by: by(),
      standing,
      outcome: over ? outcome : null,
      can_deploy,
      reasons: over ? reasons : [],
      warnings: over ? warnings : [],
      checks,
      started_at: iso(run.from),
      ended_at: over ? iso(until) : null,
      took: `${until - run.from}ms`,
    };
  }

  async function asked(ask: Start): Promise<Omit<Run, "from" | "cancelled">> {
    const yaml = ask.plan_yaml ?? planText(ask.plan ?? "") ?? "";
    return {
      service: ask.service ?? "",
      version: ask.version ?? "",
      plan: ask.plan ?? /^plan:\s*(\S+)/m.exec(yaml)?.[1] ?? "",
      digest: await digestOf(yaml),
      checks: checksIn(yaml),
      env: given(ask),
    };
  }
  /** What keeps a release from starting; null when nothing does. */
  function lackingOf(wanted: Omit<Run, "from" | "cancelled">): string | null {
    const fits = (run: Run) =>
      run.version === wanted.version && run.digest === wanted.digest && run.env === wanted.env;
    const found = runs.get(wanted.service)?.findLast(fits);
    if (!found) {
      const names = wanted.checks.map(({ name }) => name).join(", ");
      return `it has not been validated with this plan, command and environment; missing: ${names}`;
    }
    const { standing, can_deploy, reasons } = status(found);
    if (standing === "running") return "its validation has not ended";
    if (!can_deploy) {
      const ended = standing === "finished" ? [] : [`its validation did not finish (${standing})`];
      return [...ended, ...reasons].join("; ");
    }
    return now() - found.from > COUNTS_MS ? "its validation ended too long ago, and counts for 1h" : null;
  }

  if (seeded) {
    const text = planText("checked") ?? "";
    const common = { plan: "checked", checks: checksIn(text), env: "[null,{}]", cancelled: null };
    void digestOf(text).then((digest) => {
      const past = (service: string, version: string, minutes: number): Run => ({
        ...{ ...common, service, version, digest },
        from: now() - minutes * MINUTE,
      });
      runs.set("checkout", [past("checkout", "v3-bad", 41)]);
      runs.set("search", [past("search", "v2", 17)]);
    });
  }

  return {
    acts: {
      ...baselines.acts,
      "validation.run": async (ask: Start) => {
        const wanted = await asked(ask);
        const { service, checks, plan } = wanted;
        if (checks.length === 0) {
          const instead = "start the rollout, or name checks under `validate` in the plan";
          throw refused("nothing-to-validate", `the plan ${plan} asks for no validation`, instead);
        }
        const before = newest(service);
        if (before && status(before).standing === "running") {
          throw refused("validation-running", `${before.version} of ${service} is being validated`);
        }
        const run: Run = { ...wanted, from: now(), cancelled: null };
        runs.set(service, [...(runs.get(service) ?? []), run]);
        while (status(run).standing === "running") await new Promise((done) => setTimeout(done, 100));
        return status(run);
      },
      "validation.cancel": ({ service }: ByService) => {
        const run = newest(service);
        if (!run || status(run).standing !== "running") {
          throw refused("not-validating", `nothing of ${service} is being validated`);
        }
        run.cancelled = now();
        return { done: "it is being cancelled" };
      },
      /** It refuses or says nothing: what a start answers comes from elsewhere. */
      "rollouts.start": async (ask: Start) => {
        const wanted = await asked(ask);
        const lack = wanted.checks.length === 0 || ask.break_glass?.trim() ? null : lackingOf(wanted);
        if (lack === null) return undefined;
        throw refused(
          "not-validated",
          `${wanted.version} may not go out to ${wanted.service}: ${lack}`,
          "validate it again once that is mended, or give a reason with break glass",
        );
      },
    },
    own: {
      ...baselines.own,
      "checks.list": () => SHIPPED.map(({ name, about }): ChecksRow => ({ name, about })),
      "checks.show": ({ name }: { name: string }): PlanText => {
        const found = SHIPPED.find((one) => one.name === name);
        if (!found) throw { code: "checks.unknown", message: `no checks are called ${name}` };
        return { name, yaml: found.yaml };
      },
      "validation.show": ({ service }: ByService) => {
        const run = newest(service);
        return run ? status(run) : null;
      },
    },
  };
}
