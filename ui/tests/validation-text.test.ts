import { describe, expect, test } from "vitest";
import type { CheckStatus, ValidationStatus } from "@/host";
import { declaredIn, notRun } from "@/validation/declared";
import { attemptsOf, lackOf, progressOf, proofOf, timeOf, verdictOf } from "@/validation/words";

const check = (over: Partial<CheckStatus> = {}): CheckStatus => ({
  name: "program",
  description: "",
  looks_at: "the release's program",
  critical: true,
  timeout: "30s",
  retries: 0,
  standing: "passed",
  attempt: 1,
  started_at: "2026-11-21T18:00:00.000Z",
  took: "1s 200ms",
  why: "",
  tail: "",
  intent: null,
  ...over,
});
const status = (over: Partial<ValidationStatus> = {}): ValidationStatus => ({
  validation: "v",
  service: "web",
  release: "v4",
  plan: "checked",
  plan_digest: "ab",
  by: { kind: "person", id: "ana@bridge-7", identity: "operating-system" },
  standing: "finished",
  outcome: "passed",
  can_deploy: true,
  reasons: [],
  warnings: [],
  checks: [check()],
  started_at: "2026-11-21T18:00:00.000Z",
  ended_at: "2026-11-21T18:00:02.000Z",
  took: "2s",
  ...over,
});

describe("the checks in a plan's text", () => {
  test("those that ship by their names, in either style", () => {
    const both = [{ preset: "security" }, { preset: "dependencies" }];
    expect(declaredIn("plan: a\nvalidate: [security, dependencies]\nsteps: []\n")).toEqual(both);
    expect(
      declaredIn("validate:\n  - security # the program\n  - dependencies\nsteps:\n  - weight: 1\n"),
    ).toEqual(both);
    expect(declaredIn("plan: a\nsteps:\n  - weight: 1\n")).toEqual([]);
    expect(declaredIn("validate: []\n")).toEqual([]);
  });
  test("a plan's own, with what is written of them and no key of an inner map", () => {
    const yaml = `validate:
  - name: quality gates
    description: Tests, lints and the rest
    command: [make, check]
    env: { name: not-this }
    timeout: 4m
    retries: 0
  - { name: "is up", health: "http://127.0.0.1:1/", critical: false }
before:
  - name: dump
`;
    expect(declaredIn(yaml)).toEqual([
      {
        name: "quality gates",
        description: "Tests, lints and the rest",
        critical: true,
        timeout: "4m",
        retries: 0,
      },
      { name: "is up", description: "", critical: false, timeout: null, retries: 3 },
    ]);
  });
  test("before they are run none is done; one that ships is named until its checks are known", () => {
    const declared = declaredIn("validate: [security]\n");
    expect(notRun(declared, {}).map(({ name }) => name)).toEqual(["security"]);
    const security = declaredIn("validate:\n  - name: program\n  - name: secrets\n    critical: false\n");
    expect(notRun(declared, { security }).map((c) => [c.name, c.critical, c.standing])).toEqual([
      ["program", true, "not-done"],
      ["secrets", false, "not-done"],
    ]);
  });
});

describe("what a validation came to", () => {
  test.each([
    [status(), "good", "v4 may go out", null],
    [status({ outcome: "warnings" }), "warn", "v4 may go out, with warnings", null],
    [status({ outcome: "failed", can_deploy: false }), "bad", "v4 may not go out", null],
    [
      status({ outcome: "failed", can_deploy: false, standing: "timed-out" }),
      "bad",
      "v4 may not go out",
      "its time was over",
    ],
    [
      status({ standing: "running", outcome: null, can_deploy: false }),
      "moving",
      "v4 is being checked",
      null,
    ],
  ])("%#", (of, mark, words, why) => expect(verdictOf(of)).toEqual({ mark, words, why }));

  test("whether it is of this release by this plan, and what that means for a start", () => {
    const meant = { version: "v4", digest: "ab" };
    const kind = (of: ValidationStatus | null | undefined, what = meant) => proofOf(of, what).kind;
    expect(kind(undefined)).toBe("reading");
    expect(kind(null)).toBe("none");
    expect(kind(status())).toBe("passed");
    expect(kind(status({ standing: "running", can_deploy: false }))).toBe("running");
    expect(kind(status(), { ...meant, version: "v5" })).toBe("other");
    expect(kind(status(), { ...meant, digest: "cd" })).toBe("other");
    expect(lackOf(proofOf(status(), meant))).toBeNull();
    expect(lackOf(proofOf(null, meant))).toContain("v4 has not been checked by this plan");
    // An earlier one may count: only the backend knows.
    expect(lackOf(proofOf(status(), { ...meant, version: "v5" }))).toBeNull();
    const failed = status({ can_deploy: false, standing: "cancelled", reasons: ["program was not done"] });
    expect(lackOf(proofOf(failed, meant))).toBe("v4 may not go out: it was cancelled; program was not done");
  });

  test("figures of one check", () => {
    expect(attemptsOf(check({ attempt: 2, retries: 3 }))).toBe("attempt 2 of 4");
    expect(attemptsOf(check())).toBe("");
    expect(timeOf(check(), 0)).toBe("took 1\u00a0s");
    const running = check({ standing: "running", took: null });
    expect(timeOf(running, Date.parse("2026-11-21T18:00:12.000Z"))).toBe("for 12\u00a0s");
    expect(progressOf([check(), running])).toBe("1 of 2\u00a0checks ended");
  });
});
