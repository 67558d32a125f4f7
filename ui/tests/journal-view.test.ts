import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { closeEmergency } from "@/emergency/emergency.svelte";
import { type EventsPage, useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { environment } from "@/lib/environment.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { distrust, forgetCheck } from "@/views/journal/chain.svelte";

let host: MockHost;
let said: { name: string; params: unknown }[];
/** Events that came since the recording. */
let newer: number;

function answering(mock: MockHost): MockHost {
  const { ask, watch } = mock;
  return Object.assign(mock, {
    ask: async (name: string, params: unknown): Promise<unknown> => {
      const failing = mock.trouble.fail[name];
      if (["journal.export", "journal.backup", "journal.set-aside"].includes(name)) {
        said.push({ name, params });
        if (failing) throw failing;
        if (name === "journal.export") return { to: "/tmp/a", events: 130, head_hash: "abc123" };
        if ((params as { trust?: boolean }).trust) return { moved_to: null, reason: "event 130 is another" };
        return { moved_to: "/data/journal.corrupt-1.db", reason: "event 84" };
      }
      return ask.call(mock, name as never, params as never);
    },
    watch: ((name, params, seen) => {
      if (name !== "journal.page") return watch.call(mock, name, params, seen);
      // A journal to which `newer` events were added at the top since.
      const ask = params as { offset?: number; limit?: number };
      const inner = { ...params, offset: 0, limit: 500 };
      return watch.call(mock, name, inner as never, (frame) => {
        if (frame.kind === "problem") return seen(frame);
        const page = frame.answer as unknown as EventsPage;
        const added = page.rows.slice(0, newer).map((row, i) => ({
          ...row,
          seq: page.total + newer - i,
          event_id: `new-${newer - i}`,
          words: `new event ${newer - i}`,
        }));
        const rows = [...added, ...page.rows].slice(ask.offset ?? 0, (ask.offset ?? 0) + (ask.limit ?? 200));
        const answer = { ...page, total: page.total + newer, rows };
        seen({ ...frame, answer } as never);
      });
    }) as MockHost["watch"],
  });
}
const at = (hash: string) => {
  window.location.hash = hash;
  return render(App);
};
const key = (k: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key: k, ...init });
/** Once it has been answered. */
async function grid(): Promise<HTMLElement> {
  const found = await screen.findByRole("grid", { name: "Events" });
  await waitFor(() => expect(found.getAttribute("aria-busy")).toBe("false"));
  return found;
}
const params = () => host.asked.findLast(({ name }) => name === "journal.page")?.params;

async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  [said, newer] = [[], 0];
  host = answering(mockHost({ every: 30 }));
  useHost(host);
  forgetCheck(environment());
  document.documentElement.lang = "en";
});
afterEach(() => {
  closeEmergency();
  toasts().forEach((toast) => dismiss(toast.id));
});

test("a row's event stands beside it, whole; Esc closes it; nothing offends axe", async () => {
  at("#/journal");
  await within(await grid()).findByText("130");
  await key("j");
  const event = await screen.findByRole("group", { name: "The selected event" });
  expect(within(event).getByText("engine@bridge-7")).toBeTruthy();
  expect(
    within(event)
      .getByRole("link", { name: /service checkout/ })
      .getAttribute("href"),
  ).toBe("#/services/checkout");
  const payload = within(event).getByRole("region", { name: "Payload as JSON" });
  expect(JSON.parse(payload.textContent ?? "")).toMatchObject({ event: "verdict-changed" });
  expect(await violations()).toEqual([]);
  await key("Escape");
  await waitFor(() => expect(screen.queryByRole("group", { name: "The selected event" })).toBeNull());
}, 30_000);

