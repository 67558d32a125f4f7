import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Frame } from "@/host";
import { bestRecording, mockFromAddress, mockHost, moved, type Recording } from "@/host/mock";
import { paged } from "@/host/mock-lists";
import { advice, asProblem, isRefusal, problemText } from "@/host/problem";

const START = 1_795_000_000_000;
const NOW = START + 60_000;
/** As the backend writes it, so many milliseconds after the recording. */
const at = (after: number) => new Date(START + after).toISOString();
const AT = at(0);
const rows = ["web", "basket", "checkout"].map((service, i) => ({
  service,
  rate: i,
  last_change: { at: at(-i) },
}));
const recordings: Recording[] = [
  { request: "bridge", params: {}, at: AT, answer: { settled: null, services: { total: 3, rows } } },
  { request: "bridge", params: { filter: "gone" }, at: AT, answer: { services: { total: 0, rows: [] } } },
  { request: "status", params: {}, at: AT, answer: { scraped_at: at(-4000), live_rollouts: 2 } },
  {
    request: "rollback",
    params: {},
    at: AT,
    problem: { code: "refused.nothing-to-take-back", message: "no" },
  },
];
const make = () => mockHost({ recordings, now: () => NOW, every: 1000 });

describe("recordings", () => {
  test("the one that says most is played, one that contradicts is not", () => {
    expect(bestRecording(recordings, "bridge", { filter: "gone", limit: 5 })).toBe(recordings[1]);
    expect(bestRecording(recordings, "bridge", { filter: "web" })).toBe(recordings[0]);
    expect(bestRecording(recordings, "journal", {})).toBeUndefined();
  });
  test("times come to the present, figures stay", () => {
    expect(moved({ at: AT, n: 48_213, list: [at(1), null, "x"] }, 60_000)).toEqual({
      at: at(60_000),
      n: 48_213,
      list: [at(60_001), null, "x"],
    });
  });
  test("lists are filtered, sorted and windowed", () => {
    const answer = { services: { total: 3, rows } };
    const names = (params: Record<string, unknown>) =>
      (paged(answer, params) as typeof answer).services.rows.map((r) => r.service);
    expect(names({ sort: "service" })).toEqual(["basket", "checkout", "web"]);
    expect(names({ sort: "service", descending: true, limit: 2 })).toEqual(["web", "checkout"]);
    expect(names({ sort: "change", offset: 1 })).toEqual(["basket", "web"]);
    expect(names({ sort: "trouble", filter: "BAS" })).toEqual(["basket"]);
    expect((paged(answer, { filter: "b" }) as typeof answer).services.total).toBe(2);
    expect((paged(answer, { limit: 1 }) as typeof answer).services.total).toBe(3);
  });
});

describe("asking", () => {
  test("answers, and remembers what was asked", async () => {
    const host = make();
    expect(await host.ask("status", {})).toMatchObject({ scraped_at: at(56_000), live_rollouts: 2 });
    expect(host.asked).toEqual([{ name: "status", params: {} }]);
  });
  test("refusals, told failures, being offline and unrecorded requests reject with a problem", async () => {
    const host = make();
    await expect(host.ask("rollback", { service: "x" })).rejects.toMatchObject({
      code: "refused.nothing-to-take-back",
    });
    await expect(host.ask("plans.show", { name: "x" })).rejects.toMatchObject({
      code: "mock.not-recorded",
    });
    host.trouble.fail["status"] = { code: "journal.broken", message: "no" };
    await expect(host.ask("status", {})).rejects.toMatchObject({ code: "journal.broken" });
    host.trouble.offline = true;
    await expect(host.ask("bridge", {})).rejects.toMatchObject({ code: "window.offline" });
  });
  test("its address sets its states", () => {
    const host = mockFromAddress("?offline&lag=800&fail=bridge,status");
    expect(host.trouble).toMatchObject({ offline: true, lag: 800 });
    expect(Object.keys(host.trouble.fail)).toEqual(["bridge", "status"]);
  });
  test("every recording that ships is of a request, and whole", async () => {
    const host = mockHost();
    expect((await host.ask("status", {})).environment.class).toBe("training");
    const bridge = await host.ask("bridge", { limit: 2 });
    expect(bridge.services.rows).toHaveLength(2);
    expect(bridge.services.total).toBeGreaterThan(2);
  });
});

describe("watching", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("again and again until it is stopped; problems are frames", () => {
    const host = make();
    const seen: Frame<unknown>[] = [];
    const stop = host.watch("status", {}, (frame) => seen.push(frame));
    vi.advanceTimersByTime(1500);
    expect(seen.map((f) => f.kind)).toEqual(["answer", "answer"]);
    host.trouble.offline = true;
    vi.advanceTimersByTime(1000);
    expect(seen.at(-1)).toMatchObject({ kind: "problem", problem: { code: "window.offline" } });
    expect(host.watching()).toBe(1);
    stop();
    stop();
    vi.advanceTimersByTime(9000);
    expect(seen).toHaveLength(3);
    expect(host.watching()).toBe(0);
  });

  test("what appends is played once", () => {
    const more = [
      { request: "status", params: {}, at: AT, answer: { rows: [1] }, more: [{ rows: [2] }, { rows: [3] }] },
    ];
    const kinds: string[] = [];
    mockHost({ recordings: more, now: () => NOW, every: 10 }).watch("status", {}, (frame) =>
      kinds.push(frame.kind),
    );
    vi.advanceTimersByTime(500);
    expect(kinds).toEqual(["answer", "more", "more"]);
  });
});

