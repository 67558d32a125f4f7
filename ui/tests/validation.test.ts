import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type StatusLine, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { closeStart } from "@/views/rollouts/start.svelte";
import { recordings } from "./fixtures/tasks";

// jsdom paints nothing.
vi.mock("uplot", async () => await import("./no-plot"));

const NOW = Date.UTC(2026, 10, 21, 18, 20);
let host: MockHost;
const plain = (of: Element | null | undefined) => (of?.textContent ?? "").replaceAll(/\s+/g, " ").trim();
const sent = (name: string) => host.asked.filter((one) => one.name === name).map(({ params }) => params);
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
function use(all = recordings): void {
  host = mockHost({ every: 60_000, recordings: all, strategies: true });
  useHost(host);
}
async function form(service: string, version: string): Promise<HTMLElement> {
  window.location.hash = `#/rollouts/${service}`;
  render(App);
  await screen.findByRole("region", { name: "Where it stands" });
  await fireEvent.keyDown(document.body, { key: "n" });
  const dialog = await screen.findByRole("dialog", { name: "Start a rollout" });
  await within(dialog).findByRole("option", { name: /^checked/ });
  await fireEvent.change(within(dialog).getByLabelText("Plan"), { target: { value: "checked" } });
  await fireEvent.input(within(dialog).getByLabelText(/Version/), { target: { value: version } });
  return dialog;
}
const panel = (dialog: HTMLElement) =>
  within(dialog).findByRole("region", { name: "Checks before it starts" });
const button = (of: HTMLElement, name: RegExp) => within(of).getByRole("button", { name });
const off = (of: HTMLElement) => of.getAttribute("aria-disabled") === "true";
const rows = (of: HTMLElement) => within(of).getAllByRole("listitem").map(plain);

