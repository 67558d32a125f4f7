import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { closeEmergency, emergency } from "@/emergency/emergency.svelte";
import { type Frame, type LogLine, useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { drafts } from "@/views/services/drafts";

let host: MockHost;
/** What `services.check` finds; the rest comes from the recording. */
let mistakes: { line: number; column: number; path: string; message: string }[];
let said: { name: string; params: unknown }[];
let frames: ((frame: Frame<LogLine[]>) => void) | null;

/** Commands are not recorded: what they answer is of no matter here, only that they are sent. */
function answering(mock: MockHost): MockHost {
  const { ask, watch } = mock;
  const own = async (name: string, params: unknown): Promise<unknown> => {
    if (name === "services.check") return { mistakes };
    if (["services.define", "services.remove", "node.start", "node.stop"].includes(name)) {
      said.push({ name, params });
      const failing = mock.trouble.fail[name];
      if (failing) throw failing;
      return { done: "done", service: "checkout", pid: 7 };
    }
    return ask.call(mock, name as never, params as never);
  };
  return Object.assign(mock, {
    ask: own,
    watch: ((name, params, seen) => {
      if (name !== "services.logs") return watch.call(mock, name, params, seen);
      frames = seen as unknown as typeof frames;
      return () => (frames = null);
    }) as MockHost["watch"],
  });
}
const at = (hash: string) => {
  window.location.hash = hash;
  return render(App);
};
const key = (k: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key: k, ...init });
const last = (name: string) => said.findLast((s) => s.name === name)?.params;
const printed = (n: number, from = 0): LogLine[] =>
  Array.from({ length: n }, (_, i) => ({
    at: "2026-11-21T10:00:00.000Z",
    slot: i % 2 ? "green" : "blue",
    instance: `${i % 2 ? "green" : "blue"}-1`,
    text: `line ${from + i}`,
  }));

async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  [mistakes, said, frames] = [[], [], null];
  host = answering(mockHost({ every: 60_000 }));
  useHost(host);
  document.documentElement.lang = "en";
});
afterEach(() => {
  drafts.clear();
  closeEmergency();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("the list", () => {
  test("every service with its versions; Enter opens it", async () => {
    at("#/services");
    const grid = await screen.findByRole("grid", { name: "Services" });
    await within(grid).findByText("checkout");
    expect(
      within(grid)
        .getAllByRole("columnheader")
        .map((h) => h.textContent?.trim()),
    ).toContain("previous");
    await key("j");
    await fireEvent.keyDown(grid, { key: "Enter" });
    await waitFor(() => expect(window.location.hash).toBe("#/services/checkout"));
  });

  test("the node: what stopping it stops is named, and it is asked only then", async () => {
    at("#/services");
    await fireEvent.click(await screen.findByRole("button", { name: /^Stop…/ }));
    const dialog = await screen.findByRole("dialog", { name: "Stop the node" });
    expect(dialog.textContent).toContain("checkout, profile and search");
    expect(last("node.stop")).toBeUndefined();
    await fireEvent.click(within(dialog).getByRole("button", { name: "Stop it and 3\u00a0services" }));
    await waitFor(() => expect(last("node.stop")).toEqual({}));
  });

  test("a node that does not answer can be started; what is not known to be off cannot", async () => {
    host.trouble.fail["node.show"] = { code: "platform.unreachable", message: "no node listens" };
    at("#/services");
    expect(await screen.findByText(/No node answers/)).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: /^Start/ }));
    await waitFor(() => expect(last("node.start")).toEqual({}));
  });
});

