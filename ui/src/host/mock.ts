/**
 * A host for a plain browser and for tests: it plays recorded answers of the real backend, moved to
 * the present, and can be told to lag, to fail and to be offline.
 */
import type { Answer, Driven, Frame, Host, Params, Problem, QueryName, RequestName } from ".";
import type { PlanText, Progress } from "./generated";
import { environment } from "@/lib/environment.svelte";
import { mockActs } from "./mock-acts";
import { clusterOf } from "./mock-cluster";
import { paged } from "./mock-lists";
import { metricsAnswer } from "./mock-metrics";
import { PLANS } from "./mock-scenes";
import { strategies as madeByHand } from "./mock-strategies";

/** One answer as the backend gave it. `at`: when, so that its times can be moved to now. */
export interface Recording {
  request: string;
  params: Record<string, unknown>;
  at: string;
  answer?: unknown;
  problem?: Problem;
  /** What came after the first answer of a watch, to be appended. */
  more?: unknown[];
}

export interface Trouble {
  /** Milliseconds before every answer. */
  lag: number;
  offline: boolean;
  /** Request names that fail, with what. */
  fail: Record<string, Problem>;
}

export interface MockHost extends Host {
  kind: "mock";
  trouble: Trouble;
  /** What was asked for, oldest first. */
  asked: { name: string; params: unknown }[];
  /** Watches that have not been stopped. */
  watching(): number;
  /** Acts as if a menu entry had been chosen. */
  choose(action: string): void;
  /** Acts as if a link had been opened. */
  open(path: string): void;
  /** Acts as if the window were being closed. */
  askToClose(driven: Driven[]): void;
}

export interface MockOptions {
  recordings?: Recording[];
  now?: () => number;
  /** Milliseconds between two frames of a watch. */
  every?: number;
  /** As if the program had never been started. */
  fresh?: boolean;
  /** With the rollouts that no recording has: rolling, audience, one that waits for its time. */
  strategies?: boolean;
  /** With the environment `shop`, which is in a cluster. */
  cluster?: boolean;
}

const OFFLINE: Problem = { code: "window.offline", message: "the backend does not answer" };
/** As the backend writes times; nothing else in a recording looks like this. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Milliseconds between two looks while a command runs. */
const LOOK_MS = 400;

/** How much of an answer is wanted, not what of. */
const WINDOW = new Set(["offset", "limit", "lines", "container"]);

/** The same answer, as if it had been given now. */
export function moved(value: unknown, by: number): unknown {
  if (typeof value === "string") {
    return TIME.test(value) ? new Date(Date.parse(value) + by).toISOString() : value;
  }
  if (Array.isArray(value)) return value.map((item) => moved(item, by));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, moved(item, by)]));
  }
  return value;
}

/** The recording that says most about these params and contradicts none but the list's window. */
export function bestRecording(
  recordings: Recording[],
  name: string,
  params: Record<string, unknown>,
): Recording | undefined {
  let best: { recording: Recording; agree: number } | undefined;
  for (const recording of recordings) {
    if (recording.request !== name) continue;
    const keys = Object.keys(recording.params).filter((key) => !WINDOW.has(key));
    const agree = keys.filter(
      (key) => JSON.stringify(recording.params[key]) === JSON.stringify(params[key]),
    ).length;
    if (agree < keys.length) continue;
    if (!best || agree > best.agree) best = { recording, agree };
  }
  return best?.recording;
}

function recorded(): Recording[] {
  const files = import.meta.glob<Recording | Recording[]>("./recorded/*.json", {
    eager: true,
    import: "default",
  });
  return Object.values(files).flat();
}