test("filters are asked of the backend and kept in the address; All takes them away", async () => {
  at("#/journal?service=search");
  await grid();
  expect(params()).toMatchObject({ service: "search" });
  await fireEvent.change(screen.getByLabelText("Kind"), { target: { value: "rollout.promoted" } });
  await waitFor(() => expect(params()).toMatchObject({ service: "search", kind: "rollout.promoted" }));
  await fireEvent.input(screen.getByLabelText(/^By whom/), { target: { value: "ana" } });
  await waitFor(() => expect(params()).toMatchObject({ actor: "ana" }));
  expect(window.location.hash).toBe("#/journal?service=search&kind=rollout.promoted&actor=ana");
  await fireEvent.click(screen.getByRole("button", { name: "All" }));
  await waitFor(() => expect(params()).not.toHaveProperty("service"));
  expect(window.location.hash).toBe("#/journal");
  expect(document.activeElement).toBe(await grid());
  // Another service is another list: what is chosen with stays, and so does the focus.
  const service = screen.getByRole("combobox", { name: "Service" });
  service.focus();
  await waitFor(() => expect(within(service).getByText("profile")).toBeTruthy());
  await fireEvent.change(service, { target: { value: "profile" } });
  await waitFor(() => expect(params()).toMatchObject({ service: "profile" }));
  expect(document.activeElement).toBe(service);
});

test("a time that is none is said and not asked", async () => {
  at("#/journal");
  await grid();
  await fireEvent.change(screen.getByLabelText("Time"), { target: { value: "between" } });
  const from = await screen.findByLabelText("From, UTC");
  await fireEvent.change(from, { target: { value: "soon" } });
  expect(await screen.findByText(/no time/)).toBeTruthy();
  expect(params()).not.toHaveProperty("since");
  await fireEvent.change(from, { target: { value: "2026-11-20 14:32" } });
  await waitFor(() => expect(params()).toMatchObject({ since: "2026-11-20T14:32:00.000Z" }));
});

test("scrolled away the rows stay and what is new is counted; one key leads to it", async () => {
  at("#/journal");
  const table = await grid();
  await within(table).findByText("130");
  table.scrollTop = 40 * 28;
  await fireEvent.scroll(table);
  const row = () => [...table.querySelectorAll("[aria-rowindex='52']")].at(0)?.textContent;
  await waitFor(() => expect(row()).toContain("80"));
  newer = 3;
  const button = await screen.findByRole("button", { name: /3\Wnew events/ });
  expect(row()).toContain("80");
  await fireEvent.click(button);
  expect(table.scrollTop).toBe(0);
  // jsdom says nothing of a scroll position that was set.
  await fireEvent.scroll(table);
  await waitFor(() => expect(within(table).getByText("new event 3")).toBeTruthy());
  // At the top what comes is shown at once.
  newer = 4;
  expect(await within(table).findByText("new event 4")).toBeTruthy();
});