describe("problems", () => {
  test("whatever is thrown becomes one", () => {
    expect(asProblem({ code: "a.b", message: "m", detail: 1 })).toEqual({
      code: "a.b",
      message: "m",
      detail: 1,
    });
    expect(asProblem(new Error("oh"))).toEqual({ code: "window.broken", message: "oh" });
    expect(asProblem("text").message).toBe("text");
  });
  test("a refusal says what to do instead", () => {
    const refusal = { code: "refused.rollout-live", message: "no", detail: { instead: "abort it first" } };
    expect(isRefusal(refusal)).toBe(true);
    expect(advice(refusal)).toBe("abort it first");
    expect(advice({ code: "platform.unreachable", message: "" })).toContain("node");
    expect(advice({ code: "unheard.of", message: "" })).toBeNull();
    expect(problemText(refusal)).toContain("refused.rollout-live: no");
  });
});

describe("validations and baselines", () => {
  const of = { service: "web" };
  test("checks end one after another, and may be cancelled", async () => {
    let time = NOW;
    const host = mockHost({ recordings, now: () => time, every: 1000 });
    expect(await host.ask("validation.show", of)).toBeNull();
    const plan_yaml = "plan: canary\nvalidate: [security, dependencies]\n";
    const ran = host.ask("validation.run", { ...of, version: "v2", plan_yaml });
    await vi.waitFor(async () => expect(await host.ask("validation.show", of)).not.toBeNull());
    await expect(host.ask("validation.run", { ...of, version: "v3", plan_yaml })).rejects.toMatchObject({
      code: "refused.validation-running",
    });
    await expect(host.ask("validation.run", { ...of, plan_yaml: "plan: bare\n" })).rejects.toMatchObject({
      code: "refused.nothing-to-validate",
    });
    time += 1300;
    const half = await host.ask("validation.show", of);
    expect(half?.checks.map((check) => check.standing)).toEqual(["passed", "running", "running"]);
    expect(half).toMatchObject({ standing: "running", can_deploy: false, release: "v2" });
    await host.ask("validation.cancel", of);
    expect(await ran).toMatchObject({ standing: "cancelled", outcome: "failed", can_deploy: false });
    await expect(host.ask("validation.cancel", of)).rejects.toMatchObject({ code: "refused.not-validating" });
  });
  test("a start whose plan asks for checks is refused until they have passed, or a reason is given", async () => {
    let time = NOW;
    const host = mockHost({ recordings, now: () => time, every: 1000 });
    const plan_yaml = "plan: canary\nvalidate: [quality]\n";
    const start = (over: object = {}) =>
      host.ask("rollouts.start", { ...of, version: "v2", plan_yaml, ...over });
    const lacking = async (over: object, words: string) => {
      const instead = "validate it again once that is mended, or give a reason with break glass";
      const why = `${"version" in over ? over.version : "v2"} may not go out to web: ${words}`;
      await expect(start(over)).rejects.toEqual({
        code: "refused.not-validated",
        message: `${why}; ${instead}`,
        detail: { why, instead },
      });
    };
    // What it answers when it is allowed is nobody's recording.
    const allowed = (over: object = {}) =>
      expect(start(over)).rejects.toMatchObject({ code: "mock.not-recorded" });
    const never = "it has not been validated with this plan, command and environment; missing: quality gates";
    const run = async (version: string) => {
      const ran = host.ask("validation.run", { ...of, version, plan_yaml });
      await vi.waitFor(async () =>
        expect(await host.ask("validation.show", of)).toMatchObject({ release: version }),
      );
      return ran;
    };
    await lacking({}, never);
    await allowed({ plan_yaml: "plan: bare\n" });
    await allowed({ break_glass: "hotfix" });
    const running = run("v2");
    await vi.waitFor(() => lacking({}, "its validation has not ended"));
    time += 2000;
    expect(await running).toMatchObject({ can_deploy: true });
    await allowed();
    await lacking({ env: { A: "1" } }, never);
    await lacking({ plan_yaml: `${plan_yaml}# mine\n` }, never);
    const bad = run("v3-bad");
    await vi.waitFor(() => lacking({ version: "v3-bad" }, "its validation has not ended"));
    time += 2000;
    await bad;
    await lacking({ version: "v3-bad" }, "quality gates failed: it ended with 2");
    // An earlier one of the same release and plan still counts.
    await allowed();
  });
  test("a baseline is kept once, compared and removed", async () => {
    const host = make();
    await host.ask("baselines.capture", { ...of, name: "good" });
    await expect(host.ask("baselines.capture", { ...of, name: "good" })).rejects.toMatchObject({
      code: "refused.baseline-exists",
    });
    expect(await host.ask("baselines.list", of)).toHaveLength(1);
    const found = await host.ask("baselines.compare", { ...of, a: "newest" });
    expect(found.differences.find((row) => row.figure === "p95")?.change).toBe(0);
    await host.ask("baselines.remove", { ...of, name: "good" });
    await expect(host.ask("baselines.compare", { ...of, a: "good" })).rejects.toMatchObject({
      code: "refused.no-baseline",
    });
  });
});
