import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closeEmergency } from "@/emergency/emergency.svelte";
import { useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { palette } from "@/lib/palette/palette.svelte";
import { setDensity, setTheme } from "@/lib/theme/theme.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import { HOLD_MS } from "@/parts/hold";
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
  test("production has its band, set so that no style reaches it", async () => {
    render(App);
    await ready();
    const band = document.querySelector<HTMLElement>("[data-band=production]");
    expect(band?.style.getPropertyPriority("display")).toBe("important");
    expect(band?.style.getPropertyPriority("height")).toBe("important");
    expect(screen.getByRole("region", { name: "Production" })).toBe(band);
  });

  test("elsewhere there is none", async () => {
    const recordings = [
      {
        request: "status",
        params: {},
        at: 0,
        answer: {
          ...(await host.ask("status", {})),
          environment: {
            name: "training",
            class: "training",
            colour: "",
            read_only: true,
            read_only_until_opened: null,
          },
        },
      },
    ];
    useHost(mockHost({ recordings }));
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
    await screen.findByText(/9 of 9 ready/);
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("offline it says so, and does not pretend", async () => {
    host.trouble.offline = true;
    render(App);
    expect(await screen.findByText("The services could not be read")).toBeTruthy();
    expect(screen.getByText("window.offline")).toBeTruthy();
    expect(screen.getByText("not connected")).toBeTruthy();
  });

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

describe("emergency", () => {
  const open = async () => {
    await emergencyKey();
    return screen.findByRole("dialog", { name: "Roll back" });
  };

  test("opens while one types, and over the sheet of keys", async () => {
    render(App);
    await ready();
    screen.getByPlaceholderText("filter").focus();
    await open();
    closeEmergency();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(document.activeElement).toBe(screen.getByPlaceholderText("filter"));
    await key("?", {}, document.body);
    await open();
    expect(screen.getAllByRole("dialog")).toHaveLength(2);
  });

  test("chooses the worst that moves, shows the write, and holding fires it", async () => {
    render(App);
    await ready();
    const dialog = await open();
    await within(dialog).findByText(/blue 100, green 0/);
    expect((within(dialog).getByRole("checkbox", { name: /checkout/ }) as HTMLInputElement).checked).toBe(
      true,
    );
    const hold = within(dialog).getByRole("button", { name: /Hold to roll back checkout/ });
    await fireEvent.pointerDown(hold, { button: 0 });
    expect(host.asked.some((a) => a.name === "rollback")).toBe(false);
    await waitFor(() => expect(host.asked.at(-1)?.name).toBe("rollback"), { timeout: HOLD_MS * 6 });
    expect(host.asked.at(-1)?.params).toMatchObject({ service: "checkout", now: false });
    expect(await within(dialog).findByText(/traffic is back/)).toBeTruthy();
    expect(within(dialog).getByText(/It is in the journal/)).toBeTruthy();
    // Enter may still be held: the focus stays inside, and on nothing that it would press.
    expect(dialog.contains(document.activeElement)).toBe(true);
    expect(document.activeElement?.tagName).toBe("DIV");
  });

  test("typing the name fires; another name does not", async () => {
    render(App);
    await ready();
    const dialog = await open();
    await within(dialog).findByText(/9 of 9 ready/);
    const field = within(dialog).getByPlaceholderText("checkout");
    await fireEvent.input(field, { target: { value: "check" } });
    await key("Enter", {}, field);
    expect(within(dialog).getByText("Type checkout to take it back")).toBeTruthy();
    await fireEvent.input(field, { target: { value: "checkout" } });
    await key("Enter", {}, field);
    await waitFor(() => expect(host.asked.at(-1)?.name).toBe("rollback"));
  });

  test("a rehearsal that fails stands in nobody's way", async () => {
    host.trouble.fail["rollback.preview"] = { code: "platform.unreachable", message: "no node" };
    render(App);
    await ready();
    const dialog = await open();
    expect(await within(dialog).findByText(/could not be rehearsed: no node/)).toBeTruthy();
    const hold = within(dialog).getByRole("button", { name: /Hold to roll back checkout/ });
    expect(hold.getAttribute("aria-disabled")).toBe("false");
  });

  test("with no list to read, the name alone is enough", async () => {
    host.trouble.fail["bridge"] = { code: "journal.broken", message: "no journal" };
    render(App);
    await waitFor(() => expect(screen.getByText("The services could not be read")).toBeTruthy());
    const dialog = await open();
    await within(dialog).findByText(/cannot be read/);
    const field = within(dialog).getByPlaceholderText("its name");
    await fireEvent.input(field, { target: { value: "checkout" } });
    await key("Enter", {}, field);
    await waitFor(() => expect(host.asked.some((a) => a.name === "rollback")).toBe(true));
  });

  test("what failed says so and can be tried again", async () => {
    host.trouble.fail["rollback"] = { code: "rollback.gave-up", message: "the node refused" };
    render(App);
    await ready();
    const dialog = await open();
    const field = await within(dialog).findByPlaceholderText("checkout");
    await fireEvent.input(field, { target: { value: "checkout" } });
    await key("Enter", {}, field);
    expect(await within(dialog).findByText(/traffic was not moved/)).toBeTruthy();
    delete host.trouble.fail["rollback"];
    await key("Enter", {}, field);
    expect(await within(dialog).findByText(/traffic is back/)).toBeTruthy();
  });

  test("what comes later changes nothing under the hand", async () => {
    vi.useRealTimers();
    host = mockHost({ every: 30 });
    useHost(host);
    render(App);
    await ready();
    const dialog = await open();
    const box = (await within(dialog).findByRole("checkbox", { name: /checkout/ })) as HTMLInputElement;
    await waitFor(() => expect(box.checked).toBe(true));
    await fireEvent.click(box);
    await new Promise((done) => setTimeout(done, 150));
    expect(box.checked).toBe(false);
  });
});
