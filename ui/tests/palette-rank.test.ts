import { describe, expect, test } from "vitest";
import { ranked, score } from "@/lib/palette/rank";

const find = (wanted: string, ...texts: string[]) => ranked(wanted, texts, (t) => t);

describe("rank", () => {
  test("letters in order, whatever lies between", () => {
    expect(score("gtb", "Go to Bridge")).not.toBeNull();
    expect(score("btg", "Go to Bridge")).toBeNull();
    expect(score("GO  br", "go to bridge")).not.toBeNull();
  });
  test("beginnings of words before insides, together before apart", () => {
    expect(find("ro", "Approve", "Go to Rollouts")[0]).toBe("Go to Rollouts");
    expect(find("chec", "cache the components", "checkout")[0]).toBe("checkout");
    expect(find("cat", "catalog", "checkout at 10 %")[0]).toBe("catalog");
  });
  test("an exact short name before a longer one that begins alike", () => {
    expect(find("web", "webhooks", "web")[0]).toBe("web");
  });
  test("the best of several ways is taken, not the first", () => {
    expect(score("sb", "service bus")).toBeGreaterThan(score("sb", "siblings") ?? 0);
  });
  test("nothing typed keeps the order, and the limit holds", () => {
    expect(find("", "b", "a")).toEqual(["b", "a"]);
    expect(ranked("", Array.from({ length: 300 }, String), (t) => t, 50)).toHaveLength(50);
  });
  test("thousands of names while one types", () => {
    const names = Array.from({ length: 5000 }, (_, i) => `service-number-${i}`);
    expect(ranked("sn42", names, (t) => t)[0]).toBe("service-number-42");
  });
});
