import { describe, expect, test } from "vitest";
import { held, moved } from "@/views/journal/anchor";
import { unsound } from "@/views/journal/chain.svelte";
import {
  any,
  asked,
  filtersOf,
  forField,
  kindOptions,
  serviceOf,
  typedMoment,
} from "@/views/journal/filters";

describe("a list that grows at its top", () => {
  test("at the top the newest are shown", () => {
    expect(held(130, 0, null)).toEqual({ total: 130, offset: 0, fresh: 0 });
  });

  test("scrolled away, rows keep their places and what is new is counted", () => {
    // The same event stands at backend place 57 before, 60 after three came; in the table at 57.
    expect(held(133, 50, 130)).toEqual({ total: 130, offset: 47, fresh: 3 });
    expect(60 - held(133, 50, 130).fresh).toBe(57);
  });

  test("another journal, shorter than before, is shown as it is", () => {
    expect(held(1, 0, 130)).toEqual({ total: 1, offset: 0, fresh: 0 });
  });

  test("the rows of the table's window are always among what is asked, and few events ask nothing anew", () => {
    const window = { offset: 50, limit: 100 };
    for (let fresh = 0; fresh < 120; fresh++) {
      const { offset, limit } = moved(window, fresh);
      expect(offset).toBeLessThanOrEqual(window.offset + fresh);
      expect(offset + limit).toBeGreaterThanOrEqual(window.offset + fresh + window.limit);
    }
    expect(moved(window, 3)).toEqual(moved(window, 24));
    expect(moved({ offset: 0, limit: 500 }, 30).limit).toBe(500);
  });
});

describe("filters", () => {
  const of = (query: string) => filtersOf(new URLSearchParams(query));

  test("as params: what is empty or no time is left out", () => {
    expect(asked(of(""))).toEqual({});
    expect(asked(of("q=%20abort%20&service=checkout&actor=ana&kind=rollout.&since=tomorrow"))).toEqual({
      filter: "abort",
      service: "checkout",
      actor: "ana",
      kind: "rollout.",
    });
    expect(asked(of("since=2026-11-21T10:00:00Z"))).toEqual({ since: "2026-11-21T10:00:00.000Z" });
    expect([any(of("")), any(of("other=1")), any(of("actor=a"))]).toEqual([false, false, true]);
  });

  test("times are typed as the table writes them", () => {
    const today = "2026-11-21";
    expect(typedMoment("2026-11-20 14:32:07", today)).toBe("2026-11-20T14:32:07.000Z");
    expect(typedMoment("2026-11-20", today)).toBe("2026-11-20T00:00:00.000Z");
    expect(typedMoment("9:05", today)).toBe("2026-11-21T09:05:00.000Z");
    expect(typedMoment("9:05:30 UTC", today)).toBe("2026-11-21T09:05:30.000Z");
    for (const none of ["", "yesterday", "25:00", "2026-13-01", "14"])
      expect(typedMoment(none, today)).toBeNull();
    expect(typedMoment(forField("2026-11-20T14:32:07.000Z"), today)).toBe("2026-11-20T14:32:07.000Z");
  });

  test("kinds with a common beginning can be chosen together; a chosen one never vanishes", () => {
    const options = kindOptions(["rollout.paused", "freeze.lifted", "rollout.done"], "gone.kind");
    expect(options.map(({ title }) => title)).toEqual([
      "every kind",
      "gone.kind",
      "rollout.*",
      "freeze.lifted",
      "rollout.done",
      "rollout.paused",
    ]);
  });

  test("a stream says whose it is", () => {
    expect([serviceOf("rollouts/checkout"), serviceOf("freeze")]).toEqual(["checkout", null]);
  });
});

test("only a journal in doubt is set aside", () => {
  const problem = (code: string) => ({ code, message: "" });
  const found = (sound: boolean) => ({
    since: 0,
    at: 1,
    problem: null,
    found: { sound, events: 1, redacted: 0, head: 1, head_hash: "", anchored: true, findings: [] },
  });
  expect(unsound(null, null)).toBe(false);
  expect(unsound(problem("journal.busy"), null)).toBe(false);
  expect(unsound(problem("journal.corrupt"), null)).toBe(true);
  expect(unsound(null, found(true))).toBe(false);
  expect(unsound(null, found(false))).toBe(true);
});
