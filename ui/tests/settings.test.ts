import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Settings, type SettingsView, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import recorded from "@/host/recorded/recorded.json";
import { FIRST, switchEnvironment } from "@/lib/environment.svelte";
import { stampLocal } from "@/lib/format";
import { goTo } from "@/lib/router.svelte";
import { changeSettings, startSettings } from "@/lib/settings.svelte";
import { applyLook, setDensity, setTheme, theme } from "@/lib/theme/theme.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import { setTimeZone } from "@/lib/zone.svelte";
import App from "@/shell/App.svelte";

let host: MockHost;
const shown = () => host.ask("settings.show", {}).then((view) => view.settings);
const changes = () =>
  host.asked
    .filter((a) => a.name === "settings.change")
    .map((a) => (a.params as { settings: Settings }).settings);
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
async function open(tab: string, chosen = mockHost({ every: 60_000 })): Promise<HTMLElement> {
  host = chosen;
  useHost(host);
  render(App);
  goTo(`settings/${tab}`);
  return screen.findByRole("tabpanel");
}
const undo = () => fireEvent.click(screen.getAllByRole("button", { name: "Undo" }).at(-1) as HTMLElement);

beforeEach(() => {
  switchEnvironment("training");
  document.documentElement.lang = "en";
});
afterEach(() => {
  switchEnvironment(FIRST);
  setTimeZone(null);
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("every tab", () => {
  test.each(["you", "appearance", "environments", "driving", "backups", "freeze", "doctor", "data"])(
    "%s offends nothing",
    async (tab) => {
      const pane = await open(tab);
      await waitFor(() => expect(within(pane).getAllByRole("region").length).toBeGreaterThan(0));
      expect(await violations()).toEqual([]);
    },
    120_000,
  );

  test("settings that cannot be read any more are said; what is known stays", async () => {
    host = mockHost({ every: 60_000 });
    host.trouble.fail["settings.show"] = { code: "settings.invalid", message: "theme pink" };
    await open("you", host);
    expect(await screen.findByText(/theme pink/)).toBeTruthy();
    expect(screen.getByLabelText("Display name")).toBeTruthy();
  });
});

describe("appearance", () => {
  test("a theme is on at once, is kept, and can be undone", async () => {
    const pane = await open("appearance");
    await fireEvent.click(await within(pane).findByRole("radio", { name: "High contrast" }));
    await waitFor(() => expect(document.documentElement.dataset["theme"]).toBe("contrast"));
    expect((await shown()).theme).toBe("high-contrast");
    expect(localStorage.getItem("deckwatch.look")).toContain("contrast");
    await undo();
    await waitFor(() => expect(document.documentElement.dataset["theme"]).toBe("dark"));
    expect((await shown()).theme).toBe("dark");
  });

  test("a zone that is searched for changes every local time", async () => {
    const pane = await open("appearance");
    await fireEvent.input(await within(pane).findByLabelText("Search zones"), {
      target: { value: "new york" },
    });
    const list = within(pane).getByLabelText("Time zone") as HTMLSelectElement;
    await waitFor(() => expect(list.options).toHaveLength(2));
    await fireEvent.change(list, { target: { value: "America/New_York" } });
    await waitFor(() => expect(changes().at(-1)?.time_zone).toBe("America/New_York"));
    const local = () => stampLocal(Date.UTC(2026, 10, 20, 14, 32, 7));
    await waitFor(() => expect(local()).toBe("2026-11-20 09:32:07 America/New_York"));
    await screen.findByText(/New York$/, { selector: ".clock *" });
  });

  test("what is chosen elsewhere in the window is kept too", async () => {
    await open("appearance");
    setTheme("light");
    await waitFor(async () => expect((await shown()).theme).toBe("light"));
    setTheme("dark");
    setDensity("comfortable");
    await waitFor(async () => expect((await shown()).density).toBe("comfortable"));
    expect((await shown()).theme).toBe("dark");
  });

  test("the window begins with what the settings say", async () => {
    const recordings = (recorded as unknown as Recording[]).map((r) =>
      r.request === "settings.show"
        ? {
            ...r,
            answer: {
              ...(r.answer as SettingsView),
              settings: { ...(r.answer as SettingsView).settings, theme: "light", time_zone: "Asia/Tokyo" },
            },
          }
        : r,
    );
    useHost((host = mockHost({ recordings })));
    const stop = startSettings();
    await waitFor(() => expect(theme()).toBe("light"));
    expect(stampLocal(0)).toBe("1970-01-01 09:00:00 Asia/Tokyo");
    stop();
    setTheme("dark");
    applyLook();
  });

  test("changes one after the other: none overwrites another", async () => {
    useHost((host = mockHost()));
    host.trouble.lag = 20;
    await Promise.all([
      changeSettings(() => ({ display: "Ana" })),
      changeSettings(() => ({ drive: "agent-only" })),
    ]);
    expect(await shown()).toMatchObject({ display: "Ana", drive: "agent-only" });
  });
});

describe("fields", () => {
  test("saved with Enter, taken back with Esc, what is wrong stands beside it", async () => {
    const pane = await open("you");
    const field = await within(pane).findByLabelText("Display name");
    await fireEvent.input(field, { target: { value: "Ana" } });
    await fireEvent.keyDown(field, { key: "Escape" });
    await waitFor(() => expect((field as HTMLInputElement).value).toBe(""));
    expect(changes()).toEqual([]);

    host.trouble.fail["settings.change"] = { code: "settings.invalid", message: "too long" };
    await fireEvent.input(field, { target: { value: "Ana" } });
    await fireEvent.keyDown(field, { key: "Enter" });
    await within(pane).findByText("too long");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    expect((field as HTMLInputElement).value).toBe("Ana");

    delete host.trouble.fail["settings.change"];
    await fireEvent.keyDown(field, { key: "Enter" });
    await waitFor(() => expect(changes().at(-1)?.display).toBe("Ana"));
    await waitFor(() => expect(field.getAttribute("aria-invalid")).toBe("false"));
  });

  test("roles are bound and unbound", async () => {
    const pane = await open("you");
    await within(pane).findByText(/Nobody is bound to a role/);
    await fireEvent.input(within(pane).getByLabelText("Role"), { target: { value: "release-manager" } });
    await fireEvent.input(within(pane).getByLabelText("Person"), { target: { value: "ana@bridge-7" } });
    const bind = within(pane).getByRole("button", { name: /^Bind/ });
    await waitFor(() => expect(bind.getAttribute("aria-disabled")).toBe("false"));
    await fireEvent.click(bind);
    const unbind = await within(pane).findByRole("button", {
      name: "Unbind ana@bridge-7 from release-manager",
    });
    // Mine, as I am ana.
    expect(within(pane).getAllByText("release-manager").length).toBeGreaterThan(1);
    await fireEvent.click(unbind);
    await within(pane).findByText(/Nobody is bound to a role/);
  });
});

describe("environments", () => {
  test("the built-in ones stay; others come and go", async () => {
    const pane = await open("environments");
    const local = await within(pane).findByRole("button", { name: "Remove local" });
    expect(local.getAttribute("aria-disabled")).toBe("true");
    expect(local.getAttribute("title")).toContain("built in");
    await fireEvent.input(within(pane).getByLabelText("Name"), { target: { value: "local" } });
    expect(within(pane).getByText("there is one of this name already", { selector: ".bad" })).toBeTruthy();
    await fireEvent.input(within(pane).getByLabelText("Name"), { target: { value: "shop" } });
    await fireEvent.input(within(pane).getByLabelText("Data folder"), { target: { value: "/srv/shop" } });
    await fireEvent.click(within(pane).getByRole("button", { name: "Add" }));
    const card = await within(pane).findByRole("group", { name: "Environment shop" });
    expect(changes().at(-1)?.environments).toEqual([
      { name: "shop", folder: "/srv/shop", class: "staging", colour: "slate", read_only: false },
    ]);
    await fireEvent.change(within(card).getByLabelText("Class"), { target: { value: "production" } });
    await within(pane).findByRole("img", {
      name: /The band that stands along the top of the window in shop/,
    });
    await fireEvent.click(within(pane).getByRole("button", { name: "Remove shop" }));
    await waitFor(() => expect(within(pane).queryByRole("group", { name: "Environment shop" })).toBeNull());
    await undo();
    await within(pane).findByRole("group", { name: "Environment shop" });
  });

  test("a built-in one is changed by an entry of its own", async () => {
    const pane = await open("environments");
    await fireEvent.click(await within(pane).findByRole("switch", { name: "local is read-only" }));
    await waitFor(() =>
      expect(changes().at(-1)?.environments).toMatchObject([{ name: "local", read_only: true }]),
    );
  });
});

describe("the others", () => {
  test("backups begin once there is a folder", async () => {
    const pane = await open("backups");
    await fireEvent.click(await within(pane).findByRole("switch", { name: "Make backups" }));
    expect(changes()).toEqual([]);
    const folder = within(pane).getByLabelText("Folder");
    await fireEvent.input(folder, { target: { value: "/mnt/b" } });
    await fireEvent.keyDown(folder, { key: "Enter" });
    await waitFor(() => expect(changes().at(-1)?.backups).toEqual({ to: "/mnt/b", every: "1d", keep: 14 }));
    const keep = await within(pane).findByLabelText("Copies");
    await fireEvent.input(keep, { target: { value: "0" } });
    await fireEvent.keyDown(keep, { key: "Enter" });
    expect(await within(pane).findByText("a whole number, at least 1")).toBeTruthy();
    expect(changes()).toHaveLength(1);
  });

  test("a freeze needs a reason, is shown and lifted", async () => {
    const pane = await open("freeze");
    const declare = await within(pane).findByRole("button", { name: /Declare a freeze/ });
    expect(declare.getAttribute("aria-disabled")).toBe("true");
    await fireEvent.input(within(pane).getByLabelText("Reason"), { target: { value: "Black Friday" } });
    await waitFor(() => expect(declare.getAttribute("aria-disabled")).toBe("false"));
    await fireEvent.click(declare);
    await within(pane).findByText("A freeze is on");
    expect(within(pane).getByText("Black Friday")).toBeTruthy();
    await fireEvent.click(within(pane).getByRole("button", { name: /Lift the freeze/ }));
    await within(pane).findByText("No freeze is on");
  });

  test("the doctor looks once, and again when asked", async () => {
    const pane = await open("doctor");
    await within(pane).findByText("nobody is bound to a role: approvals are advisory");
    expect(within(pane).getByRole("img", { name: "to know" })).toBeTruthy();
    const looked = () => host.asked.filter((a) => a.name === "doctor").length;
    expect(looked()).toBe(1);
    await fireEvent.click(within(pane).getByRole("button", { name: "Look again" }));
    await waitFor(() => expect(looked()).toBe(2));
  });

  test("the diagnostics file goes where it is told, and says what is in it", async () => {
    const recordings = [
      ...(recorded as unknown as Recording[]),
      {
        request: "doctor.bundle",
        params: {},
        at: "2026-11-21T11:00:00Z",
        answer: { to: "/t/d.json", bytes: 40_960, parts: ["doctor", "extra"] },
      },
    ];
    const pane = await open("doctor", mockHost({ every: 60_000, recordings }));
    await fireEvent.input(await within(pane).findByLabelText("Path of the new file"), {
      target: { value: "/t/d.json" },
    });
    await fireEvent.click(within(pane).getByRole("button", { name: /Write diagnostics file/ }));
    await within(pane).findByText("/t/d.json", { selector: "code" });
    expect(within(pane).getByText("not described here: read it before sending")).toBeTruthy();
    expect(host.asked.at(-1)).toEqual({ name: "doctor.bundle", params: { to: "/t/d.json" } });
  });
});
