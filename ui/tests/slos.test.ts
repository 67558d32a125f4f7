import { fireEvent, render, screen, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { type SloRow, type SlosView, type SloView, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import frame from "@/host/recorded/recorded.json";
import recorded from "@/host/recorded/slos.json";
import { goTo } from "@/lib/router.svelte";
import App from "@/shell/App.svelte";
import { burnLines, ledgerLines, needWords, table } from "@/views/slos/figures";
import List from "@/views/slos/List.svelte";
import ObjectivesFile from "@/views/slos/ObjectivesFile.svelte";
import { ordered } from "@/views/slos/order";
import { csv, goneIn, groupWords, left, paceTone, target } from "@/views/slos/words";

vi.mock("uplot", async () => await import("./no-plot"));

let host: MockHost;
const recordings = recorded as unknown as Recording[];
const answerOf = <A>(name: string) => recordings.find((r) => r.request === name)?.answer as A;
const plain = (text: string) => text.replaceAll("\u00a0", " ");
/** The recordings, with these answers in the place of their own. */
function answering(answers: Record<string, unknown>): void {
  const rest = recordings.filter(({ request }) => !(request in answers));
  const at = new Date().toISOString();
  const own = Object.entries(answers).map(([request, answer]) => ({ request, params: {}, at, answer }));
  host = mockHost({
    every: 60_000,
    recordings: [...rest, ...(frame as unknown as Recording[]), ...own],
  });
  useHost(host);
}
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  host = mockHost({ every: 60_000 });
  useHost(host);
  document.documentElement.lang = "en";
});

describe("figures in words", () => {
  test("a budget is a share, overspent below zero", () => {
    expect([0.8721, 1, 0, -0.12, 3.5, null].map((n) => plain(left(n)))).toEqual([
      "87.2 %",
      "100 %",
      "0 %",
      "−12 %",
      "350 %",
      "–",
    ]);
    expect([0.9995, 0.95, 0.99999].map((n) => plain(target(n)))).toEqual(["99.95 %", "95 %", "99.999 %"]);
    expect([goneIn(null), goneIn("0ms"), plain(goneIn("46h"))]).toEqual(["–", "gone", "1 d 22 h"]);
    expect([groupWords({}), groupWords({ region: "eu", zone: "a" })]).toEqual(["all", "region eu, zone a"]);
  });

  test("a pace is loud only beyond the one that alerts, and as loud as that is", () => {
    const burn = { window: "1h", pace: 15, bound: 14.4, severity: "page" as const };
    expect(paceTone(burn)).toBe("bad");
    expect(paceTone({ ...burn, severity: "ticket" })).toBe("warn");
    expect(paceTone({ ...burn, pace: 14.4 })).toBe("");
    expect(paceTone({ ...burn, pace: null })).toBe("mute");
  });

  test("cells with commas, quotes and lines stay cells", () => {
    expect(
      csv([
        ["a,b", 'say "x"', 1],
        [null, "two\nlines", 2.5],
      ]),
    ).toBe('"a,b","say ""x""",1\n,"two\nlines",2.5\n');
  });
});

describe("the order of the list", () => {
  const row = (name: string, more: Partial<SloRow>) =>
    ({ service: "shop", name, about: "", state: "quiet", left: 0.5, gone_in: null, ...more }) as SloRow;
  const rows = [
    row("a", { left: 0.9 }),
    row("b", { state: "ticket", left: 0.4, gone_in: "2d" }),
    row("c", { state: "page", left: -0.1, gone_in: "0ms" }),
    row("d", { state: "no-data", left: null }),
    row("e", { left: 0.9 }),
  ];
  const names = (sort: Parameters<typeof ordered>[2], down = false, filter = "") =>
    ordered(rows, filter, sort, down)
      .map(({ name }) => name)
      .join("");

  test("what pages comes first; what is equal, by its name", () => {
    expect(names("state")).toBe("cbdae");
    expect(names("left")).toBe("cbaed");
    expect(names("gone")).toBe("cbade");
    expect(names("objective", true)).toBe("edcba");
    expect(names("state", false, "tick")).toBe("b");
    expect(names("state", false, "shop/a quiet")).toBe("a");
  });
});