describe("the chain", () => {
  test("is verified when asked, and what was found stays with its time", async () => {
    at("#/journal");
    await grid();
    expect(screen.getByText(/not verified/)).toBeTruthy();
    await key("v");
    expect(await screen.findByText(/chain sound/)).toBeTruthy();
    expect(screen.getByText(/verified/).textContent).toContain("just now");
    window.location.hash = "#/bridge";
    window.dispatchEvent(new HashChangeEvent("hashchange"));
    await waitFor(() => expect(screen.queryByRole("grid", { name: "Events" })).toBeNull());
    window.location.hash = "#/journal";
    window.dispatchEvent(new HashChangeEvent("hashchange"));
    expect(await screen.findByText(/chain sound/)).toBeTruthy();
  });

  test("a journal that cannot be used says that rollback works, and can be set aside", async () => {
    host.trouble.fail["journal.page"] = { code: "journal.corrupt", message: "event 84 is damaged" };
    at("#/journal");
    expect(await screen.findByText(/Rolling back works all the same/)).toBeTruthy();
    expect(await violations()).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "Set it aside…" }));
    const dialog = await screen.findByRole("dialog", { name: "Set the journal aside" });
    expect(dialog.textContent?.replace(/\s+/g, " ")).toContain("Nothing is deleted");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Set it aside" }));
    expect(await screen.findByText("/data/journal.corrupt-1.db")).toBeTruthy();
    expect(said).toEqual([{ name: "journal.set-aside", params: {} }]);
  }, 30_000);

  test("one that only the note outside contradicts can be trusted, with what that means", async () => {
    host.trouble.fail["journal.page"] = { code: "journal.unanchored", message: "an anchor knows another" };
    at("#/journal");
    await fireEvent.click(await screen.findByRole("button", { name: "Trust it as it stands…" }));
    const dialog = await screen.findByRole("dialog", { name: "Trust the journal as it stands" });
    const words = dialog.textContent?.replace(/\s+/g, " ");
    expect(words).toContain("does not agree with the note that is kept outside of it");
    expect(words).toContain("you vouch for it");
    expect(await violations()).toEqual([]);
    expect(said).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Trust it" }));
    const told = await screen.findByText(/goes on as it stands \(event 130 is another\)/);
    await waitFor(() => expect(document.activeElement).toBe(told));
    expect(said).toEqual([{ name: "journal.set-aside", params: { trust: true } }]);
  }, 30_000);

  test("what is broken in itself is not offered to be trusted; a refusal is shown and nothing is lost", async () => {
    host.trouble.fail["journal.page"] = { code: "journal.corrupt", message: "event 84 is damaged" };
    const first = at("#/journal");
    await screen.findByRole("button", { name: "Set it aside…" });
    expect(screen.queryByRole("button", { name: "Trust it as it stands…" })).toBeNull();
    first.unmount();
    host.trouble.fail = {
      "journal.verify": { code: "journal.corrupt", message: "the anchor cannot be read" },
      "journal.set-aside": { code: "journal.refused", message: "the journal is broken in itself" },
    };
    at("#/journal");
    await grid();
    await key("v");
    await fireEvent.click(await screen.findByRole("button", { name: "Trust it as it stands…" }));
    const dialog = await screen.findByRole("dialog");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Trust it" }));
    expect((await within(dialog).findByRole("alert")).textContent).toContain("broken in itself");
    expect(screen.queryByText(/goes on as it stands/)).toBeNull();
  });

  test("who may vouch for what", () => {
    const problem = (code: string) => ({ code, message: "" });
    const found = { events: 9, redacted: 0, head: 9, head_hash: "a", findings: [] };
    const checked = (sound: boolean, anchored: boolean) => ({
      since: 0,
      at: 1,
      problem: null,
      found: { ...found, sound, anchored },
    });
    expect(distrust(null, null)).toMatch(/in doubt/);
    expect(distrust(null, checked(true, true))).toMatch(/in doubt/);
    expect(distrust(problem("journal.busy"), null)).toMatch(/in doubt/);
    expect(distrust(problem("journal.missing"), null)).toMatch(/no journal/);
    expect(distrust(problem("journal.corrupt"), null)).toMatch(/broken/);
    expect(distrust(null, checked(false, false))).toMatch(/broken/);
    expect(distrust(null, checked(false, true))).toBeNull();
    expect(distrust(problem("journal.unanchored"), null)).toBeNull();
  });

  test("one that is only busy cannot be", async () => {
    host.trouble.fail["journal.page"] = { code: "journal.busy", message: "somebody holds it" };
    at("#/journal");
    const button = await screen.findByRole("button", { name: "Set it aside…" });
    expect(button.getAttribute("aria-disabled")).toBe("true");
    expect(screen.getByText("only a damaged journal is set aside")).toBeTruthy();
  });
});

test("an export needs a whole path, and its last hash is shown to be noted", async () => {
  at("#/journal");
  await grid();
  await fireEvent.click(screen.getByRole("button", { name: "Export…" }));
  const dialog = await screen.findByRole("dialog", { name: "Export the journal" });
  const to = within(dialog).getByLabelText("To");
  await fireEvent.input(to, { target: { value: "events.jsonl" } });
  await fireEvent.click(within(dialog).getByRole("button", { name: "Export" }));
  expect(said).toEqual([]);
  await fireEvent.input(to, { target: { value: " /tmp/events.jsonl " } });
  await fireEvent.click(within(dialog).getByRole("button", { name: "Export" }));
  expect(await within(dialog).findByText("abc123")).toBeTruthy();
  expect(said).toEqual([{ name: "journal.export", params: { to: "/tmp/events.jsonl" } }]);
});
