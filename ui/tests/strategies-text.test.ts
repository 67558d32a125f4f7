import { afterEach, describe, expect, test } from "vitest";
import type { RolloutRow, RolloutStatus, SlotState } from "@/host";
import { inWords } from "@/lib/format";
import { momentOf } from "@/lib/local-time";
import { setTimeZone } from "@/lib/zone.svelte";
import { replaced, rowsOf } from "@/views/rollouts/batches";
import { batchesOf, batchWords, outlineOf } from "@/views/rollouts/plan-outline";
import { dayTitle, daysOf, localOf, utcOf } from "@/views/rollouts/schedule";
import { otherObstacles, startedAgain } from "@/views/rollouts/way-back";
import {
  countdown,
  endingWords,
  goingOn,
  rowNote,
  shareOf,
  stepStanding,
  stepTimes,
  waitsFor,
} from "@/views/rollouts/words";
import { before, differences, wayTo } from "@/views/services/revisions";
import { made } from "./fixtures/strategies";

const plain = (words: string | null) => (words ?? "").replaceAll(/\s+/g, " ");
/** A Saturday, 18:20 UTC. */
const NOW = Date.UTC(2026, 10, 21, 18, 20);
const show = (service: string) => made(NOW).view(service);

afterEach(() => setTimeZone(null));

describe("batches", () => {
  test("what has passed is replaced; what is ready meanwhile is not yet", () => {
    const view = show("basket");
    expect(replaced(view.status)).toBe(1);
    expect(replaced({ ...view.status, phase: "promoted" })).toBe(4);
    expect(replaced({ ...view.status, phase: "rolling-back" })).toBe(0);
  });

  test("each slot has a dot for every instance there is to be, and its words", () => {
    const [fresh, old] = rowsOf(show("basket"));
    expect(fresh).toMatchObject({ age: "new", slot: "blue", version: "v4", words: "2 ready, 2 to come" });
    expect(fresh?.dots).toEqual(["ready", "ready", "absent", "absent"]);
    expect(old).toMatchObject({ age: "old", slot: "green", version: "v3" });
    expect(old?.words).toBe("2 ready, 1 leaving, 1 gone");
  });

  test("on the way back the old ones are to come back, and starting is no ready", () => {
    const view = show("basket");
    view.status.phase = "rolling-back";
    const green = view.slots?.green as SlotState;
    green.instances = green.instances.map((one, i) => (i === 2 ? { ...one, phase: "starting" } : one));
    expect(rowsOf(view)[1]?.words).toBe("2 ready, 1 starting, 1 to come back");
  });

  test("after the promotion the new ones are stable, the old ones what is kept", () => {
    const view = show("basket");
    Object.assign(view.status, { phase: "promoted", roles: { blue: "stable", green: "previous" } });
    expect(rowsOf(view).map(({ age, slot }) => [age, slot])).toEqual([
      ["new", "blue"],
      ["old", "green"],
    ]);
    expect(rowsOf({ ...view, slots: null })).toEqual([]);
  });

  test("steps are instances; what goes on says so", () => {
    const { status } = show("basket");
    expect(status.steps.map((step) => shareOf(step, status))).toEqual([
      "1 of 4",
      "2 of 4",
      "3 of 4",
      "4 of 4",
    ]);
    expect(goingOn(status)).toBe("v4 answers with 2 of 4 instances, batch 2 of 4.");
  });

  test("the way back is traffic at once, then a start that is an estimate", () => {
    const back = { ready: 2, wanted: 4, full_after: "3s 940ms" };
    expect(plain(startedAgain(back))).toBe("2 old instances are started again, about 4 s (an estimate)");
    expect(plain(startedAgain({ ...back, ready: 3, full_after: null }))).toBe(
      "1 old instance is started again, how long that takes is not known",
    );
    expect(startedAgain({ ...back, ready: 4, full_after: null })).toBeNull();
    const said = "2 of 4 instances are ready there: traffic goes there at once all the same";
    expect(otherObstacles([said, "the node is older"])).toEqual(["the node is older"]);
  });
});

