import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { closeEmergency } from "@/emergency/emergency.svelte";
import { type Class, useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { palette } from "@/lib/palette/palette.svelte";
import { setDensity, setTheme } from "@/lib/theme/theme.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { help } from "@/shell/help.svelte";

let host: MockHost;
const key = (k: string, init: KeyboardEventInit = {}, on: Element | null = document.activeElement) =>
  fireEvent.keyDown(on ?? document.body, { key: k, ...init });
const emergencyKey = () => key("R", { ctrlKey: true, shiftKey: true, code: "KeyR" });
const ready = () => screen.findByRole("grid", { name: "Services" });

async function violations(): Promise<string[]> {
  // jsdom paints nothing: contrasts are the theme's own test.
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  host = mockHost({ every: 60_000 });
  useHost(host);
  document.documentElement.lang = "en";
});
afterEach(() => {
  closeEmergency();
  palette.open = false;
  help.open = false;
  setTheme("dark");
  setDensity("comfortable");
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("the frame", () => {
  /** The recordings, as if they were of an environment of this class. */
  async function classed(kind: Class, read_only = false): Promise<void> {
    const status = await host.ask("status", {});
    const answer = { ...status, environment: { ...status.environment, class: kind, read_only } };
    const at = new Date().toISOString();
    useHost(mockHost({ recordings: [{ request: "status", params: {}, at, answer }] }));
  }

  test("production has its band, set so that no style reaches it", async () => {
    await classed("production");
    render(App);
    const found = await screen.findByRole("region", { name: "Production" });
    const band = document.querySelector<HTMLElement>("[data-band=production]");
    expect(band?.style.getPropertyPriority("display")).toBe("important");
    expect(band?.style.getPropertyPriority("height")).toBe("important");
    expect(found).toBe(band);
  });

  test("elsewhere there is none", async () => {
    await classed("training", true);
    render(App);
    await screen.findByText("read-only");
    expect(document.querySelector("[data-band]")).toBeNull();
  });

  test("nothing in it offends axe: bridge, palette, keys, emergency", async () => {
    render(App);
    await ready();
    expect(await violations()).toEqual([]);
    for (const [k, init] of [
      ["k", { ctrlKey: true }],
      ["?", {}],
    ] as const) {
      await key(k, init, document.body);
      await screen.findByRole("dialog");
      expect(await violations()).toEqual([]);
      await fireEvent(screen.getByRole("dialog"), new Event("cancel", { cancelable: true }));
      await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    }
    await emergencyKey();
    await screen.findByText(/2 of 2\s+ready/);
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("offline it says so, and does not pretend", async () => {
    host.trouble.offline = true;
    render(App);
    expect(await screen.findByText("The services could not be read")).toBeTruthy();
    expect(screen.getByText("window.offline")).toBeTruthy();
    expect(screen.getByText("not connected")).toBeTruthy();
  });

  test("a journal that cannot be used is said at the bridge's top, with the way back and where to go", async () => {
    const status = await host.ask("status", {});
    const bridge = await host.ask("bridge", {});
    const at = new Date().toISOString();
    const playing = (journal: typeof status.journal) =>
      mockHost({
        recordings: [
          { request: "status", params: {}, at, answer: { ...status, journal } },
          { request: "bridge", params: {}, at, answer: { ...bridge, moving: [], waiting: [] } },
        ],
      });
    useHost(playing(status.journal));
    const first = render(App);
    await ready();
    expect(screen.queryByRole("alert")).toBeNull();
    expect(screen.getByText("Nothing moves.")).toBeTruthy();
    first.unmount();
    useHost(playing({ usable: false, head: null, words: "the journal file is damaged at event 84" }));
    render(App);
    const alert = await screen.findByRole("alert");
    expect(alert.textContent).toContain("The journal cannot be used");
    expect(alert.textContent).toContain("damaged at event 84");
    expect(alert.textContent).toContain("Rolling back works all the same");
    expect(within(alert).getByRole("img", { name: "problem" })).toBeTruthy();
    const link = within(alert).getByRole("link", { name: "See what to do" });
    expect(link.getAttribute("href")).toBe("#/journal");
    // Its key is the one that goes there.
    expect(link.getAttribute("aria-keyshortcuts")).toBe(
      screen.getByRole("link", { name: "Journal" }).getAttribute("aria-keyshortcuts"),
    );
    await ready();
    // What cannot be known is not said to be nothing.
    expect(screen.queryByText(/^Nothing (moves|waits)/)).toBeNull();
    expect(screen.getAllByText(/Not known while/)).toHaveLength(2);
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(alert).getByRole("button", { name: "Roll back…" }));
    expect(await screen.findByRole("dialog", { name: "Roll back" })).toBeTruthy();
  }, 30_000);

  test("an address that leads nowhere says so", async () => {
    window.location.hash = "#/nowhere";
    render(App);
    expect(await screen.findByText(/no view called “nowhere”/)).toBeTruthy();
  });

  test("a menu entry runs its action, a link goes to its place", async () => {
    render(App);
    await ready();
    host.choose("look.theme.light");
    expect(document.documentElement.dataset["theme"]).toBe("light");
    host.open("nowhere/at/all");
    expect(await screen.findByText(/no view called “nowhere”/)).toBeTruthy();
  });
});

describe("keys", () => {
  test("? opens the sheet, which knows the view's own keys; typing does not", async () => {
    render(App);
    await ready();
    const filter = screen.getByPlaceholderText("filter");
    await key("/", {}, document.body);
    expect(document.activeElement).toBe(filter);
    await key("?", {}, filter);
    expect(screen.queryByRole("dialog")).toBeNull();
    await key("?", {}, document.body);
    const sheet = await screen.findByRole("dialog", { name: "Keys" });
    expect(within(sheet).getByText("Filter services")).toBeTruthy();
    expect(within(sheet).getByText("Go to Bridge")).toBeTruthy();
  });

  test("what is filtered is asked of the backend", async () => {
    render(App);
    await ready();
    await fireEvent.input(screen.getByPlaceholderText("filter"), { target: { value: "check" } });
    await waitFor(() => expect(host.asked.at(-1)?.params).toMatchObject({ filter: "check" }));
    await waitFor(() => expect(screen.getAllByRole("row")).toHaveLength(2));
  });

  test("Esc in a filter first empties it, then goes to its rows; a view that goes hands the focus on", async () => {
    render(App);
    await ready();
    const filter = screen.getByPlaceholderText<HTMLInputElement>("filter");
    filter.focus();
    await fireEvent.input(filter, { target: { value: "check" } });
    await key("Escape");
    expect([filter.value, document.activeElement]).toEqual(["", filter]);
    // What matched nothing is not a console without services.
    await fireEvent.input(filter, { target: { value: "zzz" } });
    await screen.findByText(/No service matches/);
    await key("Escape");
    expect(screen.queryByText("No service is defined here.")).toBeNull();
    expect(document.activeElement).toBe(filter);
    await waitFor(() => expect(screen.getAllByRole("row").length).toBeGreaterThan(2));
    await key("Escape");
    expect(document.activeElement).toBe(await ready());
    await key("j");
    await key("Enter");
    expect(await screen.findByRole("heading", { level: 1, name: "checkout" })).toBeTruthy();
    await waitFor(() => expect(document.activeElement?.id).toBe("main"));
  });
});

describe("palette", () => {
  const open = async () => {
    render(App);
    await ready();
    await key("k", { ctrlKey: true }, document.body);
    return screen.findByRole("combobox");
  };

  test("finds an action, runs it with Enter and goes away", async () => {
    const input = await open();
    await fireEvent.input(input, { target: { value: "light theme" } });
    await waitFor(() =>
      expect(screen.getAllByRole("option")[0]?.textContent).toContain("Use the light theme"),
    );
    await key("Enter", {}, input);
    await waitFor(() => expect(document.documentElement.dataset["theme"]).toBe("light"));
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("arrows go round, and the field points at the choice", async () => {
    const input = await open();
    const options = screen.getAllByRole("option");
    await key("ArrowUp", {}, input);
    flushSync();
    expect(input.getAttribute("aria-activedescendant")).toBe(options.at(-1)?.id);
    await key("ArrowDown", {}, input);
    flushSync();
    expect(input.getAttribute("aria-activedescendant")).toBe(options[0]?.id);
  });

  test("what is off says why and does not run", async () => {
    const input = await open();
    await fireEvent.input(input, { target: { value: "dark theme" } });
    await waitFor(() => expect(screen.getAllByRole("option")[0]?.textContent).toContain("it is on already"));
    await key("Enter", {}, input);
    expect(screen.getByRole("combobox")).toBeTruthy();
  });

  test("while it is open, single keys are off and the emergency shortcut is not", async () => {
    const input = await open();
    await key("?", {}, input);
    expect(screen.queryByRole("dialog", { name: "Keys" })).toBeNull();
    await emergencyKey();
    expect(await screen.findByRole("dialog", { name: "Roll back" })).toBeTruthy();
  });
});
