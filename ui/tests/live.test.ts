import { render } from "@testing-library/svelte";
import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BridgeAsk, type BridgeView, type Frame, type Host, useHost } from "@/host";
import { joined, KEEP_ROWS, type Live } from "@/lib/live.svelte";
import Holder from "./Holder.svelte";

interface Watch {
  params: BridgeAsk;
  seen: (frame: Frame<BridgeView>) => void;
  stopped: boolean;
}

let watches: Watch[];
let visibility: DocumentVisibilityState;
const open = () => watches.filter((w) => !w.stopped);
const view = (settled: string) => ({ settled }) as BridgeView;
const answer = (settled: string, at = 1): Frame<BridgeView> => ({
  kind: "answer",
  at,
  answer: view(settled),
});

function show(params: BridgeAsk | null, updated?: () => void) {
  let bridge!: Live<BridgeView, BridgeAsk>;
  const { rerender, unmount } = render(Holder, { params, seen: (l: typeof bridge) => (bridge = l), updated });
  flushSync();
  return { bridge, rerender: (params: BridgeAsk | null) => rerender({ params }), unmount };
}
function frame(): void {
  vi.advanceTimersByTime(20);
  flushSync();
}
function look(state: DocumentVisibilityState): void {
  visibility = state;
  document.dispatchEvent(new Event("visibilitychange"));
  flushSync();
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "requestAnimationFrame", "cancelAnimationFrame"],
  });
  watches = [];
  visibility = "visible";
  vi.spyOn(document, "visibilityState", "get").mockImplementation(() => visibility);
  useHost({
    watch: (_: string, params: BridgeAsk, seen: Watch["seen"]) => {
      const watch = { params, seen, stopped: false };
      watches.push(watch);
      return () => void (watch.stopped = true);
    },
  } as unknown as Host);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("live", () => {
  test("what an answer says again is the very same, so that nobody draws it anew", () => {
    const { bridge } = show({});
    const told = (rate: number): Frame<BridgeView> => ({
      kind: "answer",
      at: 1,
      answer: { services: { rows: [{ rate, errors_spark: [0, 1] }] } } as unknown as BridgeView,
    });
    const row = () => bridge.answer?.services.rows[0];
    watches[0]?.seen(told(8));
    frame();
    const [first, spark] = [bridge.answer, row()?.errors_spark];
    watches[0]?.seen(told(8));
    frame();
    expect(bridge.answer).toBe(first);
    watches[0]?.seen(told(9));
    frame();
    expect(row()?.rate).toBe(9);
    expect(row()?.errors_spark).toBe(spark);
  });

  test("loading, then the answer and what it answers", () => {
    const { bridge } = show({ limit: 5 });
    expect(bridge).toMatchObject({ answer: null, loading: true, stale: false });
    watches[0]?.seen(answer("a", 77));
    expect(bridge.answer).toBeNull();
    frame();
    expect(bridge).toMatchObject({ answer: view("a"), at: 77, params: { limit: 5 }, loading: false });
  });

  test("a storm of frames is one update", () => {
    const updated = vi.fn();
    const { bridge } = show({}, updated);
    updated.mockClear();
    for (let i = 0; i < 500; i++) watches[0]?.seen(answer(String(i)));
    frame();
    expect(updated).toHaveBeenCalledTimes(1);
    expect(bridge.answer).toEqual(view("499"));
  });

  test("a problem leaves the last answer standing, stale; the next answer heals it", () => {
    const { bridge } = show({});
    watches[0]?.seen(answer("a"));
    watches[0]?.seen({ kind: "problem", at: 2, problem: { code: "x", message: "m" } });
    frame();
    expect(bridge).toMatchObject({ answer: view("a"), at: 1, problem: { code: "x" }, stale: true });
    watches[0]?.seen(answer("b", 3));
    frame();
    expect(bridge).toMatchObject({ answer: view("b"), problem: null, stale: false });
  });

  test("hidden it stops and says so; seen again it goes on", () => {
    const { bridge } = show({});
    watches[0]?.seen(answer("a"));
    frame();
    look("hidden");
    expect(open()).toHaveLength(0);
    expect(bridge).toMatchObject({ answer: view("a"), stale: true });
    look("visible");
    expect(bridge.answer).toEqual(view("a"));
    expect(open()).toHaveLength(1);
  });

  test("another window of the same list waits for the typing to end and keeps what is shown", async () => {
    const { bridge, rerender } = show({ filter: "" });
    watches[0]?.seen(answer("a"));
    frame();
    for (const filter of ["c", "ch", "che"]) {
      await rerender({ filter });
      vi.advanceTimersByTime(40);
    }
    expect(watches).toHaveLength(1);
    expect(bridge).toMatchObject({ answer: view("a"), loading: true, params: { filter: "" } });
    vi.advanceTimersByTime(100);
    expect(watches.map((w) => w.params.filter)).toEqual(["", "che"]);
    expect(open()).toHaveLength(1);
  });

  test("another subject drops the old answer at once, and its late frames count for nothing", async () => {
    const { bridge, rerender } = show({ service: "checkout" } as BridgeAsk);
    watches[0]?.seen(answer("checkout"));
    frame();
    watches[0]?.seen(answer("late"));
    await rerender({ service: "search" } as BridgeAsk);
    frame();
    expect(bridge).toMatchObject({ answer: null, loading: true });
  });

  test("the same question asked with a new object is not asked again", async () => {
    const { rerender } = show({ filter: "a", limit: 5 });
    await rerender({ filter: "a", limit: 5 });
    vi.advanceTimersByTime(1000);
    expect(watches).toHaveLength(1);
  });

  test("null asks for nothing; gone it stops", async () => {
    const { bridge, rerender, unmount } = show(null);
    expect(watches).toHaveLength(0);
    expect(bridge.loading).toBe(false);
    await rerender({});
    vi.advanceTimersByTime(200);
    expect(open()).toHaveLength(1);
    unmount();
    expect(open()).toHaveLength(0);
  });
});

describe("joining", () => {
  test("rows append, and the oldest leave", () => {
    expect(joined([1, 2], [3])).toEqual([1, 2, 3]);
    expect(joined({ rows: [1], total: 1 }, { rows: [2], total: 2 })).toEqual({ rows: [1, 2], total: 2 });
    const many = joined(
      Array.from({ length: KEEP_ROWS }, (_, i) => i),
      [-1],
    );
    expect(many).toHaveLength(KEEP_ROWS);
    expect(many.at(-1)).toBe(-1);
  });
});
