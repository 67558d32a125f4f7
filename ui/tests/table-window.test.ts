import { describe, expect, test } from "vitest";
import { asked, drawn, LIMIT, moved, scrollFor } from "@/lib/table/window";

const at = (index: number, more = {}) => ({
  scrollTop: index * 28,
  height: 560,
  row: 28,
  total: 20_000,
  ...more,
});

describe("drawn", () => {
  test("what is seen and a little more, never the whole list", () => {
    expect(drawn(at(0))).toEqual([0, 25]);
    expect(drawn(at(1000))).toEqual([996, 1025]);
    expect(drawn(at(19_980))).toEqual([19_976, 20_000]);
  });
  test("an empty list, a short one, one that shrank under the scroll", () => {
    expect(drawn(at(0, { total: 0 }))).toEqual([0, 0]);
    expect(drawn(at(0, { total: 3 }))).toEqual([0, 3]);
    expect(drawn(at(500, { total: 3 }))).toEqual([2, 3]);
  });
});

describe("asked", () => {
  test("covers what is seen wherever one is", () => {
    for (let top = 0; top < 20_000 - 20; top += 7) {
      const { offset, limit } = asked(at(top));
      expect(offset).toBeLessThanOrEqual(top);
      expect(offset + limit).toBeGreaterThanOrEqual(top + 20);
      expect(limit).toBeLessThanOrEqual(LIMIT);
    }
  });
  test("stays the same while one scrolls about", () => {
    const windows = new Set<string>();
    for (let top = 0; top < 1000; top++) windows.add(JSON.stringify(asked(at(top))));
    expect(windows.size).toBeLessThan(45);
  });
  test("before the total is known it asks for what fits", () => {
    expect(asked(at(0, { total: 0 }))).toEqual({ offset: 0, limit: 50 });
  });
  test("a very tall window asks for no more than the backend gives", () => {
    expect(asked(at(0, { height: 60_000 })).limit).toBe(LIMIT);
  });
});

describe("moving", () => {
  test.each([
    ["ArrowDown", 5, 6],
    ["j", 5, 6],
    ["k", 5, 4],
    ["ArrowUp", 0, 0],
    ["PageDown", 5, 24],
    ["PageUp", 5, 0],
    ["Home", 500, 0],
    ["End", 0, 19_999],
    ["ArrowDown", 19_999, 19_999],
    ["ArrowDown", -1, 0],
  ])("%s from %i goes to %i", (key, from, to) => expect(moved(key, from, at(0))).toBe(to));

  test("other keys are not the table's; an empty table moves nowhere", () => {
    expect(moved("x", 5, at(0))).toBeNull();
    expect(moved("j", 0, at(0, { total: 0 }))).toBeNull();
  });

  test("scrolls no more than it must", () => {
    expect(scrollFor(10, at(0))).toBe(0);
    expect(scrollFor(20, at(0))).toBe(28);
    expect(scrollFor(5, at(10))).toBe(140);
  });
});