describe("days", () => {
  test("a column for each day, in the reader's zone; today is marked", () => {
    setTimeZone("Europe/Berlin");
    const { status } = show("news");
    const days = daysOf(status, NOW);
    expect(days.map(({ title, today }) => (today ? `${title}!` : title))).toEqual([
      "Thu 19 Nov",
      "Fri 20 Nov",
      "Sat 21 Nov!",
      "Sun 22 Nov",
      "Mon 23 Nov",
    ]);
    expect(days.map(({ steps }) => steps.map(({ when }) => when).join())).toEqual([
      "done",
      "done",
      "done",
      "now",
      "to-come",
    ]);
    const at = days[3]?.steps[0]?.at ?? 0;
    expect([localOf(at), utcOf(at, days[3]?.day ?? "")]).toEqual(["10:00", "09:00"]);
  });

  test("where it is another day than in UTC, UTC says which", () => {
    setTimeZone("Pacific/Auckland");
    const [day] = daysOf({ ...show("news").status, phase: "promoted" }, NOW);
    expect(day?.title).toBe("Fri 20 Nov");
    expect(utcOf(day?.steps[0]?.at ?? 0, day?.day ?? "")).toBe("13:00 19 Nov");
  });

  test("days on which nothing begins are one column when there are many; what has no day follows", () => {
    const { status } = show("news");
    const steps = status.steps.map((step, i) =>
      i === 4
        ? { ...step, not_before: new Date(NOW + 20 * 86_400_000).toISOString() }
        : i === 2
          ? { ...step, not_before: null }
          : step,
    );
    const days = daysOf({ ...status, steps }, NOW);
    expect(days.map(({ title, more, steps: of }) => `${title} ${more} ${of.length}`)).toEqual([
      "Thu 19 Nov 0 1",
      "Fri 20 Nov 0 2",
      "Sat 21 Nov 0 0",
      "Sun 22 Nov 0 1",
      "Mon 23 Nov 17 0",
      "Fri 11 Dec 0 1",
    ]);
    expect(days[1]?.steps[1]?.at).toBeNull();
    expect(dayTitle("2027-01-01")).toBe("Fri 1 Jan");
  });

  test("today stands there also before the first day, until it is over", () => {
    const { status } = show("mail");
    expect(daysOf(status, NOW).map(({ today, steps }) => [today, steps.length])).toEqual([
      [true, 0],
      [false, 3],
    ]);
    expect(daysOf({ ...status, phase: "aborted" }, NOW)).toHaveLength(1);
  });

  test("what waits says so, and for how long", () => {
    const { status } = show("news");
    const current = status.steps[3] as RolloutStatus["steps"][number];
    expect(stepStanding(current, status)).toEqual({ word: "waits", mark: "moving" });
    expect(plain(stepTimes(current, status))).toBe("from 22 Nov 09:00 UTC");
    expect(goingOn(status)).toContain("Step 4 of 5 waits for its day. v12 stays at 25");
    expect(plain(countdown(status, NOW))).toBe("begins in 14 h 40 min");
    expect(countdown(status, NOW + 86_400_000)).toBe("begins now");
    expect(countdown({ ...status, waits_until: null }, NOW)).toBeNull();
    expect(goingOn(show("mail").status)).toBe("v8 waits for its time; nothing is touched before.");
  });
});

describe("a plan's outline", () => {
  test("of rolling", () => {
    const outline = outlineOf(
      "plan: x\nstrategy: rolling\nbatch: 25%   # a part\nsurge: false\nsteps:\n  - bake: { min: 1m, max: 2m }\n",
    );
    expect(batchWords(outline)).toBe("25 % of the instances at a time, old ones leave first");
    expect(batchesOf(outline, 10)).toEqual([3, 6, 9, 10]);
    expect(batchesOf(outline, 1)).toEqual([1]);
    expect(batchesOf({ batch: "3" }, 2)).toEqual([2]);
    expect(batchesOf({ batch: "many" }, 2)).toBeNull();
    expect(batchWords(outlineOf("strategy: rolling\n"))).toBe(
      "one instance at a time, new ones before old ones leave",
    );
  });

  test.each([
    [
      "in blocks",
      `strategy: audience
audience:
  flag: new-basket
  by:
    cookie: uid
  people:
    - ana
    - "ben b"   # the second
  number: 1000
steps:
  - weight: 0
    tasks:
      - name: look
        kind: smoke
  - weight: 25
    day: 2
    at: "09:00"
`,
    ],
    [
      "on lines",
      `strategy: audience
audience: { flag: new-basket, by: { cookie: uid }, people: [ana, "ben b"], number: 1000 }
steps:
  - { weight: 0, tasks: [{ name: look, kind: smoke }] }
  - { weight: 25, day: 2, at: "09:00", bake: { min: 4h, max: 2d } }
`,
    ],
  ])("of audience, written %s", (_, yaml) => {
    const outline = outlineOf(yaml);
    expect(outline.audience).toEqual({
      flag: "new-basket",
      by: "cookie uid",
      people: ["ana", "ben b"],
      number: 1000,
    });
    expect(outline.steps).toEqual([
      { weight: 0, day: null, at: null },
      { weight: 25, day: 2, at: "09:00" },
    ]);
    expect(outline.tasks).toEqual([{ when: "at 0 %", names: ["look"] }]);
  });
});

describe("a row's note", () => {
  const note = (words: string, phase: RolloutRow["phase"] = "progressing") =>
    plain(rowNote({ note: words, phase } as RolloutRow));

  test("a step that waits for its day is short enough for its column", () => {
    expect(note("step 4 begins at 2026-12-02 09:00 UTC")).toBe("begins 2 Dec 09:00 UTC");
  });
  test("anything else stays, each thing said once", () => {
    expect(note("step 4 begins at dawn")).toBe("step 4 begins at dawn");
    expect(note("aborted: 12000 requests were too slow", "aborted")).toBe("12 000 requests were too slow");
  });
});

