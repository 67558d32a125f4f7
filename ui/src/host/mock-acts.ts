/**
 * What commands do, done roughly to recorded answers, so that settings can be changed and drills be
 * played in a plain browser. `fresh`: as if the program had never been started.
 */
import { environment, FIRST } from "@/lib/environment.svelte";
import type {
  Binding,
  Fault,
  FaultsView,
  Freeze,
  GradeRow,
  Playing,
  Problem,
  Reason,
  Roles,
  Settings,
  SettingsView,
  SetRate,
  StatusLine,
  TrainingView,
} from "./generated";
import { type MockAccess, mockAccess } from "./mock-access";
import { mockAlerts } from "./mock-alerts";
import { mockExclusions } from "./mock-exclusions";
import { mockTasks } from "./mock-tasks";
import { mockTargets } from "./mock-targets";
import { mockValidation } from "./mock-validation";

/** When each line of a drill is told, and when it ends: milliseconds since it began. */
const COURSE: Record<string, { lines: [at: number, words: string][]; ends: number }> = {
  "bad canary": { lines: [[600, "v3 goes out; it fails a share of its requests"]], ends: 15_000 },
  "take it back": {
    lines: [
      [600, "v3 goes to a quarter of the traffic, and nobody judges it: watch its errors"],
      [4000, "customers are being hurt: take v3 back (Ctrl+Shift+R, then hold)"],
    ],
    // It ends when somebody takes it back.
    ends: Infinity,
  },
};
const OPENING_MS = 3000;

export interface Acts {
  /** Undefined when it knows no such command; throws a `Problem` when it refuses. */
  act(name: string, params: unknown): Promise<unknown>;
  /** A recorded answer as it is after what was done. */
  seen(name: string, answer: unknown): unknown;
  /** What is answered from memory alone; undefined where a recording is needed. */
  own(name: string, params: unknown): unknown;
  access: MockAccess;
}

const refused = (code: string, message: string): Problem => ({ code: `refused.${code}`, message });

export interface Made {
  /** As if the program had never been started. */
  fresh: boolean;
  /** With validations and baselines of days that no recording has. */
  seeded: boolean;
  planText: (name: string) => string | undefined;
}