beforeEach(() => {
  document.documentElement.lang = "en";
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  use();
});
afterEach(() => {
  vi.useRealTimers();
  closeStart();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("in the form", () => {
  test("checks are named before any is run, and nothing starts without them; nothing offends", async () => {
    const dialog = await form("basket", "v5");
    const checks = await panel(dialog);
    await within(checks).findByText("no secrets in the open");
    await within(checks).findByText(/v5 has not been checked by this plan/);
    expect(rows(within(checks).getByRole("list", { name: /checks of the plan/ }))).toEqual([
      "quality gates critical not done at most 4 min",
      "program critical not done at most 30 s",
      "no secrets in the open critical not done at most 5 s",
      "dependencies critical not done at most 5 s",
      "performance baseline not critical not done at most 10 s",
    ]);
    const start = button(dialog, /^Start/);
    await waitFor(() => expect(off(start)).toBe(true));
    expect(plain(dialog)).toContain("v5 has not been checked by this plan: run the checks");
    await fireEvent.click(start);
    expect(sent("rollouts.start")).toEqual([]);
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("they run, are seen on their way, and then it may start", async () => {
    const dialog = await form("basket", "v5");
    const checks = await panel(dialog);
    await fireEvent.click(button(checks, /^Run the checks$/));
    await within(checks).findByText("v5 is being checked");
    expect(sent("validation.run")).toEqual([{ service: "basket", version: "v5", plan: "checked" }]);
    expect(off(button(dialog, /^Start/))).toBe(true);
    later(3);
    await within(checks).findByText(/2 of 5\scheck/);
    later(9);
    await within(checks).findByText("v5 may go out, with warnings");
    expect(plain(checks)).toContain("performance baseline failed: no baseline of it is kept");
    await waitFor(() => expect(off(button(dialog, /^Start/))).toBe(false));
    expect(button(checks, /^Run the checks again$/)).toBeTruthy();
  }, 60_000);

  test("what failed says why and what it printed; a reason starts it all the same", async () => {
    const dialog = await form("basket", "v5-bad");
    const checks = await panel(dialog);
    await fireEvent.click(button(checks, /^Run the checks$/));
    await within(checks).findByText("v5-bad is being checked");
    later(20);
    await within(checks).findByText("v5-bad may not go out");
    const start = button(dialog, /^Start/);
    await waitFor(() => expect(off(start)).toBe(true));
    expect(plain(dialog)).toContain("v5-bad may not go out: quality gates failed: it ended with 2");
    const row = button(checks, /^quality gates/);
    expect(row.getAttribute("aria-expanded")).toBe("false");
    await fireEvent.click(row);
    expect(within(checks).getByLabelText("Last lines of quality gates").textContent).toContain("213 passed");
    await fireEvent.input(within(checks).getByLabelText(/^Reason/), { target: { value: "hotfix" } });
    const over = button(dialog, /^Override and start/);
    expect(off(over)).toBe(false);
    await fireEvent.click(over);
    await waitFor(() =>
      expect(sent("rollouts.start")).toEqual([
        { service: "basket", version: "v5-bad", plan: "checked", break_glass: "hotfix" },
      ]),
    );
  }, 60_000);

  test("they can be cancelled", async () => {
    const dialog = await form("basket", "v5");
    const checks = await panel(dialog);
    await fireEvent.click(button(checks, /^Run the checks$/));
    const cancel = await within(checks).findByRole("button", { name: "Cancel the checks" });
    expect(off(cancel)).toBe(true);
    await within(checks).findByText("v5 is being checked");
    await fireEvent.click(cancel);
    expect(await within(checks).findByText(/it was cancelled/)).toBeTruthy();
    expect(sent("validation.cancel")).toEqual([{ service: "basket" }]);
  }, 60_000);

  test("proof of another release is said; the backend's refusal holds until something changes", async () => {
    const dialog = await form("search", "v9");
    const checks = await panel(dialog);
    await within(checks).findByText(/were run for v2, not for v9/);
    const start = button(dialog, /^Start/);
    await waitFor(() => expect(off(start)).toBe(false));
    await fireEvent.click(start);
    expect(await within(dialog).findByText("refused.not-validated")).toBeTruthy();
    await waitFor(() => expect(off(button(dialog, /^Start/))).toBe(true));
    await fireEvent.input(within(dialog).getByLabelText(/Version/), { target: { value: "v2" } });
    await waitFor(() => expect(within(dialog).queryByText("refused.not-validated")).toBeNull());
    await within(checks).findByText(/^v2 may go out/);
    expect(off(button(dialog, /^Start/))).toBe(false);
  }, 60_000);

  test("a plan without checks shows none and is not held by any", async () => {
    const dialog = await form("basket", "v5");
    await panel(dialog);
    await fireEvent.change(within(dialog).getByLabelText("Plan"), { target: { value: "rolling" } });
    await waitFor(() => expect(within(dialog).queryByText("Checks before it starts")).toBeNull());
    await waitFor(() => expect(off(button(dialog, /^Start/))).toBe(false));
  }, 60_000);

  test("what cannot be read is said, and left to the backend", async () => {
    host.trouble.fail["validation.show"] = { code: "journal.locked", message: "it is being written" };
    const dialog = await form("basket", "v5");
    const checks = await panel(dialog);
    expect(await within(checks).findByText("it is being written")).toBeTruthy();
    await waitFor(() => expect(off(button(dialog, /^Start/))).toBe(false));
  }, 60_000);

  test("where nothing may be changed, nothing is run", async () => {
    use(
      recordings.map((r): Recording => {
        if (r.request !== "status") return r;
        const line = r.answer as StatusLine;
        return { ...r, answer: { ...line, environment: { ...line.environment, read_only: true } } };
      }),
    );
    const dialog = await form("basket", "v5");
    const run = button(await panel(dialog), /^Run the checks$/);
    await waitFor(() => expect(off(run)).toBe(true));
    await fireEvent.click(run);
    expect(sent("validation.run")).toEqual([]);
  }, 60_000);
});

describe("on the service's page", () => {
  const open = (service: string) => {
    window.location.hash = `#/services/${service}`;
    render(App);
  };

  test("h leads to the newest validation; nothing offends", async () => {
    open("checkout");
    await screen.findByRole("region", { name: "blue" });
    await fireEvent.keyDown(document.body, { key: "h" });
    const checks = await screen.findByRole("region", { name: /Checks before a rollout/ });
    await within(checks).findByText("v3-bad may not go out");
    expect(plain(checks)).toContain("release v3-bad plan checked");
    const list = within(checks).getByRole("list", { name: "Checks of v3-bad" });
    expect(rows(list)[0]).toMatch(/^quality gates critical failed it ended with 2 took 1 s at most 4 min$/);
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("one that runs is cancelled with x", async () => {
    open("checkout?tab=checks");
    await screen.findByText("v3-bad may not go out");
    const yaml = "plan: a\nvalidate: [security]\n";
    const ran = host.ask("validation.run", { service: "checkout", version: "v4", plan_yaml: yaml });
    await screen.findByText("v4 is being checked");
    await fireEvent.keyDown(document.body, { key: "x" });
    expect(await ran).toMatchObject({ standing: "cancelled" });
    await screen.findByText(/it was cancelled/);
  }, 60_000);

  test("none says what to do", async () => {
    open("basket?tab=checks");
    expect(await screen.findByText("No release of basket has been checked before a rollout.")).toBeTruthy();
  }, 60_000);

  test("what cannot be read is said", async () => {
    host.trouble.fail["validation.show"] = { code: "journal.locked", message: "it is being written" };
    open("checkout?tab=checks");
    expect(await screen.findByText("The newest validation could not be read")).toBeTruthy();
  }, 60_000);
});
