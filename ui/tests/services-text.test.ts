import { describe, expect, test } from "vitest";
import type { LogLine } from "@/host";
import { changed, EXAMPLE, fields, listed, nameIn, ordered } from "@/views/services/definition";
import { changedParts, diff } from "@/views/services/diff";
import { added, cut, KEPT, LINE, lineAt, matching, places, plain, tops } from "@/views/services/lines";

const line = (text: string, instance = "blue-1"): LogLine => ({
  at: "2026-11-21T10:00:00.000Z",
  slot: "blue",
  instance,
  text,
});

describe("output", () => {
  test("what programs print for terminals is not shown, tabs go to their stops", () => {
    expect(plain("\u001b[33mWARN\u001b[0m slow")).toBe("WARN slow");
    expect(plain("\u001b]0;title\u0007text")).toBe("text");
    expect(plain("a\tb\tc")).toBe("a   b   c");
    expect(plain("abcd\te")).toBe("abcd    e");
  });

  test("it is bounded, and each line keeps its number", () => {
    const first = added(
      [],
      Array.from({ length: KEPT }, (_, i) => line(`${i}`)),
      0,
      0,
    );
    const next = added(first, [line("new"), line("newer")], 0, KEPT);
    expect(next).toHaveLength(KEPT);
    expect(next[0]?.text).toBe("2");
    expect(next.at(-1)).toMatchObject({ text: "newer", id: KEPT + 1 });
  });

  test("what was skipped stands before the first line after it, and takes a row", () => {
    const lines = added(added([], [line("a")], 0, 0), [line("b"), line("c")], 120, 1);
    expect(lines.map(({ skipped }) => skipped)).toEqual([0, 120, 0]);
    expect(tops(lines, null)).toEqual([0, LINE, 3 * LINE, 4 * LINE]);
  });

  test("wrapped lines take as many rows as their signs need; wide signs count twice", () => {
    const lines = added([], [line("x".repeat(20)), line("x".repeat(21)), line("")], 0, 0);
    expect(tops(lines, 20)).toEqual([0, LINE, 3 * LINE, 4 * LINE]);
    expect(places("ab漢字")).toBe(6);
    expect(places("🚀")).toBe(2);
  });

  test("the line at a height is found, also at both ends and beyond", () => {
    const all = [0, 18, 54, 72];
    expect([0, 17, 18, 53, 54, 71, 72, 999].map((y) => lineAt(all, y))).toEqual([0, 0, 1, 1, 2, 2, 2, 2]);
    expect(lineAt([0], 100)).toBe(0);
  });

  test("a filter looks in the text and the instance, and marks where it matches", () => {
    const lines = added([], [line("GET /a"), line("boom", "green-2")], 0, 0);
    expect(matching(lines, " get ").map(({ text }) => text)).toEqual(["GET /a"]);
    expect(matching(lines, "green").map(({ text }) => text)).toEqual(["boom"]);
    expect(cut("GET /get", "get")).toEqual(["", "GET", " /", "get", ""]);
    expect(cut("text", " ")).toEqual(["text"]);
  });
});

describe("difference", () => {
  test("what goes and what comes, with the places of both", () => {
    expect(diff("a\nb\nc\n", "a\nx\nc\nd\n")).toEqual([
      { kind: "same", text: "a", old: 1, new: 1 },
      { kind: "gone", text: "b", old: 2, new: null },
      { kind: "come", text: "x", old: null, new: 2 },
      { kind: "same", text: "c", old: 3, new: 3 },
      { kind: "come", text: "d", old: null, new: 4 },
    ]);
  });

  test("what is the same and far away is a gap; the same text has no parts but that", () => {
    const before = Array.from({ length: 20 }, (_, i) => `line ${i}`).join("\n");
    const parts = changedParts(diff(before, before.replace("line 10", "other")), 1);
    expect(parts.map((part) => (part === "gap" ? "gap" : part.text))).toEqual([
      "gap",
      "line 9",
      "line 10",
      "other",
      "line 11",
      "gap",
    ]);
    expect(changedParts(diff("a", "a"))).toEqual(["gap"]);
  });
});

describe("a definition's text", () => {
  test("a change is told by when it counts; a comment is none", () => {
    const after = EXAMPLE.replace("instances: 2", "instances: 3")
      .replace("/srv/checkout", "/srv/other")
      .replace("loopback only", "here");
    expect(changed(EXAMPLE, after)).toEqual({ atOnce: ["instances"], atStart: ["folder"] });
    expect(changed(EXAMPLE, EXAMPLE)).toEqual({ atOnce: [], atStart: [] });
    expect(changed(EXAMPLE, EXAMPLE.replace("  grace: 5s", "  grace: 9s")).atOnce).toEqual(["stop"]);
  });

  test("its name is read from wherever it stands", () => {
    expect(nameIn(EXAMPLE)).toBe("checkout");
    expect(nameIn('listen: 1\nservice: "web-2" # it\n')).toBe("web-2");
    expect(nameIn("listen: 1\n")).toBeNull();
  });

  test("fields come in the order in which they are told, whole, none lost", () => {
    const yaml = "command:\n  - a\nlisten: 1\nnovel: 2\nservice: web\nstop:\n  drain: 1s\n";
    expect(ordered(yaml)).toBe("service: web\nlisten: 1\ncommand:\n  - a\nstop:\n  drain: 1s\nnovel: 2\n");
    expect([...fields(ordered(yaml))].length).toBe(5);
  });

  test("names are listed as one says them", () => {
    expect([listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])]).toEqual([
      "",
      "a",
      "a and b",
      "a, b and c",
    ]);
  });
});