describe("a moment that is typed", () => {
  test("is in the reader's zone, and the next of its kind", () => {
    setTimeZone("Europe/Berlin");
    const at = (text: string) => {
      const { at: found, mistake } = momentOf(text, NOW);
      return found === null ? mistake : new Date(found).toISOString();
    };
    expect(at("09:00")).toBe("2026-11-22T08:00:00.000Z");
    expect(at("20:00")).toBe("2026-11-21T19:00:00.000Z");
    expect(at("2027-07-01 09:00")).toBe("2027-07-01T07:00:00.000Z");
    expect(at("")).toBeNull();
    expect(at("2026-11-21 19:00")).toBe("it is past");
    expect(at("2026-02-30 09:00")).toBe("there is no such day");
    for (const none of ["9", "25:00", "tomorrow", "09:61", "2026-13-01 09:00"])
      expect(at(none)).toMatch(/expected|no such/);
  });
  test("also across the change of the clocks", () => {
    setTimeZone("Europe/Berlin");
    const evening = Date.UTC(2027, 2, 27, 20);
    expect(new Date(momentOf("01:30", evening).at ?? 0).toISOString()).toBe("2027-03-28T00:30:00.000Z");
    expect(new Date(momentOf("03:30", evening).at ?? 0).toISOString()).toBe("2027-03-28T01:30:00.000Z");
  });
});

describe("revisions", () => {
  const all = made(NOW).revisions("basket");

  test("each has its one way", () => {
    expect(all.map(wayTo)).toEqual(["none", "undo", "undo", "undo", "undo"]);
    expect(made(NOW).revisions("search").map(wayTo)).toEqual(["none", "rollback"]);
    // Not the one that was taken back.
    expect(before(all)?.number).toBe(3);
    expect(before([])).toBeNull();
  });

  test("what an undo changes, line by line", () => {
    const [now, , , then] = all.map(({ release }) => release);
    if (!now || !then) throw new Error("the fixture has changed");
    expect(differences(now, then)).toEqual([
      { what: "version", now: "v3", then: "v2" },
      { what: "command", now: null, then: "./basket --port {port} --legacy" },
      { what: "BASKET_LIMIT", now: "40", then: null },
      { what: "BASKET_TTL", now: "30m", then: null },
    ]);
    expect(differences(then, then)).toEqual([]);
  });
});

describe("what is waited for once it could be over", () => {
  const baking = (answer: RolloutStatus["answer"], verdict: RolloutStatus["verdict"]): RolloutStatus => ({
    ...show("basket").status,
    driver: "console/1",
    tasks: [],
    stage: "bake",
    answer,
    verdict,
  });
  const metric = (name: string, kind: "count" | "limit", critical = true) =>
    ({ name, critical, verdict: "inconclusive", detail: { kind }, words: "" }) as never;

  test("a comparison waits for its verdict, a limit for enough measured; what only warns for nothing", () => {
    const metrics = [metric("errors", "count"), metric("p95", "limit"), metric("cpu", "count", false)];
    const words = waitsFor(baking({ verdict: "inconclusive", metrics, words: "" }, "inconclusive"));
    expect(words).toContain("a verdict on errors against v3, and enough measured for the limit of p95");
    const limited = baking({ verdict: "inconclusive", metrics: metrics.slice(1), words: "" }, "inconclusive");
    expect(waitsFor(limited)).not.toContain("verdict");
  });

  test("where nothing is judged there is no verdict to wait for", () => {
    expect(waitsFor(baking(null, null))).toContain("nothing is judged in this step");
    expect(waitsFor(baking(null, null))).not.toContain("verdict");
    expect(waitsFor({ ...baking(null, null), driver: null })).toContain("somebody to drive it");
  });

  test("a gate is named", () => {
    const gates = [
      { name: "approval", open: false, why: "", opens: "", asks_people: true },
      { name: "budget", open: true, why: "", opens: "", asks_people: false },
    ];
    expect(waitsFor({ ...baking(null, "pass"), stage: "gate", gates })).toContain("the gate approval.");
  });
});

test("how it ended does not say its state twice", () => {
  const { status } = show("basket");
  const aborted = (ending: string) => endingWords({ ...status, phase: "aborted", ending });
  expect(aborted("aborted: too slow")).toBe("It was given up: too slow.");
  expect(aborted("aborted: aborted: too slow")).toBe("It was given up: too slow.");
  expect(aborted("aborted")).toBe("It was given up.");
  expect(inWords("aborted: aborted: too slow")).toBe("aborted: too slow");
  expect(inWords("traffic goes back: aborted: aborted")).toBe("traffic goes back: aborted");
  expect(inWords("aborted: abortedly slow")).toBe("aborted: abortedly slow");
});
