import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { here } from "@/lib/router.svelte";
import App from "@/shell/App.svelte";
import NoPlot from "./no-plot";

vi.mock("uplot", async () => ({ default: (await import("./no-plot")).default }));

let host: MockHost;
beforeEach(() => {
  host = mockHost({ every: 1e6 });
  useHost(host);
  NoPlot.made.length = 0;
});

const at = (hash: string) => {
  window.location.hash = hash;
  return render(App);
};
const q = (...queries: string[]) =>
  queries.map((query, i) => `q${i === 0 ? "" : i + 1}=${encodeURIComponent(query)}`).join("&");
const last = (name: string) => host.asked.findLast((one) => one.name === name)?.params;
const key = (k: string) => fireEvent.keyDown(document.activeElement ?? document.body, { key: k });

async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

describe("explore", () => {
  test("a metric is found, asked, and drawn with its name and value", async () => {
    at("#/metrics/explore");
    const metric = await screen.findByRole("button", { name: /deckwatch_proxy_responses_total/ });
    expect(await violations()).toEqual([]);
    await fireEvent.click(metric);
    expect(here().query.get("q")).toBe("rate(deckwatch_proxy_responses_total[5m])");
    await screen.findByRole("region", { name: "Graph" });
    expect(await screen.findByRole("button", { name: /service="checkout", slot="blue"/ })).toBeTruthy();
    expect(last("metrics.chart")).toMatchObject({ over: "1h", most: 40 });
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("a mistake is said with its place, and marked where it is", async () => {
    at(`#/metrics/explore?${q("ratee(a_total[5m])")}`);
    const field = await screen.findByRole("textbox", { name: "Query A" });
    expect(await screen.findByText('1:1: unknown function with name "ratee"')).toBeTruthy();
    expect(field.getAttribute("aria-invalid")).toBe("true");
    expect(field.parentElement?.querySelector(".mark")?.textContent).toBe("ratee");
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("completions come while one writes; Tab takes one, Enter asks", async () => {
    at("#/metrics/explore");
    const field = await screen.findByRole<HTMLTextAreaElement>("textbox", { name: "Query A" });
    field.focus();
    await fireEvent.input(field, { target: { value: "deckwatch_tra" } });
    const option = await screen.findByRole("option", { name: /deckwatch_traffic_weight/ });
    expect(option.getAttribute("aria-selected")).toBe("true");
    expect(field.getAttribute("aria-activedescendant")).toBe(option.id);
    expect(await violations()).toEqual([]);
    await key("Tab");
    await waitFor(() => expect(field.value).toBe("deckwatch_traffic_weight"));
    await key("Enter");
    await waitFor(() => expect(here().query.get("q")).toBe("deckwatch_traffic_weight"));
  }, 30_000);

  test("several queries: each has its letter, can be hidden and taken away", async () => {
    at(`#/metrics/explore?${q("up", "rate(a_total[5m])")}`);
    expect(await screen.findByRole("button", { name: /^A \{service="checkout", slot="blue"/ })).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Query B: shown" }));
    expect(here().query.get("hide")).toBe("2");
    await fireEvent.click(screen.getByRole("button", { name: "Remove query A" }));
    expect(here().query.get("q")).toBe("rate(a_total[5m])");
    expect(here().query.get("q2")).toBeNull();
    await fireEvent.click(screen.getByRole("button", { name: /Add a query/ }));
    expect(await screen.findByRole("textbox", { name: "Query B" })).toBeTruthy();
  }, 30_000);

  test("hundreds of series are cut, and it is said", async () => {
    at(`#/metrics/explore?${q("rate(many_total[5m])")}`);
    expect(await screen.findByText(/40 of 640 series of query A are drawn/)).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Draw 200" }));
    expect(await screen.findByText(/200 of 640/)).toBeTruthy();
    const filter = screen.getByRole("textbox", { name: "Filter the lines" });
    await fireEvent.input(filter, { target: { value: "7d9f-19 -199" } });
    const list = filter.closest("figcaption")!;
    await waitFor(() => expect(within(list).getAllByRole("listitem")).toHaveLength(10));
  }, 30_000);

  test("keys zoom and move in time, and back to now", async () => {
    at(`#/metrics/explore?${q("up")}`);
    await screen.findByRole("region", { name: "Graph" });
    await key("z");
    const { query } = here();
    expect(Date.parse(query.get("to")!) - Date.parse(query.get("from")!)).toBe(1_800_000);
    await key("[");
    await waitFor(() => expect(last("metrics.chart")).toMatchObject({ from: here().query.get("from") }));
    await key("0");
    expect(here().query.get("from")).toBeNull();
    await key("t");
    expect(await screen.findByRole("grid", { name: "Answer of query A" })).toBeTruthy();
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("a query goes into a plan, and a link is copied", async () => {
    const copied = vi.fn(() => Promise.resolve());
    Object.assign(navigator, { clipboard: { writeText: copied } });
    at(`#/metrics/explore?${q("max(queue)")}`);
    await screen.findByRole("region", { name: "Graph" });
    await fireEvent.click(screen.getByRole("button", { name: /Share/ }));
    expect(copied).toHaveBeenCalledWith(
      expect.stringMatching(/^deckwatch:\/\/metrics\/explore\?q=max%28queue%29&environment=/),
    );
    await fireEvent.click(screen.getByRole("button", { name: /Use in a plan/ }));
    const dialog = await screen.findByRole("dialog", { name: "Use in a plan" });
    expect(dialog.textContent).toContain("at_most: 0.05");
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("a link about another environment says so", async () => {
    at(`#/metrics/explore?${q("up")}&environment=elsewhere`);
    expect(await screen.findByText(/It is not known here/)).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Ask here" }));
    await waitFor(() => expect(here().query.get("environment")).toBeNull());
  }, 30_000);
});

describe("dashboards", () => {
  test("panels of a service, with its variable, and a way into each", async () => {
    at("#/metrics/dashboards");
    expect(await screen.findByRole("region", { name: "Requests" })).toBeTruthy();
    await waitFor(() =>
      expect(last("dashboards.panel")).toMatchObject({ variables: [{ name: "service", value: "checkout" }] }),
    );
    await fireEvent.change(screen.getByRole("combobox", { name: "service" }), {
      target: { value: "basket" },
    });
    await waitFor(() => expect(last("dashboards.panel")).toMatchObject({ variables: [{ value: "basket" }] }));
    expect(await violations()).toEqual([]);
    await waitFor(() => expect(screen.getAllByRole("button", { name: /^blue / }).length).toBeGreaterThan(0));
    await fireEvent.click(screen.getByRole("button", { name: "Explore Requests" }));
    await waitFor(() => expect(here().query.get("q")).toContain('service="basket"'));
  }, 30_000);

  test("a file with mistakes says each with its place", async () => {
    at("#/metrics/dashboards/mine");
    expect(await screen.findByText("line 7, column 14")).toBeTruthy();
    expect(screen.getByText(/unclosed left parenthesis/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  }, 30_000);
});
