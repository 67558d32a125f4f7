import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closeEmergency } from "@/emergency/emergency.svelte";
import type { Reversible, RollBack, RolloutView } from "@/host";
import { useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import {
  backOf,
  puttingBack,
  recordings,
  recordingsWith,
  REVERSIBLE,
  viewOf,
  withTasks,
} from "./fixtures/tasks";

// jsdom paints nothing.
vi.mock("uplot", async () => await import("./no-plot"));

const list = recordings.find((r) => r.request === "rollback.list")?.answer as Reversible[];
const FOLLOWS = "the ways back of feature-seed, migrate-0041 follow";

let host: MockHost;
let asked: RollBack[];
const key = (k: string, init: KeyboardEventInit = {}, on: Element | null = document.activeElement) =>
  fireEvent.keyDown(on ?? document.body, { key: k, ...init });
const plain = (words: string | null | undefined) => (words ?? "").replaceAll(/\s+/g, " ").trim();

function use(over: Partial<Reversible>, view: RolloutView = withTasks(), every = 60_000): void {
  host = mockHost({ every, recordings: recordingsWith(view, { list: over }) });
  asked = [];
  host.rollBack = async (params) => {
    asked.push(params);
    const one = list.find(({ service }) => service === params.service) as Reversible;
    return backOf(one, params.kind ? FOLLOWS : null);
  };
  useHost(host);
}
async function open(): Promise<HTMLElement> {
  window.location.hash = "#/bridge";
  render(App);
  await screen.findByRole("grid", { name: "Services" });
  await key("R", { ctrlKey: true, shiftKey: true, code: "KeyR" });
  const dialog = await screen.findByRole("dialog", { name: "Roll back" });
  await within(dialog).findByText(/blue 0, green 100/);
  return dialog;
}
async function type(dialog: HTMLElement, words: string): Promise<void> {
  const field = within(dialog).getByLabelText(/then Enter/);
  await fireEvent.input(field, { target: { value: words } });
  await key("Enter", {}, field);
}
const radio = (dialog: HTMLElement, name: string) =>
  within(dialog).getByRole<HTMLInputElement>("radio", { name });
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  document.documentElement.lang = "en";
});
afterEach(() => {
  closeEmergency();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("how much is taken back", () => {
  test("is not asked where there is nothing but traffic, and not sent", async () => {
    use({}, viewOf());
    const dialog = await open();
    expect(within(dialog).queryByRole("radio")).toBeNull();
    await type(dialog, "checkout");
    await waitFor(() => expect(asked).toHaveLength(1));
    expect(asked[0]).not.toHaveProperty("kind");
    expect(screen.queryByRole("list", { name: /taken back after traffic/ })).toBeNull();
  });

  test("quick by default, each with what it does; a number chooses, but not where one types", async () => {
    use({ ...REVERSIBLE, full_advised: null });
    const dialog = await open();
    expect(radio(dialog, "Quick").checked).toBe(true);
    expect(within(dialog).queryByText(/Quick is not enough/)).toBeNull();
    expect(
      within(dialog).getByText(
        /^Traffic to v2, then the way back of feature-seed, then the way back of migrate-0041, then/,
      ),
    ).toBeTruthy();
    const field = within(dialog).getByLabelText(/then Enter/);
    await key("2", {}, field);
    expect(radio(dialog, "Quick").checked).toBe(true);
    await key("2");
    expect(radio(dialog, "Full").checked).toBe(true);
    expect(await violations()).toEqual([]);
    await type(dialog, "checkout");
    await waitFor(() => expect(asked[0]).toMatchObject({ service: "checkout", kind: "full" }));
  }, 30_000);

  test("full is selected where it is advised, and quick is one key away", async () => {
    use(REVERSIBLE);
    const dialog = await open();
    expect(within(dialog).getByText(/Quick is not enough: v2 does not run on the schema/)).toBeTruthy();
    expect(radio(dialog, "Full").checked).toBe(true);
    expect(plain(document.activeElement?.textContent)).toMatch(/Hold to roll back checkout/);
    await key("1");
    expect(radio(dialog, "Quick").checked).toBe(true);
    await type(dialog, "checkout");
    await waitFor(() => expect(asked).toHaveLength(1));
    expect(asked[0]).not.toHaveProperty("kind");
  });

  test("what comes later changes nothing that is selected", async () => {
    const view = withTasks();
    const rows = recordingsWith(view, { list: { ...REVERSIBLE, full_advised: null } });
    use(REVERSIBLE, view);
    host = mockHost({ every: 20, recordings: rows });
    useHost(host);
    const dialog = await open();
    expect(radio(dialog, "Quick").checked).toBe(true);
    const found = rows.find((r) => r.request === "rollback.list");
    if (found) found.answer = (found.answer as Reversible[]).map((row) => ({ ...row, ...REVERSIBLE }));
    await within(dialog).findByText(/Quick is not enough/);
    expect(radio(dialog, "Quick").checked).toBe(true);
  });

  test("of several that are chosen each has its own", async () => {
    use(REVERSIBLE);
    const rows = recordingsWith(withTasks(), { list: REVERSIBLE });
    const found = rows.find((r) => r.request === "rollback.list");
    const ways = { ways_back: ["seed"], preserves: false, full_advised: null };
    if (found)
      found.answer = (found.answer as Reversible[]).map((row) =>
        row.service === "profile" ? { ...row, ...ways } : row,
      );
    const { rollBack } = host;
    host = mockHost({ every: 60_000, recordings: rows });
    host.rollBack = rollBack;
    useHost(host);
    const dialog = await open();
    await fireEvent.click(within(dialog).getByRole("checkbox", { name: /profile/ }));
    const checkout = within(dialog).getByRole("group", { name: "How much of checkout is taken back" });
    const profile = within(dialog).getByRole("group", { name: "How much of profile is taken back" });
    expect(within(checkout).getAllByRole("radio")).toHaveLength(3);
    expect(within(profile).getAllByRole("radio")).toHaveLength(2);
    await type(dialog, "all");
    await waitFor(() => expect(asked).toHaveLength(2));
    expect(asked.map(({ service, kind }) => [service, kind])).toEqual([
      ["checkout", "full"],
      ["profile", undefined],
    ]);
  });
});

test("after the counter: what follows, and the ways back as they run", async () => {
  use(REVERSIBLE, puttingBack());
  const dialog = await open();
  await type(dialog, "checkout");
  await within(dialog).findByText(/^The ways back of feature-seed, migrate-0041 follow\.$/);
  const ways = within(dialog).getByRole("list", { name: "What is taken back after traffic" });
  await waitFor(() =>
    expect(
      within(ways)
        .getAllByRole("listitem")
        .map((row) => plain(row.textContent)),
    ).toEqual([
      "way back of feature-seed passed 2 s",
      expect.stringMatching(/^way back of migrate-0041 running for \d+ s$/),
      "check-schema waiting",
    ]),
  );
  expect(await violations()).toEqual([]);
}, 30_000);

test("what cannot be watched goes on all the same, and that is said", async () => {
  use(REVERSIBLE, puttingBack());
  const dialog = await open();
  host.trouble.fail["rollouts.show"] = { code: "journal.broken", message: "the chain is broken" };
  await type(dialog, "checkout");
  await within(dialog).findByText(/the chain is broken\. It goes on all the same\./);
});