export function mockActs(
  recorded: (name: string) => unknown,
  now: () => number,
  { fresh, seeded, planText }: Made,
): Acts {
  const iso = (at = now()) => new Date(at).toISOString();
  let settings: Settings | null = null;
  let roles: Roles | null = null;
  let freeze: Freeze | null = null;
  let open: boolean | null = fresh ? false : null;
  let rate: number | null = null;
  let playing: Playing | null = null;
  const faults = new Map<string, FaultsView>();
  const grades: GradeRow[] = [];

  const actor = () => (recorded("people.whoami") as { id: string } | undefined)?.id ?? "somebody";
  const access = mockAccess(now, actor);
  const tasks = mockTasks(now, actor);
  const targets = mockTargets(recorded);
  const alerts = mockAlerts(recorded, now, fresh);
  const exclusions = mockExclusions(recorded, now, actor, seeded);
  const validations = mockValidation(now, actor, planText, seeded);

  function ended(grade: Partial<GradeRow> | null, problem: string | null): void {
    if (!playing || playing.ended) return;
    const row = grade && {
      drill: playing.drill,
      at: iso(),
      passed: true,
      stars: 3,
      detected_in_ms: 6200,
      back_in_ms: 9,
      clients_hurt: 4,
      dropped: 0,
      words: ["v3 ended rolled back", "4 requests of 4 clients failed; 0 were lost by the change itself"],
      ...grade,
    };
    if (row) grades.unshift(row);
    playing = { ...played(playing), ended: iso(), grade: row, problem };
  }
  function played(drill: Playing): Playing {
    const since = now() - Date.parse(drill.since);
    const course = COURSE[drill.drill] ?? { lines: [], ends: 8000 };
    return { ...drill, lines: course.lines.filter(([at]) => at <= since).map(([, words]) => words) };
  }
  function ground(answer: TrainingView): TrainingView {
    if (playing && !playing.ended) {
      const { ends } = COURSE[playing.drill] ?? { ends: 8000 };
      if (now() - Date.parse(playing.since) > ends) ended({}, null);
      else playing = played(playing);
    }
    const standing = open ?? answer.open;
    const services = answer.services.map((service) => ({
      ...service,
      stands: !standing
        ? []
        : service.stands.map((stand) => {
            const told = faults.get(`${service.service} ${stand.version}`);
            return stand.faults && told ? { ...stand, faults: told } : stand;
          }),
    }));
    const load = answer.load && { ...answer.load, rate: rate ?? answer.load.rate };
    return {
      up: standing,
      open: standing,
      services,
      load: standing ? load : null,
      playing: playing ?? (standing && open === null ? answer.playing : null),
      grades: [...grades, ...answer.grades],
    };
  }
  function status(answer: StatusLine): StatusLine {
    const line = freeze ? { ...answer, freeze } : answer;
    if (!fresh || environment() !== FIRST) return line;
    return {
      ...line,
      environment: answer.environments.find((e) => e.name === FIRST) ?? answer.environment,
      driver: { kind: "this" },
      journal: { usable: true, head: 0, words: "empty" },
      live_rollouts: 0,
      services: 0,
      untouched: true,
    };
  }
  const settingsNow = (answer: SettingsView): SettingsView => {
    const kept = settings ?? answer.settings;
    const own = (name: string) => kept.environments.find((e) => e.name === name);
    return {
      ...answer,
      settings: kept,
      environments: [
        ...answer.environments.map((one) => own(one.name) ?? one),
        ...kept.environments.filter((e) => !answer.environments.some((b) => b.name === e.name)),
      ],
    };
  };

  const SEEN: Record<string, (answer: never) => unknown> = {
    ...tasks.seen,
    ...targets.seen,
    ...alerts.seen,
    "settings.show": settingsNow,
    "training.show": ground,
    status,
    "freeze.show": (answer: Freeze | null) => freeze ?? answer,
    "people.roles": (answer: Roles) => roles ?? answer,
    bridge: (answer: { services: unknown; health: unknown }) =>
      fresh && environment() === FIRST
        ? { ...answer, burning: [], moving: [], waiting: [], services: { total: 0, rows: [] } }
        : answer,
  };
  const bound = (change: (people: string[]) => string[], role: string): Roles => {
    const old = roles ?? (recorded("people.roles") as Roles);
    const next = { ...old.roles, [role]: change(old.roles[role] ?? []) };
    if (next[role]?.length === 0) delete next[role];
    const mine = Object.keys(next).filter((name) => next[name]?.includes(actor()));
    return (roles = { ...old, roles: next, mine });
  };
  const ACTS: Record<string, (params: never) => unknown> = {
    ...access.acts,
    ...tasks.acts,
    ...validations.acts,
    ...targets.acts,
    ...alerts.acts,
    ...exclusions.acts,
    "settings.change": (ask: { settings: Settings }) => {
      settings = ask.settings;
      return settingsNow(recorded("settings.show") as SettingsView);
    },
    "people.bind": ({ role, person }: Binding) => bound((people) => [...people, person], role),
    "people.unbind": ({ role, person }: Binding) =>
      bound((people) => people.filter((p) => p !== person), role),
    "freeze.declare": ({ reason }: Reason) => {
      freeze = { reason, by: actor(), at: iso() };
      return { done: "frozen: no `no_freeze` gate opens until it is lifted" };
    },
    "freeze.lift": () => {
      freeze = null;
      return { done: "lifted" };
    },
    "training.open": async () => {
      await new Promise((done) => setTimeout(done, OPENING_MS));
      open = true;
      return { done: "the training ground is open" };
    },
    "training.down": () => {
      open = false;
      playing = null;
      return { done: "the training ground is empty" };
    },
    "training.play": ({ drill }: { drill: string }) => {
      if (playing && !playing.ended) throw refused("drill-playing", "a drill is being played; stop it first");
      playing = { drill, since: iso(), ended: null, lines: [], grade: null, problem: null };
      return { done: `${drill} is being played` };
    },
    "training.stop": () => {
      playing ??= ground(recorded("training.show") as TrainingView).playing;
      ended(null, "stopped");
      return { done: "stopped; the ground is as the drill found it" };
    },
    "training.load": (ask: SetRate) => {
      rate = ask.rate;
      return { done: `${rate} requests a second` };
    },
    "training.fault": ({ service, version, faults: told }: Fault) => {
      const { services } = ground(recorded("training.show") as TrainingView);
      const stand = services.find((s) => s.service === service)?.stands.find((s) => s.version === version);
      if (!stand?.faults) throw { code: "training", message: `no instance of ${service} ${version} stands` };
      faults.set(`${service} ${version}`, { ...stand.faults, ...(told as Partial<FaultsView>) });
      return { done: `2 instances of ${version} told` };
    },
  };

  return {
    async act(name, params) {
      if (name === "rollback" && playing?.drill === "take it back") {
        ended({ detected_in_ms: 21_000, words: ["v3 ended rolled back"] }, null);
      }
      return ACTS[name]?.((params ?? {}) as never);
    },
    access,
    own(name, params) {
      const given = (params ?? {}) as never;
      if (name === "access.show") return access.opened();
      if (name === "targets.check") return targets.own[name](given);
      if (name in alerts.own) return alerts.own[name]?.(given);
      return tasks.own[name]?.() ?? exclusions.own[name]?.(given) ?? validations.own[name]?.(given);
    },
    seen: (name, answer) => SEEN[name]?.(answer as never) ?? answer,
  };
}
