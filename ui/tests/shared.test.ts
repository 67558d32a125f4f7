import { describe, expect, test } from "vitest";
import { shared } from "@/lib/shared";

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe("what is shared between answers", () => {
  const have = {
    total: 2,
    rows: [
      { service: "checkout", rate: 8, spark: [null, 0.1, 0.2] },
      { service: "search", rate: 3, spark: [0, 0, 0] },
    ],
    settled: null,
  };

  test("what is equal is the very same", () => expect(shared(have, copy(have))).toBe(have));

  test("what differs is new, and so is all around it; the rest is the same", () => {
    const next = copy(have);
    (next.rows[0] as { rate: number }).rate = 9;
    const got = shared(have, next);
    expect(got).toEqual(next);
    expect(got).not.toBe(have);
    expect(got.rows[0]).not.toBe(have.rows[0]);
    expect(got.rows[0]?.spark).toBe(have.rows[0]?.spark);
    expect(got.rows[1]).toBe(have.rows[1]);
  });

  test.each([
    [
      [1, 2, 3],
      [1, 2],
    ],
    [
      [1, 2],
      [1, 2, 3],
    ],
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ a: 1 }, { a: 1, b: undefined }],
    [{ a: 1 }, [1]],
    [[1], { 0: 1 }],
    [null, { a: null }],
    [{ a: {} }, { a: null }],
    [0, -0],
    ["1", 1],
  ])("%j then %j is the second one", (first, second) => {
    expect(shared(first, second)).toStrictEqual(second);
  });

  test("nothing that was given is changed", () => {
    const first = copy(have);
    const next = { ...copy(have), total: 3 };
    const kept = copy(next);
    shared(first, next);
    expect([first, next]).toEqual([have, kept]);
  });
});
