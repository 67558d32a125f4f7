import { describe, expect, test } from "vitest";
import type { Environment } from "@/host";
import { wrongSpan } from "@/lib/access.svelte";
import { missing, startOf, type Typed } from "@/views/rollouts/start";
import { adoptOf, contradiction, placeWords, urgent } from "@/views/services/cluster";
import {
  contextOptions,
  EMPTY,
  environmentOf,
  lacking,
  readOnlyFor,
  RESPONSES,
  SECONDS,
  typedOf,
  type TypedPlace,
} from "@/views/settings/place";

const typed: TypedPlace = { ...EMPTY, name: " mart ", folder: "/srv/mart", context: "prod-eu" };

describe("an environment in a cluster", () => {
  test("what is left empty is left out", () => {
    expect(environmentOf(typed, null)).toEqual({
      name: "mart",
      folder: "/srv/mart",
      class: "staging",
      colour: "slate",
      read_only: false,
      cluster: { context: "prod-eu" },
    });
  });

  test("with a Prometheus the usual queries go along", () => {
    const { cluster } = environmentOf({ ...typed, url: "http://p:9090", token: " shop " }, null);
    expect(cluster?.metrics).toEqual({
      url: "http://p:9090",
      token: "shop",
      responses: RESPONSES,
      seconds: SECONDS,
    });
  });

  test("one that is there comes back as it was", () => {
    const before: Environment = {
      name: "shop",
      folder: "/srv/shop",
      class: "production",
      colour: "violet",
      read_only: true,
      cluster: {
        kubeconfig: "/home/ana/k",
        context: "prod-eu",
        namespace: "shop",
        metrics: { url: "https://p", ca: "/etc/ca.pem", token: "t", responses: "a", seconds: "" },
      },
    };
    expect(environmentOf(typedOf(before), before)).toEqual(before);
  });

  test.each<[Partial<TypedPlace>, string | null]>([
    [{}, null],
    [{ name: "" }, "Give it a name"],
    [{ name: "local" }, "Name: there is one of this name already"],
    [{ folder: "" }, "Name its data folder"],
    [{ folder: "srv" }, "Data folder: the whole path, from the root"],
    [{ context: "" }, "Choose a context"],
    [{ kubeconfig: "~/.kube/config" }, "Kubeconfig: the whole path, from the root"],
    [{ namespace: "Shop" }, "Namespace: lower-case letters, digits and - alone; at most 63"],
    [{ url: "prometheus:9090" }, "Prometheus: begins with http://, https:// or service://"],
    [{ url: "http://p", responses: " " }, "Responses: it is needed"],
    [{ url: "http://p", seconds: "" }, null],
    [{ responses: "" }, null],
  ])("%j: %s", (over, why) => expect(lacking({ ...typed, ...over }, ["local"])).toBe(why));

  test("a context that the file does not name stays chosen", () => {
    const row = { name: "a", cluster: "c", user: null, namespace: "n", current: true };
    expect(contextOptions([row], "gone").map(({ title }) => title)).toEqual([
      "choose one",
      "gone (not in this file)",
      "a · c · n (current)",
    ]);
    expect(contextOptions(null, "")).toEqual([{ value: "", title: "reading…" }]);
  });

  test("production in a cluster begins read-only, and nothing is opened by a class", () => {
    expect(readOnlyFor("production", true, false)).toBe(true);
    expect(readOnlyFor("production", false, false)).toBe(false);
    expect(readOnlyFor("staging", true, false)).toBe(false);
    expect(readOnlyFor("staging", true, true)).toBe(true);
  });

  test("where it is, in words", () => {
    expect(placeWords({ context: "a", namespace: "b" })).toBe("a / b");
    expect(placeWords({ context: "a" })).toContain("own namespace");
  });
});

test("rights for the way back come first; the order is kept otherwise", () => {
  const of = (right: string, for_the_way_back: boolean) => ({ right, why: "", for_the_way_back });
  const all = [of("a", false), of("b", true), of("c", false), of("d", true)];
  expect(urgent(all).map(({ right }) => right)).toEqual(["b", "d", "a", "c"]);
});

test("an adoption says what was said", () => {
  const asked = {
    deployment: " a ",
    service: "",
    route: "r",
    virtual_service: "",
    ingress: "",
    container: " ",
  };
  expect(adoptOf(asked)).toEqual({ deployment: "a", route: "r" });
  expect(contradiction(asked)).toBeNull();
  expect(contradiction({ ...asked, virtual_service: "v" })).toContain("one of them");
  expect(contradiction({ ...asked, ingress: "i" })).toContain("one of them");
});

test.each([
  ["10m", null],
  ["1h 30m", null],
  ["8h", null],
  ["8h 1s", "at most 8 h"],
  ["0m", "more than no time"],
  ["soon", "a length of time, such as 45m or 1h 30m"],
  ["5m or so", "a length of time, such as 45m or 1h 30m"],
])("opening for %s: %s", (text, wrong) => expect(wrongSpan(text)).toBe(wrong));

describe("the image of a release", () => {
  const release: Typed = {
    service: "basket",
    version: "42",
    image: "",
    plan: "training",
    yaml: "x",
    original: "x",
    instances: "",
    env: "",
    supersede: false,
    notBefore: "",
    reason: "",
  };
  test("is needed in a cluster alone", () => {
    expect(missing(release, 0)).toBeNull();
    expect(missing(release, 0, 0, true)).toBe("Say which image");
    expect(missing({ ...release, image: "r/a:1 r/b:2" }, 0, 0, true)).toMatch(/^Image: one image/);
    expect(missing({ ...release, image: "r/a:1" }, 0, 0, true)).toBeNull();
  });
  test("is sent as it was typed, without blanks around it", () => {
    expect(startOf(release)).not.toHaveProperty("image");
    expect(startOf({ ...release, image: " r/a:1 " })).toMatchObject({ image: "r/a:1" });
  });
});
