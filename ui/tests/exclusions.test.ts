import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Excluded, type LedgerPart, type SloView, useHost } from "@/host";
import { type MockHost, mockHost, type MockOptions, type Recording } from "@/host/mock";
import frame from "@/host/recorded/recorded.json";
import recorded from "@/host/recorded/slos.json";
import { options } from "@/lib/chart/options";
import { momentAfter } from "@/lib/local-time";
import { goTo } from "@/lib/router.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import { setTimeZone } from "@/lib/zone.svelte";
import App from "@/shell/App.svelte";
import { concerns, keyOf, overlapping, standing, stretch, stretchUtc } from "@/views/slos/exclusions";
import { marksOf, partWords } from "@/views/slos/figures";

vi.mock("uplot", async () => await import("./no-plot"));

const HOUR = 3_600_000;
const plain = (text: string | null | undefined) =>
  (text ?? "").replaceAll("\u00a0", " ").replace(/\s+/g, " ");
const excluded = (more: Partial<Excluded>): Excluded => ({
  id: "a",
  service: "checkout",
  objective: null,
  from: "2026-11-20T12:00:00Z",
  to: "2026-11-20T14:00:00Z",
  reason: "load test",
  author: "mara",
  at: "2026-11-20T14:09:00Z",
  ...more,
});

