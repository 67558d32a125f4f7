import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closeEmergency, emergency } from "@/emergency/emergency.svelte";
import { type SettingsView, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import { setTimeZone } from "@/lib/zone.svelte";
import App from "@/shell/App.svelte";
import { closeStart } from "@/views/rollouts/start.svelte";
import { recordings } from "./fixtures/tasks";

// jsdom paints nothing.
vi.mock("uplot", async () => await import("./no-plot"));

const NOW = Date.UTC(2026, 10, 21, 18, 20);
let host: MockHost;
const key = (k: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.body, { key: k, ...init });
const plain = (of: Element | null | undefined) => (of?.textContent ?? "").replaceAll(/\s+/g, " ").trim();
const sent = (name: string) => host.asked.filter((one) => one.name === name).map(({ params }) => params);

const cellsOf = (table: HTMLElement) =>
  [...table.querySelectorAll("tr")].map((row) => [...row.children].map(plain).join(" ").trim());

async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
function at(hash: string): void {
  window.location.hash = hash;
  render(App);
}

beforeEach(() => {
  document.documentElement.lang = "en";
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  const inBerlin = recordings.map((r): Recording => {
    if (r.request !== "settings.show") return r;
    const { settings, ...rest } = r.answer as SettingsView;
    return { ...r, answer: { ...rest, settings: { ...settings, time_zone: "Europe/Berlin" } } };
  });
  host = mockHost({ every: 60_000, recordings: inBerlin, strategies: true });
  useHost(host);
});
afterEach(() => {
  vi.useRealTimers();
  setTimeZone(null);
  closeEmergency();
  closeStart();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("rolling", () => {
  test("batches, what is replaced, and a way back that is not one write; nothing offends", async () => {
    at("#/rollouts/basket");
    const track = await screen.findByRole("list", { name: "Batches" });
    expect(within(track).getAllByRole("listitem").map(plain)).toEqual([
      "1 of 4 Pass batch 1 · 25 % · took 1 min 4 s",
      expect.stringMatching(/^2 of 4 judging batch 2 · 50 % · bake 21 s of 1 min$/),
      "3 of 4 to come batch 3 · 75 % · at least 1 min",
      "4 of 4 to come batch 4 · 100 % · at least 1 min",
    ]);
    const panel = screen.getByRole("region", { name: "Instances replaced" });
    expect(plain(panel)).toContain("1 of 4 replaced");
    expect(
      within(panel).getByRole("img", { name: "old instances: 2 ready, 1 leaving, 1 gone" }),
    ).toBeTruthy();
    expect(within(panel).getByRole("img", { name: "new instances: 2 ready, 2 to come" })).toBeTruthy();
    const back = plain(screen.getByRole("region", { name: "Way back" }));
    expect(back).toContain("Traffic leaves the new instances at once:");
    expect(back).toContain("2 old instances are started again, about 4 s (an estimate).");
    expect(back).not.toMatch(/one write/i);
    expect(screen.getByRole("region", { name: "Gates to 3 of 4 instances" })).toBeTruthy();
    expect(screen.queryByRole("table", { name: /may begin/ })).toBeNull();
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("the emergency dialog says the same, once", async () => {
    at("#/rollouts/basket");
    await screen.findByRole("list", { name: "Batches" });
    await key("R", { shiftKey: true });
    const dialog = await screen.findByRole("dialog", { name: "Roll back" });
    const written = await within(dialog).findByRole("region", { name: "What will be written" });
    await waitFor(() =>
      expect(plain(written)).toContain(
        "Traffic leaves v4 at once; 2 old instances are started again, about 4 s (an estimate).",
      ),
    );
    expect(plain(written)).not.toMatch(/1 write|all the same/);
  }, 60_000);
});

describe("an audience, day by day", () => {
  test("who has it, when each step may begin, and what it waits for; nothing offends", async () => {
    at("#/rollouts/news");
    await screen.findByRole("list", { name: "Steps" });
    const who = plain(screen.getByRole("region", { name: "Who has it" }));
    expect(who).toContain("250 of 1 000 people");
    expect(who).toContain("and 3 by name.");
    expect(who).toContain("told apart by header x-user flag new-front-page by name ana, ben, chidi");
    const table = screen.getByRole("table", { name: /may begin/ });
    expect(within(table).getAllByRole("columnheader").map(plain)).toEqual([
      "of each step",
      "Thu 19 Nov",
      "Fri 20 Nov",
      "Sat 21 Nov today",
      "Sun 22 Nov",
      "Mon 23 Nov",
    ]);
    expect(within(table).getByRole("columnheader", { current: "date" }).textContent).toContain("Sat 21 Nov");
    expect(cellsOf(table).slice(1)).toEqual([
      "stands no harm seen Pass Pass waits to come",
      "share by name 10 % 25 % 50 % everyone",
      "people 3 100 250 500 1 000",
      "from, Europe/Berlin 14:00 10:00 10:00 10:00 10:00",
      "from, UTC 13:00 09:00 09:00 09:00 09:00",
    ]);
    expect(plain(screen.getByRole("region", { name: "Where it stands" }))).toContain(
      "It begins in 14 h 40 min, at 2026-11-22 10:00:00 Europe/Berlin (2026-11-22 09:00:00 UTC).",
    );
    expect(screen.getByText("Progressing", { exact: false }).textContent).toContain("25");
    const back = plain(screen.getByRole("region", { name: "Way back" }));
    expect(back).toContain("The audience ends with it: everyone is back on v11.");
    expect(screen.getByRole("region", { name: "Gates to everyone" })).toBeTruthy();
    expect(back).not.toContain("where it leads already");
    expect(await violations()).toEqual([]);
  }, 60_000);
});

describe("waiting for its time", () => {
  test("begins before it with a reason, and not without", async () => {
    at("#/rollouts/mail");
    await screen.findByText("v8 waits for its time; nothing is touched before.");
    expect(screen.getByText(/there is nothing to take back/)).toBeTruthy();
    expect(screen.queryByRole("button", { name: /^Retry/ })).toBeNull();
    await key("P", { shiftKey: true });
    const dialog = await screen.findByRole("dialog", { name: "Begin step 1 of v8 now" });
    const begin = within(dialog).getByRole("button", { name: "Begin it now" });
    expect(begin.getAttribute("aria-disabled")).toBe("true");
    expect(plain(dialog)).toContain("2026-11-22 05:30:00 Europe/Berlin (2026-11-22 04:30:00 UTC)");
    await fireEvent.input(within(dialog).getByLabelText(/Reason/), { target: { value: "hotfix" } });
    await fireEvent.click(begin);
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(sent("rollouts.promote")).toEqual([{ service: "mail", break_glass: "hotfix" }]);
    await waitFor(() => expect(screen.queryByText(/waits for its time/)).toBeNull());
    expect(screen.getByRole("button", { name: /^Promote/ })).toBeTruthy();
  }, 60_000);
});

describe("revisions", () => {
  const grid = (service: string) => screen.findByRole("grid", { name: `Revisions of ${service}` });

  test("stand in their order; v leads there from the rollout; nothing offends", async () => {
    at("#/rollouts/basket");
    await screen.findByRole("list", { name: "Batches" });
    await key("v");
    await waitFor(() => expect(window.location.hash).toBe("#/services/basket?tab=revisions"));
    const table = await grid("basket");
    await within(table).findByText("serving");
    const rows = within(table).getAllByRole("row").slice(1);
    expect(plain(rows[0])).toMatch(/^5 ?v3 undo to 3 ?serving ?2026-11-19/);
    expect(rows.map((row) => plain(row).match(/(serving|taken back|past|kept ready)/)?.[0])).toEqual([
      "serving",
      "taken back",
      "past",
      "past",
      "past",
    ]);
    expect(within(rows[0] as HTMLElement).queryByRole("button")).toBeNull();
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("an undo says its plan and what changes, and is sent; a live rollout is superseded", async () => {
    at("#/services/basket?tab=revisions");
    await grid("basket");
    await fireEvent.click(await screen.findByRole("button", { name: "Undo to revision 2…" }));
    const dialog = await screen.findByRole("dialog", { name: "Undo basket to revision 2" });
    await within(dialog).findByRole("option", { name: "rolling, as the newest rollout" });
    const changes = within(dialog).getByRole("table", { name: "What is different" });
    expect(cellsOf(changes)).toContain("BASKET_LIMIT 40 not set");
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Undo to revision 2" }));
    expect(await within(dialog).findByText("refused.rollout-live")).toBeTruthy();
    await fireEvent.click(within(dialog).getByRole("checkbox", { name: /Supersede/ }));
    await fireEvent.click(within(dialog).getByRole("button", { name: "Undo to revision 2" }));
    await waitFor(() => expect(window.location.hash).toBe("#/rollouts/basket"));
    expect(sent("rollouts.undo")).toEqual([
      { service: "basket", to: 2 },
      { service: "basket", to: 2, supersede: true },
    ]);
  }, 60_000);

  test("what has become kept ready meanwhile is refused, and the rollback is one press away", async () => {
    const ask = host.ask.bind(host);
    host.ask = (async (name: string, params: unknown) => {
      if (name === "rollouts.undo") throw { code: "refused.kept-warm", message: "it is kept ready" };
      return ask(name as never, params as never);
    }) as typeof host.ask;
    at("#/services/basket?tab=revisions");
    await fireEvent.click(await screen.findByRole("button", { name: "Undo to revision 3…" }));
    const dialog = await screen.findByRole("dialog", { name: "Undo basket to revision 3" });
    await fireEvent.click(within(dialog).getByRole("button", { name: "Undo to revision 3" }));
    await fireEvent.click(await within(dialog).findByRole("button", { name: "Roll back…" }));
    expect(emergency).toMatchObject({ open: true, service: "basket" });
    expect(screen.queryByRole("dialog", { name: /^Undo/ })).toBeNull();
  }, 60_000);

  test("by the keyboard alone: z is the one before, j points at another", async () => {
    at("#/services/basket?tab=revisions");
    await grid("basket");
    await screen.findByRole("button", { name: "Undo to revision 2…" });
    await key("z");
    expect(await screen.findByRole("dialog", { name: "Undo basket to revision 3" })).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
    await key("j");
    await key("z");
    // The first row serves: there is nothing to undo.
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(
      toasts()
        .map(({ text }) => text)
        .join(),
    ).toContain("revision 5 has the traffic already");
  }, 60_000);

  test("what is kept ready offers the rollback, and nothing else", async () => {
    at("#/services/search?tab=revisions");
    await grid("search");
    await fireEvent.click(await screen.findByRole("button", { name: "Roll back to revision 1…" }));
    expect(emergency).toMatchObject({ open: true, service: "search" });
    expect(screen.queryByRole("button", { name: /^Undo to/ })).toBeNull();
  }, 60_000);

  test("none yet says what a revision is", async () => {
    const watch = host.watch.bind(host);
    host.watch = ((name, params, seen) => {
      if (name !== "revisions.list") return watch(name, params, seen);
      seen({ kind: "answer", at: NOW, answer: [] as never });
      return () => undefined;
    }) as MockHost["watch"];
    at("#/services/news?tab=revisions");
    expect(await screen.findByText("Nothing has been promoted to news yet.")).toBeTruthy();
  }, 60_000);
});

describe("the form", () => {
  async function form(service: string, plan: string): Promise<HTMLElement> {
    at(`#/rollouts/${service}`);
    await screen.findByRole("region", { name: "Where it stands" });
    await key("n");
    const dialog = await screen.findByRole("dialog", { name: "Start a rollout" });
    await within(dialog).findByRole("option", { name: new RegExp(`^${plan}`) });
    await fireEvent.change(within(dialog).getByLabelText("Plan"), { target: { value: plan } });
    return dialog;
  }

  test("shows the batches of this service's instances, and begins at a time that is said", async () => {
    const dialog = await form("basket", "rolling");
    await within(dialog).findByText(/^4 batches for 4 instances:\s+1, 2, 3, 4 new$/);
    await fireEvent.input(within(dialog).getByLabelText("Instances"), { target: { value: "2" } });
    expect(await within(dialog).findByText(/2 batches for 2 instances/)).toBeTruthy();
    const time = within(dialog).getByLabelText(/^Not before/);
    await fireEvent.input(time, { target: { value: "tomorrow" } });
    expect(within(dialog).getByText(/a time is expected/)).toBeTruthy();
    await fireEvent.input(time, { target: { value: "09:00" } });
    expect(within(dialog).getByText(/2026-11-22 08:00:00 UTC, in 13/)).toBeTruthy();
    await fireEvent.input(within(dialog).getByLabelText(/Version/), { target: { value: "v5" } });
    await fireEvent.click(within(dialog).getByRole("button", { name: /^Start/ }));
    await waitFor(() =>
      expect(sent("rollouts.start")).toEqual([
        {
          service: "basket",
          version: "v5",
          plan: "rolling",
          instances: 2,
          not_before: "2026-11-22T08:00:00.000Z",
        },
      ]),
    );
  }, 60_000);

  test("shows who is first, and the days", async () => {
    const dialog = await form("news", "audience-by-day");
    await within(dialog).findByText("audience: chosen people first");
    const list = plain(within(dialog).getByRole("region", { name: "The plan" }));
    expect(list).toContain("ana, ben, chidi, told apart by header x-user");
    expect(list).toMatch(/by name at the start ?10 % \(100\) day 2, 09:00 UTC ?25 %/);
  }, 60_000);
});
