import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BaselineComparison, type Difference, type StatusLine, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { changeWords, inUnit, wayOf } from "@/views/services/baselines";
import { recordings } from "./fixtures/tasks";

const NOW = Date.UTC(2026, 10, 21, 18, 20);
let host: MockHost;
const plain = (of: Element | null | undefined) => (of?.textContent ?? "").replaceAll(/\s+/g, " ").trim();
const sent = (name: string) => host.asked.filter((one) => one.name === name).map(({ params }) => params);
const key = (k: string) => fireEvent.keyDown(document.body, { key: k });
const grid = () => screen.findByRole("grid", { name: "Baselines of checkout" });
const names = (of: HTMLElement) =>
  within(of)
    .getAllByRole("row")
    .slice(1)
    .map((row) => plain(row.querySelector(".mono")));

async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
function use(all = recordings): void {
  host = mockHost({ every: 60_000, recordings: all, strategies: true });
  useHost(host);
}
async function open(service = "checkout"): Promise<void> {
  window.location.hash = `#/services/${service}?tab=baselines`;
  render(App);
  await screen.findByRole("region", { name: "Way back" });
}

beforeEach(() => {
  document.documentElement.lang = "en";
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  use();
});
afterEach(() => {
  vi.useRealTimers();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("the list", () => {
  test("newest first, with their figures; nothing offends", async () => {
    await open();
    const table = await grid();
    await within(table).findByText("v2-at-its-best");
    expect(names(table)).toEqual(["v2-at-its-best", "v1", "before-the-sale"]);
    const row = within(table).getAllByRole("row")[1];
    expect(plain(row)).toMatch(/^v2-at-its-best ?v2 ?2 d ?ana@bridge-7 ?36 900 ?0\.10 % ?[\d.]+ ms/);
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("captured with c, under a name of its own or one that is given", async () => {
    await open();
    await within(await grid()).findByText("before-the-sale");
    await key("c");
    const dialog = await screen.findByRole("dialog", { name: "Capture a baseline of checkout" });
    await fireEvent.input(within(dialog).getByLabelText("Name"), { target: { value: "v1" } });
    await fireEvent.click(within(dialog).getByRole("button", { name: "Capture it" }));
    expect(await within(dialog).findByText("refused.baseline-exists")).toBeTruthy();
    await fireEvent.input(within(dialog).getByLabelText("Name"), { target: { value: " quiet-night " } });
    await fireEvent.change(within(dialog).getByLabelText("Over"), { target: { value: "1h" } });
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Capture it" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(sent("baselines.capture").at(-1)).toEqual({
      service: "checkout",
      over: "1h",
      name: "quiet-night",
    });
    await within(await grid()).findByText("quiet-night");
  }, 60_000);

  test("removed with x, once it is confirmed", async () => {
    await open();
    await within(await grid()).findByText("before-the-sale");
    await key("j");
    await key("j");
    await key("x");
    const dialog = await screen.findByRole("dialog", { name: "Remove the baseline v1" });
    expect(sent("baselines.remove")).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Remove it" }));
    await waitFor(async () => expect(names(await grid())).toEqual(["v2-at-its-best", "before-the-sale"]));
    expect(sent("baselines.remove")).toEqual([{ service: "checkout", name: "v1" }]);
  }, 60_000);

  test("none says what to do", async () => {
    await open("basket");
    expect(await screen.findByText("No baseline of basket is kept.")).toBeTruthy();
    expect(screen.getByRole("button", { name: /^Capture…/ })).toBeTruthy();
  }, 60_000);

  test("what cannot be read is said", async () => {
    host.trouble.fail["baselines.list"] = { code: "journal.locked", message: "it is being written" };
    await open();
    expect(await screen.findByText("The baselines could not be read")).toBeTruthy();
  }, 60_000);

  test("where nothing may be changed they are compared alone", async () => {
    use(
      recordings.map((r): Recording => {
        if (r.request !== "status") return r;
        const line = r.answer as StatusLine;
        return { ...r, answer: { ...line, environment: { ...line.environment, read_only: true } } };
      }),
    );
    await open();
    const remove = await screen.findByRole("button", { name: "Remove v1…" });
    await waitFor(() => expect(remove.getAttribute("aria-disabled")).toBe("true"));
    await key("c");
    expect(screen.queryByRole("dialog")).toBeNull();
    await key("=");
    expect(await screen.findByRole("dialog", { name: "Compare a baseline" })).toBeTruthy();
  }, 60_000);
});

describe("comparing", () => {
  const table = (dialog: HTMLElement) => within(dialog).findByRole("table");
  const lines = (of: HTMLElement) =>
    [...of.querySelectorAll("tr")].map((row) => [...row.children].map(plain).join(" ").trim());

  test("against now, and against another; nothing offends", async () => {
    await open();
    await within(await grid()).findByText("before-the-sale");
    await key("=");
    const dialog = await screen.findByRole("dialog", { name: "Compare a baseline" });
    const first = lines(await table(dialog));
    expect(first[0]).toBe("figure v2-at-its-best now change came out");
    expect(first.find((line) => line.startsWith("errors"))).toBe(
      "errors 0.10 % 0.11 % +0.01 points could be chance",
    );
    expect(first.find((line) => line.startsWith("CPU"))).toBe(
      "CPU of an instance 0.101 cores 0.110 cores +8.7 % worse",
    );
    expect(await violations()).toEqual([]);
    await fireEvent.change(within(dialog).getByLabelText("Against"), {
      target: { value: "before-the-sale" },
    });
    await waitFor(async () =>
      expect(lines(await table(dialog)).find((line) => line.startsWith("CPU"))).toMatch(/−12\.0 % better$/),
    );
    await fireEvent.change(within(dialog).getByLabelText("Then"), { target: { value: "before-the-sale" } });
    await waitFor(() =>
      expect(within(dialog).getByLabelText<HTMLSelectElement>("Against").value).toBe("now"),
    );
  }, 60_000);

  test("of too little it says so, and calls nothing better or worse", async () => {
    const watch = host.watch.bind(host);
    host.watch = ((name, params, seen) =>
      watch(name, params, (frame) => {
        if (name === "baselines.compare" && frame.kind === "answer") {
          const answer = { ...(frame.answer as BaselineComparison), too_few: "not enough data: 12 answers" };
          seen({ ...frame, answer: answer as never });
        } else seen(frame);
      })) as MockHost["watch"];
    await open();
    await fireEvent.click(await screen.findByRole("button", { name: "Compare v1…" }));
    const dialog = await screen.findByRole("dialog", { name: "Compare a baseline" });
    expect(await within(dialog).findByText("not enough data: 12 answers")).toBeTruthy();
    expect(within(dialog).getAllByText("too little to say")).toHaveLength(7);
    expect(within(dialog).queryByText(/^(better|worse|same)$/)).toBeNull();
  }, 60_000);

  test("what cannot be compared is said", async () => {
    host.trouble.fail["baselines.compare"] = { code: "samples", message: "no sample is there" };
    await open();
    await fireEvent.click(await screen.findByRole("button", { name: "Compare v1…" }));
    expect(await screen.findByText("They could not be compared")).toBeTruthy();
  }, 60_000);
});

describe("figures in words", () => {
  const of = (over: Partial<Difference>): Difference => ({
    ...{ figure: "p95", unit: "ms", a: 10, b: 10, change: 0, by_chance: false },
    ...over,
  });
  test.each([
    [of({}), "±0.0\u00a0%", "same", "good"],
    [of({ change: 0.0004 }), "±0.0\u00a0%", "same", "good"],
    [of({ change: 0.123 }), "+12.3\u00a0%", "worse", "warn"],
    [of({ change: -0.5 }), "−50.0\u00a0%", "better", "good"],
    [of({ unit: "share", change: 0.0012 }), "+0.12\u00a0points", "worse", "warn"],
    [
      of({ unit: "share", change: 0.0012, by_chance: true }),
      "+0.12\u00a0points",
      "could be chance",
      "no-data",
    ],
    [of({ a: null, change: null }), "–", "not known", "no-data"],
  ])("%#", (row, change, word, mark) => {
    expect(changeWords(row)).toBe(change);
    expect(wayOf(row)).toEqual({ word, mark });
  });
  test("in their units", () => {
    expect(inUnit(0.0012, "share")).toBe("0.12\u00a0%");
    expect(inUnit(0.1, "cores")).toBe("0.100\u00a0cores");
    expect(inUnit(2 ** 24, "bytes")).toBe("16.0\u00a0MiB");
    expect(inUnit(null, "ms")).toBe("–");
  });
});