describe("a chart's lines", () => {
  const view = answerOf<SloView>("slo.show");

  test("the ledger begins full; an even pace is gone at the period's end", () => {
    const { times, series } = ledgerLines(view);
    expect(times.length).toBe(view.ledger.line.length);
    expect(series[0]?.values[0]).toBeCloseTo(view.ledger.line[0]?.left ?? 1);
    expect(Math.min(...(series[1]?.values as number[]))).toBeGreaterThanOrEqual(0);
  });

  test("a window without a bad event has a place on a logarithmic axis", () => {
    const burn = [{ window: "1h", points: [{ at: "2026-11-20T14:00:00Z", value: 0 }] }];
    expect(burnLines({ ...view, burn } as SloView).series[0]?.values).toEqual([0.01]);
  });

  test("one bad event alerts, or how many it takes is said", () => {
    const decision = view.decisions[0]!;
    expect(needWords({ ...decision, needed: 1 })).toBe("yes");
    expect(plain(needWords({ ...decision, needed: 69.2 }))).toBe("no, needs 70 in 1 h");
    expect(needWords({ ...decision, needed: null })).toBe("no number would");
  });

  test("all of it is there for a spreadsheet", () => {
    const rows = table(view);
    expect(rows.some(([kind]) => kind === "ledger")).toBe(true);
    expect(rows.filter(([kind]) => kind === "counts").length).toBe(view.counts.length);
  });
});

describe("SLOs", () => {
  test("the list says how each stands; nothing offends", async () => {
    render(List);
    const grid = await screen.findByRole("grid", { name: "Objectives" });
    const rows = answerOf<SlosView>("slo.list").rows;
    for (const row of rows) expect(await within(grid).findByText(new RegExp(`· ${row.name}$`))).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  test("with nothing promised it says what to do, and a broken file is named with its place", async () => {
    const none = { ...answerOf<SlosView>("slo.list"), rows: [] };
    answering({ "slo.list": none });
    const { unmount } = render(List);
    await screen.findByText("Nothing is promised yet.");
    unmount();
    const mistakes = [
      { line: 3, column: 5, path: "objectives[0].target", message: "120 % is more than all" },
    ];
    answering({ "slo.list": { ...none, mistakes } });
    render(List);
    await screen.findByText(/3:5 objectives\[0\].target: 120 % is more than all/);
    expect(await violations()).toEqual([]);
  });

  test("a page shows budget, burn, events and each alert; nothing offends", async () => {
    const { service, name } = answerOf<SloView>("slo.show").row;
    goTo(`#/slos/${service}/${name}`);
    render(App);
    await screen.findByRole("heading", { name: `${service} · ${name}` });
    const alerts = await screen.findByRole("region", { name: "Alerts, one by one" });
    expect(within(alerts).getAllByText("page").length).toBeGreaterThan(0);
    expect(screen.getByRole("img", { name: /good and .* bad events in the last day/ })).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  test("an objective is added from a preset: what is written is what is sent", async () => {
    const { yaml } = answerOf<{ yaml: string }>("slo.preset");
    answering({
      "services.list": [{ service: "checkout" }],
      "slo.preset": { yaml },
      "slo.import": { text: yaml, objectives: ["checkout/availability-burn"], left_out: [] },
    });
    let closed = false;
    render(ObjectivesFile, { add: true, onclose: () => (closed = true) });
    const area = (await screen.findByLabelText("The document")) as HTMLTextAreaElement;
    expect(area.value).toContain("99.95%");
    expect(document.activeElement).toBe(area);
    const add = screen.getByRole("button", { name: /^Add/ });
    await expect.poll(() => add.getAttribute("aria-disabled") ?? "false").toBe("false");
    await fireEvent.click(add);
    await expect.poll(() => closed).toBe(true);
    expect(host.asked.find(({ name }) => name === "slo.import")?.params).toMatchObject({ dry: false });
  });

  test("g o goes there from anywhere", async () => {
    goTo("#/bridge");
    render(App);
    await screen.findByRole("navigation", { name: "Views" });
    await fireEvent.keyDown(document.body, { key: "g" });
    await fireEvent.keyDown(document.body, { key: "o" });
    await screen.findByRole("heading", { name: "SLOs" });
  });
});
