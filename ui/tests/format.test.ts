import { describe, expect, test } from "vitest";
import * as f from "@/lib/format";

const plain = (words: string) => words.replaceAll("\u00a0", " ");

describe("figures", () => {
  test.each([
    [f.count(1204), "1 204"],
    [f.count(1234567), "1 234 567"],
    [f.count(-1204), "−1 204"],
    [f.count(null), "–"],
    [f.count(Number.NaN), "–"],
    [f.rate(0), "0"],
    [f.rate(0.25), "0.25"],
    [f.rate(8.84), "8.8"],
    [f.rate(3871.4), "3 871"],
    [f.share(0.0092), "0.92 %"],
    [f.share(0), "0.00 %"],
    [f.share(0.00001), "< 0.01 %"],
    [f.share(0.124), "12.4 %"],
    [f.share(null), "–"],
    [f.weight(10), "10 %"],
    [f.latency(214.4), "214 ms"],
    [f.latency(4.14), "4.1 ms"],
    [f.latency(9.97), "10 ms"],
    [f.latency(999.6), "1.00 s"],
    [f.latency(12_340), "12.3 s"],
    [f.micros(8_900), "8.9 ms"],
    [f.times(14.9), "×14.9"],
    [f.times(120.2), "×120"],
    [f.plural(1, "service"), "1 service"],
    [f.plural(14, "service"), "14 services"],
  ])("%s is %s", (given, wanted) => expect(plain(given)).toBe(wanted));

  test("a figure and its unit never part at a line's end", () => {
    for (const words of [f.count(12345), f.share(0.01), f.latency(20), f.age(0, 600_000)]) {
      expect(words).not.toContain(" ");
      expect(words).toContain("\u00a0");
    }
  });

  test("what rounds to nothing has no sign", () => expect(f.count(-0.2)).toBe("0"));
});

describe("times", () => {
  const at = Date.UTC(2026, 10, 20, 14, 32, 7);

  test.each([
    [0, "0 s"],
    [45_000, "45 s"],
    [192_000, "3 min 12 s"],
    [180_000, "3 min"],
    [165_600_000, "1 d 22 h"],
    [null, "–"],
  ])("%s ms last %s", (ms, wanted) => expect(plain(f.duration(ms))).toBe(wanted));

  test.each([
    [500, "now"],
    [40_000, "40 s"],
    [720_000, "12 min"],
    [5 * 3_600_000, "5 h"],
    [3 * 86_400_000, "3 d"],
    [-60_000, "now"],
  ])("%s ms ago is %s", (ms, wanted) => expect(plain(f.age(at - ms, at))).toBe(wanted));

  test.each([
    ["bake 8s 366ms of 3s", "bake 8 s of 3 s"],
    ["the slowest in about 2m 2s 488ms", "the slowest in about 2 min 2 s"],
    ["slower than 300ms, at most 1d 2h 3m.", "slower than 300 ms, at most 1 d 2 h."],
    ["step 4 begins at 2026-11-22T09:00:00.000Z", "step 4 begins at 2026-11-22 09:00:00 UTC"],
    ["way back rehearsed in 1.8 ms", "way back rehearsed in 1.8 ms"],
    ["v2s and 3s-canary at 10.5s of a/4m", "v2s and 3s-canary at 10.5s of a/4m"],
    ["the plan pauses here", "the plan pauses here"],
    ["none in 7,063 on stable; about 1,032,100 needed", "none in 7 063 on stable; about 1 032 100 needed"],
    ["errors 0 of 2007, 20000 requests, 12 of 99", "errors 0 of 2 007, 20 000 requests, 12 of 99"],
    ["127.0.0.1:18801 of checkout, event #12345 events", "127.0.0.1:18801 of checkout, event #12345 events"],
    ["blue 1,99 and 1,2345", "blue 1,99 and 1,2345"],
  ])("“%s” reads “%s”", (given, wanted) => expect(plain(f.inWords(given))).toBe(wanted));

  test("in a sentence", () => {
    expect(f.ago(at, at)).toBe("just now");
    expect(plain(f.ago(at - 60_000, at))).toBe("1 min ago");
    expect(f.ago(null, at)).toBe("never");
  });

  test("clocks", () => {
    expect(f.clockUtc(at)).toBe("14:32:07");
    expect(f.stampUtc(at)).toBe("2026-11-20 14:32:07 UTC");
    expect(f.stampLocal(at)).toMatch(/^2026-11-2\d \d\d:\d\d:07 local$/);
    expect(f.clockLocal(null)).toBe("–");
  });
});
