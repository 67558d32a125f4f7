import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isLost, told, UNTOLD } from "@/emergency/take-back.svelte";
import { closeEmergency } from "@/emergency/emergency.svelte";
import type { Preview, Problem, Progress, Reversible, RollBack, RollBackAnswer } from "@/host";
import { useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import recorded from "@/host/recorded/recorded.json";
import { help } from "@/shell/help.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import { HOLD_MS } from "@/parts/hold";
import App from "@/shell/App.svelte";

// jsdom paints nothing.
vi.mock("uplot", async () => await import("./no-plot"));

const recordings = recorded as Recording[];
const list = recordings.find((r) => r.request === "rollback.list")?.answer as Reversible[];
const preview = list[0]?.preview as Preview;
const [TOP = ""] = list.map((one) => one.service);

let host: MockHost;
let asked: RollBack[];
const key = (k: string, init: KeyboardEventInit = {}, on: Element | null = document.activeElement) =>
  fireEvent.keyDown(on ?? document.body, { key: k, ...init });
const emergencyKey = () => key("R", { ctrlKey: true, shiftKey: true, code: "KeyR" });

function answered({ service, event_id }: RollBack): RollBackAnswer {
  const one = list.find((other) => other.service === service) as Reversible;
  return {
    report: {
      service,
      record: {
        event_id: event_id ?? "",
        actor: { kind: "person", id: "ana@bridge-7", identity: "operating-system" },
        at: new Date().toISOString(),
        reason: "rolled back by hand",
        rollout: one.rollout,
        from: one.weights,
        to: one.preview?.to ?? one.weights,
        slot: one.preview?.slot ?? "blue",
        epoch: 3,
      },
      acknowledged_us: 8900,
      platform_us: 310,
      last_response_after_ms: 38,
      verified: true,
      retired: true,
      warnings: [],
    },
    recorded: "journal",
    follows: null,
  };
}
/** What the node does: tells these steps, then answers or throws. */
function play(steps: Progress[], end: (params: RollBack) => RollBackAnswer | Promise<RollBackAnswer>): void {
  host.rollBack = async (params, progress) => {
    asked.push(params);
    steps.forEach(progress);
    return end(params);
  };
}
async function open(): Promise<HTMLElement> {
  render(App);
  await screen.findByRole("grid", { name: "Services" });
  await emergencyKey();
  return screen.findByRole("dialog", { name: "Roll back" });
}
async function type(dialog: HTMLElement, words: string): Promise<void> {
  const field = within(dialog).getByLabelText(/then Enter/);
  await fireEvent.input(field, { target: { value: words } });
  await key("Enter", {}, field);
}
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  document.documentElement.lang = "en";
  host = mockHost({ every: 60_000, recordings });
  asked = [];
  play([], answered);
  useHost(host);
});
afterEach(() => {
  closeEmergency();
  help.open = false;
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("opening", () => {
  test("while one types, and over another dialog; the focus goes back", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Services" });
    const filter = screen.getByPlaceholderText("filter");
    filter.focus();
    await emergencyKey();
    await screen.findByRole("dialog", { name: "Roll back" });
    closeEmergency();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(document.activeElement).toBe(filter);
    await key("?", {}, document.body);
    await emergencyKey();
    await waitFor(() => expect(screen.getAllByRole("dialog")).toHaveLength(2));
  });

  test("the obvious one is chosen, and what will be written stands there", async () => {
    const dialog = await open();
    await within(dialog).findByText(/blue 0, green 100/);
    const boxes = within(dialog).getAllByRole<HTMLInputElement>("checkbox");
    expect(boxes.map((box) => box.checked)).toEqual([true, false, false]);
    expect(within(dialog).getByText(/blue 1, green 99/)).toBeTruthy();
    expect(within(dialog).getByText(/2 of\s+2\s+ready/)).toBeTruthy();
    // The list has rehearsed it already.
    expect(host.asked.some(({ name }) => name === "rollback.preview")).toBe(false);
  });

  test("what comes later changes nothing under the hand", async () => {
    host = mockHost({ every: 30, recordings });
    useHost(host);
    const dialog = await open();
    const box = await within(dialog).findByRole<HTMLInputElement>("checkbox", { name: new RegExp(TOP) });
    await waitFor(() => expect(box.checked).toBe(true));
    await fireEvent.click(box);
    await new Promise((done) => setTimeout(done, 150));
    expect(box.checked).toBe(false);
  });

  test("R on a rollout chooses that one", async () => {
    window.location.hash = "#/rollouts/profile";
    render(App);
    await screen.findByRole("heading", { name: "profile" });
    await key("R", {}, document.body);
    const dialog = await screen.findByRole("dialog", { name: "Roll back" });
    const box = await within(dialog).findByRole<HTMLInputElement>("checkbox", { name: /profile/ });
    await waitFor(() => expect(box.checked).toBe(true));
    expect(
      within(dialog)
        .getAllByRole<HTMLInputElement>("checkbox")
        .filter((b) => b.checked),
    ).toHaveLength(1);
  });

  test("nothing to take back says so and why, and offends nothing", async () => {
    const none = recordings.map((r) => (r.request === "rollback.list" ? { ...r, answer: [] } : r));
    host = mockHost({ every: 60_000, recordings: none });
    useHost(host);
    const dialog = await open();
    expect(await within(dialog).findByText("Nothing can be taken back now.")).toBeTruthy();
    expect(within(dialog).getByText(/No release is on its way/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  }, 30_000);
});

describe("taking back", () => {
  test("holding fires, not before its time; the report says what was written and where it is recorded", async () => {
    play(
      [{ progress: "shifted", record: answered({ service: TOP }).report.record, after_us: 8900 }],
      answered,
    );
    const dialog = await open();
    const hold = await within(dialog).findByRole("button", { name: new RegExp(`Hold to roll back ${TOP}`) });
    await fireEvent.pointerDown(hold, { button: 0 });
    expect(asked).toEqual([]);
    await waitFor(() => expect(asked).toHaveLength(1), { timeout: HOLD_MS * 6 });
    expect(asked[0]).toMatchObject({ service: TOP, now: false });
    expect(await within(dialog).findByText("in the journal", { exact: false })).toBeTruthy();
    expect(within(dialog).getByText("8.9 ms", { exact: false })).toBeTruthy();
    expect(within(dialog).getByText(/blue 1, green 99\s+→\s+blue 0, green 100/)).toBeTruthy();
    expect(within(dialog).getByText(/38 ms after the write/)).toBeTruthy();
    expect(document.activeElement).toBe(within(dialog).getByText("Close", { selector: ".close button" }));
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("fired with Enter: the focus stays in the report, on Close once the key is up, then where it was", async () => {
    play([], answered);
    render(App);
    await screen.findByRole("grid", { name: "Services" });
    const filter = screen.getByPlaceholderText("filter");
    filter.focus();
    await emergencyKey();
    const dialog = await screen.findByRole("dialog", { name: "Roll back" });
    const hold = await within(dialog).findByRole("button", { name: new RegExp(`Hold to roll back ${TOP}`) });
    hold.focus();
    await key("Enter");
    await waitFor(() => expect(asked).toHaveLength(1), { timeout: HOLD_MS * 6 });
    await within(dialog).findByText("in the journal", { exact: false });
    // Still held: on nothing that it would press.
    expect(document.activeElement).toBe(within(dialog).getByRole("group", { name: "What was done" }));
    await key("Enter", { repeat: true });
    expect(screen.queryByRole("dialog")).not.toBeNull();
    await fireEvent.keyUp(document.activeElement as Element, { key: "Enter" });
    const close = within(dialog).getByText("Close", { selector: ".close button" });
    await waitFor(() => expect(document.activeElement).toBe(close));
    await fireEvent.click(close);
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(document.activeElement).toBe(filter);
  }, 30_000);

  test("what opened it has gone meanwhile: the view has the focus, not the page", async () => {
    render(App);
    await screen.findByRole("grid", { name: "Services" });
    const gone = document.body.appendChild(document.createElement("button"));
    gone.focus();
    await emergencyKey();
    await screen.findByRole("dialog", { name: "Roll back" });
    gone.remove();
    closeEmergency();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(document.activeElement).toBe(document.getElementById("main"));
  });

  test("typing the name fires; another name does not", async () => {
    const dialog = await open();
    await within(dialog).findByText(/blue 0, green 100/);
    await type(dialog, TOP.slice(0, -1));
    expect(within(dialog).getByText(`Type ${TOP} to take it back`)).toBeTruthy();
    expect(asked).toEqual([]);
    await type(dialog, TOP);
    await waitFor(() => expect(asked).toHaveLength(1));
  });

  test("several: the word all, their number is not enough; each has its own outcome", async () => {
    play([], (params) => {
      if (params.service === TOP) return answered(params);
      throw { code: "rollback.gave-up", message: "nothing became ready within 30 s" } satisfies Problem;
    });
    const dialog = await open();
    await within(dialog).findByText(/blue 0, green 100/);
    await fireEvent.click(within(dialog).getByRole("checkbox", { name: /profile/ }));
    await within(dialog).findByText(/2 writes at once/);
    await type(dialog, "2");
    await type(dialog, TOP);
    expect(asked).toEqual([]);
    await type(dialog, "all");
    await waitFor(() => expect(asked.map(({ service }) => service)).toEqual([TOP, "profile"]));
    expect(new Set(asked.map((params) => params.event_id)).size).toBe(2);
    expect(await within(dialog).findByText("profile: traffic was not moved")).toBeTruthy();
    expect(within(dialog).getByText(/traffic is back in/)).toBeTruthy();
  });

  test("a lost answer is tried again as the same event", async () => {
    let lost = true;
    play([], (params) => {
      if (lost) throw new Error("the channel closed");
      return answered(params);
    });
    const dialog = await open();
    await within(dialog).findByText(/blue 0, green 100/);
    await type(dialog, TOP);
    expect(await within(dialog).findByText(/not known whether traffic moved/)).toBeTruthy();
    expect(within(dialog).getByText(/it is the same event, done once/)).toBeTruthy();
    lost = false;
    await type(dialog, TOP);
    expect(await within(dialog).findByText(/traffic is back in/)).toBeTruthy();
    expect(asked).toHaveLength(2);
    expect(asked[0]?.event_id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(asked[1]?.event_id).toBe(asked[0]?.event_id);
  });

  test("while it runs it says what it does; once traffic is back the backend's own measure stands", async () => {
    let tell: (step: Progress) => void = () => undefined;
    host.rollBack = (params, progress) => {
      asked.push(params);
      tell = progress;
      return new Promise(() => undefined);
    };
    const dialog = await open();
    await within(dialog).findByText(/blue 0, green 100/);
    await type(dialog, TOP);
    await within(dialog).findByText(/traffic is being taken back/);
    tell({ progress: "reaching", why: "connection refused" });
    await within(dialog).findByText(/the node does not answer, it is being started/);
    tell({ progress: "waiting-for-ready", slot: "green" });
    await within(dialog).findByText(/nothing is ready in green yet/);
    tell({ progress: "shifted", record: answered({ service: TOP }).report.record, after_us: 8900 });
    await within(dialog).findByText("8.9 ms");
    tell({ progress: "draining", in_flight: 14 });
    await within(dialog).findByText(/14\s+answers of what was taken back/);
    tell({ progress: "retired", slot: "blue" });
    await within(dialog).findByText(/What stood in blue is stopped/);
  });

  test("who has closed the dialog is told all the same", async () => {
    let end: (answer: RollBackAnswer) => void = () => undefined;
    play([], () => new Promise((done) => (end = done)));
    const dialog = await open();
    await within(dialog).findByText(/blue 0, green 100/);
    await type(dialog, TOP);
    closeEmergency();
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    end(answered(asked[0] as RollBack));
    await waitFor(() =>
      expect(
        toasts()
          .map(({ text }) => text)
          .join(),
      ).toContain(`${TOP}: traffic is back`),
    );
  });

  test("all that is rolling: a control of its own, held, with an outcome for each", async () => {
    const one = { service: TOP, back: answered({ service: TOP }), problem: null };
    const other = { service: "profile", back: null, problem: { code: "rollback.gave-up", message: "no" } };
    const ask = host.ask.bind(host);
    const sent: unknown[] = [];
    host.ask = (async (name: never, params: never) => {
      if (name !== "rollback.all") return ask(name, params);
      sent.push(params);
      return [one, other];
    }) as typeof host.ask;
    const dialog = await open();
    const hold = await within(dialog).findByRole("button", { name: /Hold to take back all that is rolling/ });
    expect(within(dialog).getByText(/All that is rolling: checkout, profile/)).toBeTruthy();
    await fireEvent.pointerDown(hold, { button: 0 });
    expect(sent).toEqual([]);
    await waitFor(() => expect(sent).toEqual([{}]), { timeout: HOLD_MS * 6 });
    expect(await within(dialog).findByText("profile: traffic was not moved")).toBeTruthy();
    expect(within(dialog).getByText(/traffic is back in/)).toBeTruthy();
    expect(asked).toEqual([]);
  });
});

describe("without what it would like to have", () => {
  test("no list: the name alone is enough, and the journal is not asked", async () => {
    host.trouble.fail["rollback.list"] = { code: "platform.unreachable", message: "no node" };
    host.trouble.fail["rollback.preview"] = { code: "platform.unreachable", message: "no node" };
    const dialog = await open();
    await within(dialog).findByText(/cannot be read: no node/);
    await type(dialog, "checkout");
    await waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["checkout"]));
    expect(await within(dialog).findByText(/traffic is back in/)).toBeTruthy();
  });

  test("no rehearsal: it says why and stands in nobody's way", async () => {
    const trouble = "the rehearsal got no answer within 2 s";
    const unrehearsed = recordings.map((r) =>
      r.request === "rollback.list"
        ? { ...r, answer: list.map((one) => ({ ...one, preview: null, trouble })) }
        : r,
    );
    host = mockHost({ every: 60_000, recordings: unrehearsed });
    play([], answered);
    useHost(host);
    const dialog = await open();
    expect(
      await within(dialog).findByText(/could not be rehearsed: the rehearsal got no answer/),
    ).toBeTruthy();
    const hold = within(dialog).getByRole("button", { name: /Hold to roll back checkout/ });
    expect(hold.getAttribute("aria-disabled")).toBe("false");
  });

  test("nothing ready there: one may say not to wait", async () => {
    const cold = { ...preview, ready: 0, obstacles: ["nothing is ready in green"] };
    const changed = recordings.map((r) =>
      r.request === "rollback.list"
        ? { ...r, answer: list.map((one, i) => (i === 0 ? { ...one, preview: cold } : one)) }
        : r,
    );
    host = mockHost({ every: 60_000, recordings: changed });
    play([], answered);
    useHost(host);
    const dialog = await open();
    await within(dialog).findByText(/nothing is ready in green/);
    await fireEvent.click(within(dialog).getByRole("checkbox", { name: /Do not wait/ }));
    await type(dialog, TOP);
    await waitFor(() => expect(asked[0]).toMatchObject({ now: true }));
  });
});

test("what was told is kept, and a refusal is no lost answer", () => {
  const steps: Progress[] = [
    { progress: "reaching", why: "no" },
    { progress: "waiting-for-ready", slot: "blue" },
    { progress: "scaling-up", slot: "blue", ready: 1, wanted: 2 },
    { progress: "warning", what: "one" },
    { progress: "warning", what: "two" },
  ];
  const after = steps.reduce(told, UNTOLD);
  expect(after).toMatchObject({ reaching: null, waiting: "blue", shifted: null, warnings: ["one", "two"] });
  expect(isLost({ code: "refused.nothing-to-take-back", message: "" })).toBe(false);
  expect(isLost({ code: "rollback.gave-up", message: "" })).toBe(false);
  expect(isLost({ code: "window.broken", message: "" })).toBe(true);
});