describe("a service", () => {
  test("both slots with their instances, the way back with its write, and nothing offends axe", async () => {
    at("#/services/checkout");
    const blue = await screen.findByRole("region", { name: "blue" });
    const green = screen.getByRole("region", { name: "green" });
    expect(blue.textContent).toContain("candidate");
    expect(within(blue).getByText("v3")).toBeTruthy();
    expect(within(blue).getByText("1606")).toBeTruthy();
    expect(within(green).getByText("way back")).toBeTruthy();
    const way = screen.getByRole("region", { name: "Way back" });
    await waitFor(() => expect(way.textContent).toContain("green 99 → 100"));
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("R takes it back: the emergency control opens with it chosen", async () => {
    at("#/services/checkout");
    await screen.findByRole("region", { name: "blue" });
    await key("R", { shiftKey: true });
    expect(emergency).toMatchObject({ open: true, service: "checkout" });
  });

  test("one that is not there says so", async () => {
    host.trouble.fail["services.show"] = { code: "service.unknown", message: "no such service" };
    at("#/services/nothing");
    expect(await screen.findByText(/No service named “nothing”/)).toBeTruthy();
  });

  test("its rollouts: the newest opens the rollout, an older one its events", async () => {
    at("#/services/checkout?tab=rollouts");
    const grid = await screen.findByRole("grid", { name: /Rollouts/ });
    await within(grid).findAllByText("promoted");
    await key("j");
    await key("j");
    await fireEvent.keyDown(grid, { key: "Enter" });
    await waitFor(() => expect(window.location.hash).toMatch(/^#\/journal\?service=checkout&since=2/));
  });

  test("removing one that serves needs its name, and then forces", async () => {
    at("#/services/checkout");
    await screen.findByRole("region", { name: "blue" });
    await fireEvent.click(screen.getByRole("button", { name: "Remove…" }));
    const dialog = await screen.findByRole("dialog", { name: "Remove checkout" });
    const remove = within(dialog).getByRole("button", { name: "Remove it" });
    await fireEvent.click(remove);
    expect(last("services.remove")).toBeUndefined();
    await fireEvent.input(within(dialog).getByLabelText(/Its name/), { target: { value: "checkout" } });
    await fireEvent.click(remove);
    await waitFor(() => expect(last("services.remove")).toEqual({ service: "checkout", force: true }));
    await waitFor(() => expect(window.location.hash).toBe("#/services"));
  });
});

describe("the output", () => {
  const log = () => screen.findByRole("log");
  async function tell(frame: Frame<LogLine[]>): Promise<void> {
    frames?.(frame);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }

  test("of thousands of lines a screenful is drawn, at the end, and what was skipped is said", async () => {
    at("#/services/checkout");
    await waitFor(() => expect(frames).not.toBeNull());
    await tell({ kind: "answer", at: 1, answer: printed(4000) });
    const box = await log();
    expect(box.textContent).toContain("line 3999");
    expect(box.querySelectorAll(".line").length).toBeLessThan(80);
    await tell({ kind: "more", at: 2, answer: printed(10, 4000), skipped: 120 });
    expect(box.textContent).toContain("line 4009");
    expect(box.textContent).toContain("120\u00a0lines skipped");
  });

  test("scrolled up it stays where it is, and End follows again", async () => {
    at("#/services/checkout");
    await waitFor(() => expect(frames).not.toBeNull());
    await tell({ kind: "answer", at: 1, answer: printed(1000) });
    const box = await log();
    box.scrollTop = 600 * 18;
    await fireEvent.scroll(box);
    expect(box.textContent).toContain("line 600");
    await tell({ kind: "more", at: 2, answer: printed(4500, 1000) });
    // 500 lines went at the head: what is read is where it was on the screen.
    expect(box.scrollTop).toBe(100 * 18);
    const again = screen.getByRole("button", { name: /^End/ });
    await fireEvent.click(again);
    await waitFor(() => expect(box.textContent).toContain("line 5499"));
  });

  test("a filter hides lines in place and asks nothing", async () => {
    at("#/services/checkout");
    await waitFor(() => expect(frames).not.toBeNull());
    await tell({ kind: "answer", at: 1, answer: printed(300) });
    await log();
    const before = host.asked.length;
    await fireEvent.input(screen.getByPlaceholderText("filter"), { target: { value: "line 7" } });
    await waitFor(() => expect(document.querySelectorAll("[role=log] .line").length).toBe(11));
    expect(host.asked.length).toBe(before);
  });
});

describe("a definition", () => {
  const area = () => screen.findByLabelText<HTMLTextAreaElement>("Definition as YAML");

  test("mistakes stand beside it and lead to their place; nothing is saved with them", async () => {
    mistakes = [{ line: 2, column: 3, path: "listen", message: "this is no address" }];
    at("#/services/checkout?tab=definition");
    const text = await area();
    await fireEvent.input(text, { target: { value: `${text.value}novel: 1\n` } });
    await fireEvent.click(await screen.findByRole("button", { name: /2:3/ }));
    expect(text.selectionStart).toBe("service: checkout\n".length + 2);
    await key("s", { ctrlKey: true, code: "KeyS" });
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("what changes is shown, said when it counts, and then sent as written", async () => {
    at("#/services/checkout?tab=definition");
    const text = await area();
    const wanted = text.value.replace("instances: 2", "instances: 4");
    await fireEvent.input(text, { target: { value: wanted } });
    const lines = await screen.findByRole("region", { name: "Lines that change" });
    expect(lines.textContent).toContain("instances: 4");
    await screen.findByText("no mistakes");
    await key("s", { ctrlKey: true, code: "KeyS" });
    const dialog = await screen.findByRole("dialog", { name: "Change checkout" });
    expect(dialog.textContent).toContain("At once: instances.");
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Change it" }));
    await waitFor(() => expect(last("services.define")).toEqual({ yaml: wanted }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    // Until what stands has followed, the old text does not come back.
    expect(text.value).toBe(wanted);
  }, 30_000);

  test("what was written is there again after looking elsewhere; discarding brings back what stands", async () => {
    at("#/services/checkout?tab=definition");
    const stood = (await area()).value;
    await fireEvent.input(await area(), { target: { value: "service: other\n" } });
    await fireEvent.click(screen.getByRole("tab", { name: "Revisions" }));
    await waitFor(() => expect(screen.queryByLabelText("Definition as YAML")).toBeNull());
    await fireEvent.click(screen.getByRole("tab", { name: "Definition" }));
    const text = await area();
    expect(text.value).toBe("service: other\n");
    await fireEvent.click(screen.getByRole("button", { name: "Discard" }));
    await waitFor(() => expect(text.value).toBe(stood));
  });

  test("a new one does not take the place of one that stands", async () => {
    at("#/services?define");
    await area();
    await screen.findByText("no mistakes");
    await fireEvent.click(screen.getByRole("button", { name: /^Define…/ }));
    expect(await screen.findByText(/defined already/)).toBeTruthy();
    expect(last("services.define")).toBeUndefined();
  });
});
