import { afterEach, describe, expect, test, vi } from "vitest";
import {
  type Action,
  action,
  actions,
  bound,
  perform,
  performId,
  register,
  titleOf,
  whyOff,
} from "@/lib/actions";
import { dismiss, say, TOAST_MS, toasts } from "@/lib/toasts.svelte";

const make = (id: string, more: Partial<Action> = {}): Action => ({
  id,
  title: id,
  group: "Test",
  run: () => {},
  ...more,
});

afterEach(() => toasts().forEach((toast) => dismiss(toast.id)));

describe("registry", () => {
  test("a view's action stands before the one that was there, and goes with it", () => {
    const general = make("act.do", { keys: ["p"] });
    const special = make("act.do", { title: "special" });
    const stops = [register(general), register(special)];
    expect(action("act.do")).toBe(special);
    expect(actions().filter((a) => a.id === "act.do")).toEqual([special]);
    stops[1]?.();
    expect(action("act.do")).toBe(general);
    stops[0]?.();
    expect(action("act.do")).toBeUndefined();
  });

  test("of two on the same key the newer comes first", () => {
    const ran: string[] = [];
    const stop = register(
      make("a", { keys: ["x"], run: () => void ran.push("a") }),
      make("b", { keys: ["x"], run: () => void ran.push("b") }),
    );
    bound()
      .find((b) => b.chord[0] === "x")
      ?.run();
    expect(ran).toEqual(["b"]);
    stop();
  });

  test("titles may depend on what is", () => {
    let on = false;
    const a = make("t", { title: () => (on ? "Stop" : "Start") });
    expect(titleOf(a)).toBe("Start");
    on = true;
    expect(titleOf(a)).toBe("Stop");
  });
});

describe("performing", () => {
  test("what is off says why and does not run", () => {
    const run = vi.fn();
    const a = make("off", { when: () => "it is not under way", run });
    expect(whyOff(a)).toBe("it is not under way");
    perform(a);
    expect(run).not.toHaveBeenCalled();
    expect(toasts().at(-1)?.text).toBe("off: it is not under way");
  });

  test("what it throws is shown with its code", async () => {
    perform(
      make("broken", { run: () => Promise.reject({ code: "platform.unreachable", message: "no node" }) }),
    );
    await vi.waitFor(() => expect(toasts().at(-1)?.problem?.code).toBe("platform.unreachable"));
    perform(
      make("thrown", {
        run: () => {
          throw new Error("oh");
        },
      }),
    );
    expect(toasts().at(-1)?.problem).toMatchObject({ code: "window.broken", message: "oh" });
  });

  test("a menu entry without its action is said", () => {
    performId("not.here");
    expect(toasts().at(-1)?.text).toContain("not.here");
  });
});

describe("toasts", () => {
  test("good news leaves by itself, a problem stays, the same words are said once", () => {
    vi.useFakeTimers();
    say({ text: "Paused" });
    say({ text: "Paused" });
    say({ problem: { code: "x", message: "bad" } });
    expect(toasts().map((t) => t.text)).toEqual(["Paused", "bad"]);
    vi.advanceTimersByTime(TOAST_MS + 1);
    expect(toasts().map((t) => t.text)).toEqual(["bad"]);
    vi.useRealTimers();
  });
});
