import { describe, expect, test } from "vitest";
import { asked, drawn, LIMIT, moved, place, placed, type Places, scrollFor } from "@/lib/table/window";

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

describe("places", () => {
  const order = (stand: Places) =>
    Array.from({ length: stand.end - stand.first }, (_, i) => place(stand.first + i, stand));

  test("a row that stays keeps its place, whatever leaves and comes", () => {
    let stand = placed(null, [0, 25]);
    for (let first = 1; first < 60; first++) {
      const next = placed(stand, [first, first + 25]);
      for (let index = first; index < first + 24; index++) {
        expect(place(index, next)).toBe(place(index, stand));
      }
      expect(new Set(order(next)).size).toBe(25);
      stand = next;
    }
  });
  test("far away every place holds another row, and none is moved", () => {
    const here = placed(placed(null, [0, 29]), [7, 36]);
    const far = placed(here, [10_000, 10_029]);
    expect(order(far)).toEqual(order(here));
    expect(order(placed(far, [9_000, 9_029]))).toEqual(order(here));
  });
  test("more than ever before, fewer, and none", () => {
    const few = placed(null, [0, 3]);
    const many = placed(few, [0, 40]);
    expect(new Set(order(many)).size).toBe(40);
    expect(order(placed(many, [0, 2]))).toHaveLength(2);
    expect(order(placed(null, [0, 0]))).toEqual([]);
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