let host: MockHost;
const sent = (name: string) => host.asked.filter((one) => one.name === name).map(({ params }) => params);
const press = (key: string) => fireEvent.keyDown(document.activeElement ?? document.body, { key });
async function open(made: MockOptions = {}): Promise<HTMLElement> {
  host = mockHost({ every: 60_000, ...made });
  useHost(host);
  goTo("#/slos/checkout/availability-burn");
  render(App);
  const panel = await screen.findByRole("region", { name: "Does not count" });
  // The settings have brought their own by now.
  setTimeZone("Europe/Berlin");
  return panel;
}
async function offences(): Promise<string[]> {
  const found: string[] = [];
  for (const theme of ["dark", "light", "contrast"]) {
    document.documentElement.dataset["theme"] = theme;
    const { violations } = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
    found.push(...violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`));
  }
  delete document.documentElement.dataset["theme"];
  return found;
}
const fill = (field: HTMLElement, value: string) => fireEvent.input(field, { target: { value } });

beforeEach(() => {
  document.documentElement.lang = "en";
  setTimeZone("Europe/Berlin");
});
afterEach(() => {
  setTimeZone(null);
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("times that do not count", () => {
  test("an objective has its own and those of all of its service", () => {
    expect(concerns(excluded({}), "checkout", "latency")).toBe(true);
    expect(concerns(excluded({ objective: "latency" }), "checkout", "latency")).toBe(true);
    expect(concerns(excluded({ objective: "uptime" }), "checkout", "latency")).toBe(false);
    expect(concerns(excluded({}), "search", "latency")).toBe(false);
  });

  test("they are said where the reader is and in UTC, the second day only where it is another", () => {
    const at = Date.parse("2026-11-20T12:00:00Z");
    expect(stretch(at, at + 2 * HOUR)).toBe("2026-11-20 13:00 to 15:00");
    expect(stretch(at, at + 12 * HOUR)).toBe("2026-11-20 13:00 to 2026-11-21 01:00");
    expect(stretch(at, at + 1000)).toBe("2026-11-20 13:00 to 13:00:01");
    expect(stretchUtc(at, at + 2 * HOUR)).toBe("2026-11-20 12:00 to 14:00 UTC");
  });

  test("what is not over is said, and what another one keeps out is found", () => {
    const at = Date.parse("2026-11-20T12:00:00Z");
    expect([at - 1, at, at + 2 * HOUR].map((now) => standing(excluded({}), now))).toEqual([
      "to come",
      "now",
      null,
    ]);
    const meets = excluded({ id: "b", from: "2026-11-20T13:00:00Z", to: "2026-11-20T15:00:00Z" });
    const after = excluded({ id: "c", from: "2026-11-20T14:00:00Z", to: "2026-11-20T15:00:00Z" });
    const all = [excluded({}), meets, after];
    expect(overlapping(excluded({}), all).map(keyOf)).toEqual(["b"]);
  });

  test("a bare time is the first after a moment, whatever is past", () => {
    const after = Date.parse("2026-11-20T12:00:00Z");
    const read = (text: string) => new Date(momentAfter(text, after).at ?? 0).toISOString();
    expect(read("13:00")).toBe("2026-11-21T12:00:00.000Z");
    expect(read("13:01")).toBe("2026-11-20T12:01:00.000Z");
    expect(read("2025-01-02 09:00")).toBe("2025-01-02T08:00:00.000Z");
    expect(momentAfter("noon", after).mistake).toMatch(/a time is expected/);
  });
});

test("what is left out is no loss, and is said to be none", () => {
  const view = (recorded as unknown as Recording[]).find(({ request }) => request === "slo.show")
    ?.answer as SloView;
  const [part] = view.ledger.parts as [LedgerPart, ...LedgerPart[]];
  const cut: LedgerPart = { ...part, kind: "exclusion", title: "load test" };
  expect(partWords(cut)).toBe("left out, would have been spent: load test");
  expect(partWords({ ...part, kind: "unknown" })).toBe("not put down to anything");
  const parts = [part, cut];
  expect(marksOf({ ...view, ledger: { ...view.ledger, parts } })).toHaveLength(1);
});

test("a chart hatches them beneath its lines, and an hour of a month is still seen", () => {
  const drawn: [number, number][] = [];
  const nothing = () => undefined;
  const ctx = new Proxy(
    { strokeRect: (left: number, _: number, width: number) => drawn.push([left, width]) },
    { get: (own, name) => Reflect.get(own, name) ?? nothing, set: () => true },
  );
  const bands = [
    { from: 100, to: 101 },
    { from: 400, to: 600 },
    { from: 900, to: 1500 },
    { from: 2000, to: 2100 },
  ];
  const extra = {
    marks: () => [],
    bands: () => bands,
    threshold: () => null,
    range: (): [number, number] => [0, 1],
  };
  const look = { color: (token: string) => token, format: String, log: false, least: 0 };
  const { hooks } = options({ width: 10, height: 10 }, [], extra, look, nothing);
  const plot = { ctx, bbox: { left: 0, top: 0, width: 1000, height: 100 }, valToPos: (v: number) => v };
  hooks?.drawClear?.forEach((draw) => draw?.(plot as never));
  expect(drawn).toEqual([
    [97, 7],
    [400, 200],
    [900, 100],
  ]);
});

describe("the panel", () => {
  test("with none it says what they are for; nothing offends", async () => {
    const panel = await open();
    await within(panel).findByText("Every moment counts.");
    expect(within(panel).queryByRole("grid")).toBeNull();
    expect(await offences()).toEqual([]);
  }, 60_000);

  test("the newest first, whose each is and where it stands; charts name them; nothing offends", async () => {
    const panel = await open({ strategies: true });
    const grid = await within(panel).findByRole("grid");
    const rows = (await within(grid).findAllByRole("row")).slice(1).map((row) => plain(row.textContent));
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatch(/40 minthis objectiveload test.*the journalCount again… $/);
    expect(rows[1]).toMatch(/2 hall of checkoutthe database moved/);
    // What stands in the file is changed there.
    expect(rows[2]).toMatch(/the payment provider was downmarathe file$/);
    const [times] = within(grid).getAllByTitle(/ UTC$/);
    expect(times?.textContent).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d to /);
    const chart = screen.getByRole("img", { name: /^the budget that is left/ });
    expect(plain(chart.getAttribute("aria-label"))).toMatch(/3 stretches: does not count$/);
    const legend = chart.closest("figure")?.querySelector("figcaption");
    expect(legend?.textContent).toContain("does not count");
    expect(await offences()).toEqual([]);
  }, 60_000);

  test("what cannot be read is said, and no chart claims to know", async () => {
    host = mockHost({ every: 60_000 });
    host.trouble.fail["slo.exclusions"] = { code: "journal.broken", message: "line 12 does not fit" };
    useHost(host);
    goTo("#/slos/checkout/availability-burn");
    render(App);
    await screen.findByText(/line 12 does not fit/);
    expect(screen.queryByText("Every moment counts.")).toBeNull();
  });

  test("read-only, both acts are off with the reason", async () => {
    const recordings = ([...recorded, ...frame] as unknown as Recording[]).map((one) => {
      if (one.request !== "status") return one;
      const line = one.answer as { environment: object };
      return { ...one, answer: { ...line, environment: { ...line.environment, read_only: true } } };
    });
    const panel = await open({ recordings });
    const button = await within(panel).findByRole("button", { name: /^Exclude a time/ });
    await waitFor(() => expect(button.getAttribute("aria-disabled")).toBe("true"));
    expect(panel.textContent).toMatch(/is read-only; open it for a while/);
    await press("e");
    await press("w");
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(sent("slo.exclude")).toEqual([]);
  });
});

describe("excluding", () => {
  async function ask(): Promise<HTMLElement> {
    await press("e");
    return screen.findByRole("dialog", { name: "Exclude a time" });
  }
  const verb = (dialog: HTMLElement) =>
    within(dialog).getByRole<HTMLButtonElement>("button", { name: /^Exclude it/ });

  test("the last hour of this objective, or half of it, with a reason; then it is listed", async () => {
    const panel = await open();
    const opener = await within(panel).findByRole("button", { name: /^Exclude a time/ });
    opener.focus();
    const dialog = await ask();
    expect(verb(dialog).getAttribute("aria-disabled")).toBe("true");
    expect(verb(dialog).title).toBe("A reason is needed");
    const words = () => plain(within(dialog).getByRole("status").textContent);
    expect(words()).toMatch(
      /1 h will not count for checkout\/availability-burn: .* Europe\/Berlin \(.* UTC\)/,
    );
    await fireEvent.click(within(dialog).getByRole("radio", { name: "last 30 min" }));
    expect(words()).toMatch(/30 min will not count/);
    await fill(within(dialog).getByLabelText(/^Reason/), "  the database moved ");
    const before = Date.now();
    await fireEvent.click(verb(dialog));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    const [asked] = sent("slo.exclude") as { from: string; to: string }[];
    expect(asked).toMatchObject({
      service: "checkout",
      objective: "availability-burn",
      reason: "the database moved",
    });
    const [from, to] = [Date.parse(asked?.from ?? ""), Date.parse(asked?.to ?? "")];
    expect(to - from).toBe(HOUR / 2);
    // All of the minute that runs.
    expect(Math.abs(to - before)).toBeLessThanOrEqual(60_000);
    await within(await within(panel).findByRole("grid")).findByText("the database moved");
    expect(document.activeElement).toBe(opener);
    expect(toasts().map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/UTC does not count for checkout\/availability-burn$/),
    );
  });

  test("all of the service, at a time that is typed; what is still to come is said", async () => {
    await open();
    const dialog = await ask();
    await fireEvent.click(within(dialog).getByRole("radio", { name: "all of checkout" }));
    await fill(within(dialog).getByLabelText(/^From/), "2026-11-20 13:00");
    expect(within(dialog).getByRole<HTMLInputElement>("radio", { name: "another time" }).checked).toBe(true);
    await fill(within(dialog).getByLabelText(/^To/), "2036-11-20 13:00");
    const words = () => plain(within(dialog).getByRole("status").textContent);
    await waitFor(() => expect(words()).toContain("all of checkout (availability-burn, latency, uptime)"));
    expect(words()).toContain("It is not over");
    await fill(within(dialog).getByLabelText(/^To/), "14:30");
    expect(words()).toMatch(/1 h 30 min will not count/);
    await fill(within(dialog).getByLabelText(/^Reason/), "moved");
    await fireEvent.click(verb(dialog));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(sent("slo.exclude")).toEqual([
      {
        service: "checkout",
        from: "2026-11-20T12:00:00.000Z",
        to: "2026-11-20T13:30:00.000Z",
        reason: "moved",
      },
    ]);
  });

  test("a time that ends before it begins is not sent; nothing offends", async () => {
    await open();
    const dialog = await ask();
    await fill(within(dialog).getByLabelText(/^Reason/), "moved");
    await fill(within(dialog).getByLabelText(/^From/), "2026-11-20 13:00");
    await fill(within(dialog).getByLabelText(/^To/), "2026-11-20 13:00");
    expect(verb(dialog).title).toBe("To: it ends before it begins");
    const to = within(dialog).getByLabelText(/^To/);
    expect(to.getAttribute("aria-invalid")).toBe("true");
    await fireEvent.click(verb(dialog));
    expect(sent("slo.exclude")).toEqual([]);
    expect(await offences()).toEqual([]);
  }, 60_000);

  test("a refusal of the reason stands at the reason until it is changed; any other, over the buttons", async () => {
    await open();
    const dialog = await ask();
    const reason = within(dialog).getByLabelText(/^Reason/);
    await fill(reason, "ä".repeat(201));
    await fireEvent.click(verb(dialog));
    await within(dialog).findByText("the reason has 402 bytes; 400 is the most");
    expect(reason.getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(reason);
    await fill(reason, "moved");
    expect(reason.getAttribute("aria-invalid")).toBe("false");
    host.trouble.fail["slo.exclude"] = { code: "exclusion.invalid", message: "checkout has no objective x" };
    await fireEvent.click(verb(dialog));
    await within(dialog).findByText(/checkout has no objective x/);
    within(dialog).getByText(/Everything counts as before/);
  });
});

describe("counting again", () => {
  test("what is pointed at, with a reason; then it is gone from the list", async () => {
    const panel = await open({ strategies: true });
    const grid = await within(panel).findByRole("grid");
    const [, second] = await within(grid).findAllByRole("button", { name: /^Count again / });
    await fireEvent.click(second as HTMLElement);
    const dialog = await screen.findByRole("dialog", { name: "Count a time again" });
    expect(plain(dialog.textContent)).toMatch(
      /counts again for all of checkout: .* ana@bridge-7: the database moved/,
    );
    await fill(within(dialog).getByLabelText(/^Reason/), "it was measured all the same");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Count it again" }));
    await waitFor(() => expect(within(panel).queryByText(/the database moved/)).toBeNull());
    expect(sent("slo.withdraw")).toMatchObject([{ reason: "it was measured all the same" }]);
    expect(within(grid).getAllByRole("row")).toHaveLength(3);
  });

  test("by its key the newest; one of the file is refused with where to change it", async () => {
    const panel = await open({ strategies: true });
    await within(panel).findByText(/load test/);
    await press("w");
    const dialog = await screen.findByRole("dialog", { name: "Count a time again" });
    expect(dialog.textContent).toContain("load test");
    host.trouble.fail["slo.withdraw"] = {
      code: "exclusion.unknown",
      message: "no exclusion of this id counts",
    };
    await fill(within(dialog).getByLabelText(/^Reason/), "x");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Count it again" }));
    await within(dialog).findByText(/no exclusion of this id counts/);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
    await fireEvent.click(within(panel).getByText(/payment provider/));
    await press("w");
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(toasts().map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/it stands in objectives.yaml: change it there/),
    );
  });
});
