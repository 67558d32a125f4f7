import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, describe, expect, test } from "vitest";
import { type HostView, type ProbesView, type TargetsView, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import frame from "@/host/recorded/recorded.json";
import recorded from "@/host/recorded/targets.json";
import { goTo } from "@/lib/router.svelte";
import App from "@/shell/App.svelte";
import Probes from "@/views/metrics/targets/Probes.svelte";
import Targets from "@/views/metrics/targets/Targets.svelte";
import TargetsFile from "@/views/metrics/targets/TargetsFile.svelte";
import { bytes } from "@/lib/format";
import { byteRate, gapWords, notesOf } from "@/views/metrics/targets/words";

let host: MockHost;
const recordings = recorded as Recording[];
const answerOf = <A>(name: string) => recordings.find((r) => r.request === name)?.answer as A;
/** The recordings, with one answer in the place of its own. */
function answering(name: string, answer: unknown): MockHost {
  const rest = recordings.filter((r) => r.request !== name);
  const at = new Date().toISOString();
  host = mockHost({
    every: 60_000,
    recordings: [...rest, ...(frame as Recording[]), { request: name, params: {}, at, answer }],
  });
  useHost(host);
  return host;
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

describe("targets", () => {
  test("each has its state in a word, its last error and what happened to it", async () => {
    render(Targets);
    const grid = await screen.findByRole("grid", { name: "Targets" });
    await within(grid).findByText("down");
    expect(within(grid).getByText(/refused/)).toBeTruthy();
    expect(within(grid).getByText(/counters began anew/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  test("Enter on a row shows its labels", async () => {
    render(Targets);
    const grid = await screen.findByRole("grid", { name: "Targets" });
    await within(grid).findByText("down");
    await fireEvent.click(within(grid).getByText("shop"));
    expect(await screen.findByText('job="shop"')).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  test("nothing scraped says what to do; nobody scraping and a file with mistakes are said", async () => {
    const view = answerOf<TargetsView>("targets.list");
    const scraping = {
      ...view.scraping,
      current: false,
      trouble: "targets.yaml has mistakes; what it said before still holds:\nline 3, column 5: nonsense",
      set_back: { at: view.scraping.at ?? "", by: "1h" },
    };
    answering("targets.list", { ...view, scraping, up: 0, down: 0, total: 0, rows: [] });
    render(Targets);
    expect(await screen.findByText("Nothing is scraped yet.")).toBeTruthy();
    expect(screen.getByText(/Nobody scrapes here/)).toBeTruthy();
    expect(screen.getByText(/line 3, column 5/)).toBeTruthy();
    expect(screen.getByText(/set back by 1/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  test("what cannot be read is said", async () => {
    host.trouble.fail["targets.list"] = { code: "samples", message: "the disk is gone" };
    render(Targets);
    expect(await screen.findByText(/the disk is gone/)).toBeTruthy();
  });
});

describe("the file", () => {
  const area = () => screen.findByLabelText<HTMLTextAreaElement>("targets.yaml");

  test("its mistakes stand beneath it and nothing wrong is saved", async () => {
    render(TargetsFile, { onclose: () => {} });
    const text = await area();
    expect(text.value).toContain("job: shop");
    expect(document.activeElement).toBe(text);
    const wrong = recordings.filter((r) => r.request === "targets.check").at(-1);
    await fireEvent.input(text, { target: { value: wrong?.params["yaml"] } });
    const mistakes = await screen.findByRole("list", { name: "Mistakes" });
    await within(mistakes).findByText(/did you mean `targets`/);
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: /Save/ }));
    expect(host.asked.some((a) => a.name === "targets.write")).toBe(false);
  });
});

describe("what is saved", () => {
  test("is what the file says from then on", async () => {
    let closed = false;
    render(TargetsFile, { onclose: () => (closed = true) });
    const text = await screen.findByLabelText<HTMLTextAreaElement>("targets.yaml");
    const yaml = "scrape:\n  - job: other\n    targets: ['10.0.0.7:80']\n";
    await fireEvent.input(text, { target: { value: yaml } });
    await screen.findByText(/1 target, 0 probes/);
    await fireEvent.click(screen.getByRole("button", { name: /Save/ }));
    await waitFor(() => expect(closed).toBe(true));
    expect((await host.ask("targets.file", {})).text).toBe(yaml);
  });
});

describe("probes", () => {
  test("components and probes have a word and a reason", async () => {
    render(Probes);
    const list = await screen.findByRole("list", { name: "Components" });
    expect(within(list).getByText("degraded")).toBeTruthy();
    expect(screen.getAllByText(/it answered with HTTP 200, not 404/).length).toBe(2);
    expect(await violations()).toEqual([]);
  });

  test("none says what one is for", async () => {
    answering("probes.list", { ...answerOf<ProbesView>("probes.list"), components: [], probes: [] });
    render(Probes);
    expect(await screen.findByText("Nothing is probed yet.")).toBeTruthy();
  });
});

describe("this machine", () => {
  test("figures now and over the last minutes", async () => {
    render(App);
    goTo("metrics/machine");
    expect(await screen.findByRole("meter", { name: "Processor" })).toBeTruthy();
    expect(screen.getByRole("rowheader", { name: "load, 1 min" })).toBeTruthy();
    expect(await violations()).toEqual([]);
  });

  test("one that was not measured has no zeros", async () => {
    const none = { now: null, p50: null, p95: null, p99: null, points: 0 };
    answering("host.snapshot", { ...answerOf<HostView>("host.snapshot"), at: null, cpu: none });
    render(App);
    goTo("metrics/machine");
    await waitFor(() => expect(screen.getByText(/was not measured/)).toBeTruthy());
    expect(screen.queryByRole("meter")).toBeNull();
  });
});

describe("words", () => {
  test("sizes", () => {
    const plain = (words: string) => words.replaceAll("\u00a0", " ");
    expect([0, 512, 1536, 1 << 20, 2 ** 40 * 1.5].map((n) => plain(bytes(n)))).toEqual([
      "0 B",
      "512 B",
      "1.5 KiB",
      "1.0 MiB",
      "1.5 TiB",
    ]);
    expect([bytes(null), byteRate(null), plain(byteRate(2048))]).toEqual(["–", "–", "2.0 KiB/s"]);
  });

  test("a gap says how long and until when; an error comes first", () => {
    const gap = { from: "2026-11-20T10:00:00Z", to: "2026-11-20T12:30:00Z" };
    expect(gapWords(gap).replaceAll("\u00a0", " ")).toBe(
      "not scraped for 2 h 30 min, until 2026-11-20 12:30:00 UTC",
    );
    const row = {
      ...answerOf<TargetsView>("targets.list").rows[0]!,
      error: "refused",
      notes: ["twice"],
      gap,
    };
    expect(notesOf(row).slice(0, 2)).toEqual(["refused", "twice"]);
  });
});