export function mockHost({
  recordings = recorded(),
  now = Date.now,
  every = 2000,
  fresh = false,
  strategies = false,
  cluster = false,
}: MockOptions = {}): MockHost {
  const trouble: Trouble = { lag: 0, offline: false, fail: {} };
  const asked: MockHost["asked"] = [];
  const menus = new Set<(action: string) => void>();
  const links = new Set<(path: string) => void>();
  const closing = new Set<(driven: Driven[]) => void>();
  let watching = 0;

  const find = (name: string, params: unknown): Recording => {
    const given = (params ?? {}) as Record<string, unknown>;
    if (trouble.offline) throw OFFLINE;
    const failing = trouble.fail[name];
    if (failing) throw failing;
    const recording = bestRecording(recordings, name, given);
    if (!recording) {
      const message = `nothing is recorded for ${name} ${JSON.stringify(given)}`;
      throw { code: "mock.not-recorded", message } satisfies Problem;
    }
    if (recording.problem) throw recording.problem;
    return recording;
  };
  const answer = (name: string, params: unknown): unknown => {
    const own = trouble.offline || name in trouble.fail ? undefined : acts.own(name, params);
    if (own !== undefined && !bestRecording(recordings, name, {})) return own;
    const given = (params ?? {}) as Record<string, unknown>;
    const measured = trouble.offline || name in trouble.fail ? undefined : metricsAnswer(name, given, now());
    if (measured !== undefined && !bestRecording(recordings, name, given)) return measured;
    const there = trouble.offline || name in trouble.fail ? undefined : placed?.own(name, given);
    if (there !== undefined) return paged(acts.seen(name, there), given);
    const made = trouble.offline || name in trouble.fail ? undefined : more?.own(name, given);
    if (made !== undefined) return acts.seen(name, made);
    const recording = find(name, params);
    const played = moved(recording.answer, now() - Date.parse(recording.at));
    const recent = acts.seen(name, placed?.seen(name, played) ?? played);
    const one = "service" in recording.params;
    return paged(
      one || environment() === placed?.name ? recent : (more?.seen(name, recent) ?? recent),
      given,
    );
  };
  const recent = (name: string) => {
    const recording = bestRecording(recordings, name, {});
    return recording && moved(recording.answer, now() - Date.parse(recording.at));
  };
  const planText = (name: string) => {
    const made = strategies ? PLANS.find((plan) => plan.name === name) : undefined;
    const seen = bestRecording(recordings, "plans.show", { name })?.answer as PlanText | undefined;
    return made?.yaml ?? seen?.yaml;
  };
  const acts = mockActs(recent, now, { fresh, seeded: strategies, planText });
  const more = strategies
    ? madeByHand((name) => {
        const like = recordings.find(({ request }) => request === name);
        return like && moved(like.answer, now() - Date.parse(like.at));
      }, now)
    : undefined;
  const placed = cluster
    ? clusterOf(
        (name) => {
          const like = recordings.find(({ request }) => request === name);
          return like && moved(like.answer, now() - Date.parse(like.at));
        },
        now,
        acts.access.opened,
      )
    : undefined;
  /** What has been done is seen at once by whoever watches. */
  const watches = new Set<() => void>();
  const lag = () => new Promise((done) => setTimeout(done, trouble.lag));

  return {
    kind: "mock",
    trouble,
    asked,
    watching: () => watching,
    choose: (action) => menus.forEach((seen) => seen(action)),
    open: (path) => links.forEach((seen) => seen(path)),
    askToClose: (driven) => closing.forEach((asked) => asked(driven)),
    async rollBack(params, progress) {
      asked.push({ name: "rollback", params });
      await lag();
      await acts.act("rollback", params);
      const recording = find("rollback", params);
      for (const step of recording.more ?? []) progress(step as Progress);
      return answer("rollback", params) as Answer<"rollback">;
    },
    async ask<N extends RequestName>(name: N, params: Params<N>): Promise<Answer<N>> {
      asked.push({ name, params });
      await lag();
      const failing =
        trouble.offline || name in trouble.fail || bestRecording(recordings, name, params ?? {});
      // What takes its time is seen on its way.
      const looking = setInterval(() => watches.forEach((look) => look()), LOOK_MS);
      const act = async () =>
        placed?.act(name, params) ?? more?.act(name, params) ?? (await acts.act(name, params));
      const acted = failing ? undefined : await act().finally(() => clearInterval(looking));
      clearInterval(looking);
      if (acted === undefined) return answer(name, params) as Answer<N>;
      watches.forEach((look) => look());
      return acted as Answer<N>;
    },
    watch<N extends QueryName>(
      name: N,
      params: Params<N>,
      seen: (frame: Frame<Answer<N>>) => void,
    ): () => void {
      let stopped = false;
      let timer: ReturnType<typeof setTimeout>;
      let frames = 0;
      watching += 1;
      asked.push({ name, params });
      const next = () => {
        if (stopped) return;
        try {
          seen({ kind: "answer", at: now(), answer: answer(name, params) as Answer<N> });
          const recording = frames++ === 0 ? bestRecording(recordings, name, params ?? {}) : undefined;
          for (const more of recording?.more ?? []) {
            seen({
              kind: "more",
              at: now(),
              answer: moved(more, now() - Date.parse(recording?.at ?? "")) as Answer<N>,
            });
          }
        } catch (problem) {
          seen({ kind: "problem", at: now(), problem: problem as Problem });
        }
        // What appends is played once: again and again it would grow without end.
        const grows =
          frames > 0 && bestRecording(recordings, name, (params ?? {}) as Record<string, unknown>)?.more;
        if (!grows) timer = setTimeout(next, every);
      };
      timer = setTimeout(next, trouble.lag);
      const look = () => {
        clearTimeout(timer);
        timer = setTimeout(next);
      };
      watches.add(look);
      return () => {
        watches.delete(look);
        if (!stopped) watching -= 1;
        stopped = true;
        clearTimeout(timer);
      };
    },
    window: {
      close: async (how) => void asked.push({ name: "close", params: { how } }),
      onCloseAsked: (seen) => {
        closing.add(seen);
        return () => closing.delete(seen);
      },
      onDeepLink: (seen) => {
        links.add(seen);
        return () => links.delete(seen);
      },
      onMenu: (chosen) => {
        menus.add(chosen);
        return () => menus.delete(chosen);
      },
    },
  };
}

/** `?offline`, `?lag=800`, `?fail=bridge,status`, `?fresh`: the states of the window, from its address. */
export function mockFromAddress(search: string): MockHost {
  const wanted = new URLSearchParams(search);
  const mock = mockHost({ fresh: wanted.has("fresh"), strategies: !wanted.has("fresh"), cluster: true });
  mock.trouble.offline = wanted.has("offline");
  mock.trouble.lag = Number(wanted.get("lag") ?? 0) || 0;
  for (const name of wanted.get("fail")?.split(",") ?? []) {
    mock.trouble.fail[name] = {
      code: "mock.told-to-fail",
      message: `${name} was told to fail`,
      detail: { name },
    };
  }
  // For the browser's console: deckwatchMock.trouble.offline = true.
  Object.assign(window, { deckwatchMock: mock });
  return mock;
}
