import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CHORD_MS, isTyping, keyTaker, normal, printed, spoken, strokeOf, strokesOf } from "@/lib/keys";

function press(key: string, init: KeyboardEventInit = {}, on: Element = document.body): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
  on.dispatchEvent(event);
  return event;
}

describe("strokes", () => {
  test.each<[string, KeyboardEventInit, string | null]>([
    ["g", {}, "g"],
    ["P", { shiftKey: true }, "P"],
    ["?", { shiftKey: true }, "?"],
    ["Escape", {}, "Esc"],
    ["r", { ctrlKey: true }, "Ctrl+R"],
    ["R", { ctrlKey: true, shiftKey: true }, "Ctrl+Shift+R"],
    ["k", { metaKey: true }, "Meta+K"],
    ["Enter", { shiftKey: true }, "Shift+Enter"],
    ["Control", { ctrlKey: true }, null],
  ])("%s with %j is %s", (key, init, wanted) => {
    expect(strokeOf(new KeyboardEvent("keydown", { key, ...init }))).toBe(wanted);
  });

  test("the emergency shortcut works under a layout without Latin letters", () => {
    const event = new KeyboardEvent("keydown", { key: "К", code: "KeyR", ctrlKey: true, shiftKey: true });
    expect(strokeOf(event)).toBe("Ctrl+Shift+R");
  });

  test("a sign that AltGr prints is that sign", () => {
    const event = new KeyboardEvent("keydown", {
      key: ":",
      ctrlKey: true,
      altKey: true,
      modifierAltGraph: true,
    });
    expect(strokeOf(event)).toBe(":");
  });

  test("written and printed", () => {
    expect(normal("Shift+Ctrl+r")).toBe("Ctrl+Shift+R");
    expect(normal("Mod+K")).toBe("Ctrl+K");
    expect(strokesOf("g b")).toEqual(["g", "b"]);
    expect(printed("Ctrl+Shift+R")).toEqual(["Ctrl", "⇧", "R"]);
    expect(printed("g b")).toEqual(["g", "b"]);
    expect(spoken("Mod+K")).toBe("Control+K");
  });
});

describe("typing", () => {
  let input: HTMLInputElement;
  beforeEach(() => {
    document.body.innerHTML = `<input id="t"><input id="c" type="checkbox"><select id="s"></select>`;
    input = document.querySelector("#t") as HTMLInputElement;
  });

  test.each<[string, string, KeyboardEventInit, boolean]>([
    ["#t", "g", {}, true],
    ["#t", "P", { shiftKey: true }, true],
    ["#t", "Escape", {}, false],
    ["#t", "r", { ctrlKey: true, shiftKey: true }, false],
    ["#s", "b", {}, true],
    ["#c", "g", {}, false],
  ])("in %s the key %s %j is typed: %s", (where, key, init, wanted) => {
    const on = document.querySelector(where) as Element;
    expect(isTyping(press(key, init, on))).toBe(wanted);
  });

  test("a sign printed with AltGr is typed", () => {
    expect(isTyping(press("@", { ctrlKey: true, altKey: true, modifierAltGraph: true }, input))).toBe(true);
  });
});

describe("taking", () => {
  const runs: string[] = [];
  let modal = false;
  const pending: string[][] = [];
  const bind = (keys: string, name: string, always = false) => ({
    chord: strokesOf(keys),
    always,
    run: () => void runs.push(name),
  });
  const table = [
    bind("p", "pause"),
    bind("p", "older pause"),
    bind("g b", "bridge"),
    bind("g r", "rollouts"),
    bind("r", "retry"),
    bind("Ctrl+Shift+R", "emergency", true),
  ];
  const take = keyTaker({ bound: () => table, closed: () => modal, pending: (s) => void pending.push(s) });
  const key = (k: string, init: KeyboardEventInit = {}) => {
    const event = new KeyboardEvent("keydown", { key: k, cancelable: true, ...init });
    return { taken: take(event), event };
  };

  beforeEach(() => {
    vi.useFakeTimers();
    runs.length = 0;
    modal = false;
  });
  afterEach(() => {
    vi.runAllTimers();
    vi.useRealTimers();
  });

  test("the first bound wins, and the page does not see the key", () => {
    const { taken, event } = key("p");
    expect(runs).toEqual(["pause"]);
    expect(taken && event.defaultPrevented).toBe(true);
  });

  test("a chord", () => {
    expect(key("g").taken).toBe(true);
    expect(pending.at(-1)).toEqual(["g"]);
    key("r");
    expect(runs).toEqual(["rollouts"]);
    expect(pending.at(-1)).toEqual([]);
  });

  test("a chord that is not gone on with is forgotten", () => {
    key("g");
    vi.advanceTimersByTime(CHORD_MS + 1);
    key("r");
    expect(runs).toEqual(["retry"]);
  });

  test("a stroke that breaks a chord counts for itself", () => {
    key("g");
    key("p");
    expect(runs).toEqual(["pause"]);
    expect(key("b").taken).toBe(false);
  });

  test("held down it runs once", () => {
    key("p");
    key("p", { repeat: true });
    expect(runs).toEqual(["pause"]);
  });

  test("under a dialog only what works always works", () => {
    modal = true;
    expect(key("p").taken).toBe(false);
    expect(key("g").taken).toBe(false);
    key("R", { ctrlKey: true, shiftKey: true });
    expect(runs).toEqual(["emergency"]);
  });
});
