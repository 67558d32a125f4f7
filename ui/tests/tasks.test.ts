import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Begun, RolloutView } from "@/host";
import { useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import Begins from "@/views/rollouts/Begins.svelte";
import { outlineOf } from "@/views/rollouts/plan-outline";
import { keptOf } from "@/views/rollouts/task-output";
import {
  attemptsOf,
  doneBy,
  holder,
  kindsOf,
  leftBehind,
  notTakenBack,
  parted,
  timeOf,
  timeOfKind,
  type Undo,
  undoOf,
  wayBack,
} from "@/views/rollouts/tasks";
import { goingOn, question } from "@/views/rollouts/words";
import {
  AT,
  blueGreen,
  held,
  MIGRATION,
  named,
  PRINTED,
  puttingBack,
  recordingsWith,
  takenBack,
  withTasks,
} from "./fixtures/tasks";

// jsdom paints nothing.
vi.mock("uplot", async () => await import("./no-plot"));

let host: MockHost;
let sent: { name: string; params: unknown }[];
const key = (k: string) => fireEvent.keyDown(document.body, { key: k });
const plain = (words: string | null | undefined) => (words ?? "").replaceAll(/\s+/g, " ").trim();

function use(view: RolloutView, preview?: string): void {
  host = mockHost({ every: 60_000, recordings: recordingsWith(view, preview ? { preview } : {}) });
  sent = [];
  const ask = host.ask.bind(host);
  const COMMANDS = ["rollouts.abort", "rollouts.reject", "rollouts.promote", "rollouts.retry"];
  host.ask = (async (name: string, params: unknown) => {
    if (name === "rollback.tasks") sent.push({ name, params });
    if (!COMMANDS.includes(name)) return ask(name as never, params as never);
    sent.push({ name, params });
    return { done: "done", back: null };
  }) as typeof host.ask;
  useHost(host);
}
async function show(view: RolloutView, preview?: string): Promise<HTMLElement> {
  use(view, preview);
  window.location.hash = "#/rollouts/checkout";
  render(App);
  return screen.findByRole("list", { name: "Tasks of the plan" });
}
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  document.documentElement.lang = "en";
});
afterEach(() => toasts().forEach((toast) => dismiss(toast.id)));

describe("what the tasks say", () => {
  test("those of the plan stand apart from what a rollback runs", () => {
    const { out, back } = parted(withTasks().status.tasks);
    expect(out.map((t) => t.name)).toEqual([
      "dump",
      "migrate-0041",
      "smoke",
      "feature-seed",
      "synthetic checkout",
      "purge",
    ]);
    expect(back).toEqual([]);
    expect(parted(puttingBack().status.tasks).back.map((t) => [t.name, t.way, t.standing])).toEqual([
      ["feature-seed", "back", "passed"],
      ["migrate-0041", "back", "running"],
    ]);
  });

  test("the way back: what was begun and can be undone, the last first, export and import around it", () => {
    expect(wayBack(withTasks().status.tasks).map((t) => [t.name, t.standing])).toEqual([
      ["save orders", "waiting"],
      ["feature-seed", "waiting"],
      ["migrate-0041", "waiting"],
      ["bring orders in", "waiting"],
      ["check-schema", "waiting"],
    ]);
    const fresh = withTasks((status) => (named(status, "feature-seed").attempt = 0));
    expect(notTakenBack(fresh.status.tasks)).toEqual(["migrate-0041"]);
    expect(notTakenBack(puttingBack().status.tasks)).toEqual([]);
  });

  test("each kind says what it does, in its order, traffic first", () => {
    const undo = undoOf(withTasks().status);
    expect(kindsOf(undo)).toEqual(["quick", "full", "data-preserving"]);
    expect(doneBy("quick", undo)).toEqual(["traffic to v2"]);
    expect(doneBy("full", undo)).toEqual([
      "traffic to v2",
      "the way back of feature-seed",
      "the way back of migrate-0041",
      "verification (check-schema)",
    ]);
    expect(doneBy("data-preserving", undo, false)).toEqual([
      "export (save orders)",
      "the way back of feature-seed",
      "the way back of migrate-0041",
      "import (bring orders in)",
      "verification (check-schema)",
    ]);
    const unknown = { ...undo, exports: false, imports: false, verify: null };
    expect(kindsOf(unknown)).toEqual(["quick", "full"]);
    expect(doneBy("full", unknown).at(-1)).toBe("verification, if the plan has any");
    expect(kindsOf({ ...unknown, ways: [] })).toEqual([]);
  });

  test("how long a kind takes is said with where that is known from", () => {
    const times = (usual: string | null, timed: number): Undo => ({
      ...undoOf(withTasks().status),
      times: [{ kind: "full", tasks: 3, timed, usual, at_most: "10m" }],
    });
    expect(timeOfKind("quick", times("4s", 3))).toBeNull();
    expect(timeOfKind("data-preserving", times("4s", 3))).toBeNull();
    const said = (usual: string | null, timed: number) =>
      timeOfKind("full", times(usual, timed))?.replaceAll("\u202f", " ").replaceAll("\u00a0", " ");
    expect(said("4s", 3)).toBe("about 4 s, as it last took; 10 min at most");
    expect(said("4s", 2)).toBe("10 min at most; 2 of 3 tasks last took 4 s");
    expect(said(null, 0)).toBe("10 min at most: it has not been run yet");
  });

  test("what holds it, and what a release leaves behind", () => {
    expect(holder(held().status)?.name).toBe("migrate-0041");
    expect(holder(withTasks((s) => (named(s, "smoke").standing = "failed")).status)).toBeNull();
    expect(question(held().status)).toContain("go on without it");
    expect(leftBehind(takenBack().status)).toEqual(["feature-seed", "migrate-0041"]);
    expect(leftBehind(withTasks().status)).toEqual([]);
    expect(leftBehind({ ...takenBack().status, phase: "promoted" })).toEqual([]);
  });

  test("time and attempts", () => {
    const { status } = withTasks();
    expect(plain(timeOf(named(status, "smoke"), Date.parse(AT)))).toBe("for 13 s");
    expect(plain(timeOf(named(status, "migrate-0041"), 0))).toBe("811 ms");
    expect(timeOf(named(status, "purge"), 0)).toBe("");
    expect(attemptsOf(named(status, "migrate-0041"))).toBe("attempt 2 of 3");
    expect(attemptsOf(named(status, "synthetic checkout"))).toBeNull();
    expect(plain(keptOf(PRINTED))).toBe("the last 36 of 40 960 bytes kept");
    expect(plain(keptOf({ text: "é", bytes: 2, running: false }))).toBe("2 bytes");
  });

  test("a preview serves nobody yet, and a task at the end is said", () => {
    expect(goingOn(blueGreen().status)).toContain("answers none of its users yet");
    const { status } = withTasks((s) => {
      s.step = s.steps.length;
      named(s, "purge").standing = "running";
    });
    expect(goingOn(status)).toContain("purge is run before it counts as promoted");
  });
});

describe("the panel", () => {
  test("a row a task in the plan's order; nothing offends", async () => {
    const list = await show(withTasks());
    const rows = within(list).getAllByRole("listitem");
    expect(rows.map((row) => plain(row.textContent))).toEqual([
      expect.stringMatching(/^dump 4 s before passed · backup/),
      expect.stringMatching(/^migrate-0041 811 ms before passed · migration · attempt 2 of 3/),
      expect.stringMatching(/^smoke for \d+ s at 1 % running · smoke test/),
      expect.stringMatching(/^feature-seed 30 s at 1 % warning · not critical ?exit code 3/),
      expect.stringMatching(/^synthetic checkout 1 s every 30s passed · synthetic test/),
      expect.stringMatching(/^purge after waiting · cache purge/),
    ]);
    expect(screen.getByText(/Quick is not enough to roll back: v2 does not run/)).toBeTruthy();
    await fireEvent.click(within(list).getByRole("button", { name: /migrate-0041/ }));
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("none of it where a plan has no tasks", async () => {
    use(withTasks((status) => (status.tasks = [])));
    window.location.hash = "#/rollouts/checkout";
    render(App);
    await screen.findByRole("list", { name: "Steps" });
    expect(screen.queryByRole("region", { name: "Tasks" })).toBeNull();
  });

  test("a row opens to what is run and its last lines, then to all of it as it comes", async () => {
    const list = await show(withTasks());
    const row = within(list).getByRole("button", { name: /migrate-0041/ });
    await fireEvent.click(row);
    expect(row.getAttribute("aria-expanded")).toBe("true");
    expect(within(list).getByText("bin/migrate up 0041")).toBeTruthy();
    expect(within(list).getByText(/the version before does not run on it/)).toBeTruthy();
    expect(within(list).getByLabelText("Last lines of migrate-0041").textContent).toContain("add column");
    await fireEvent.click(within(list).getByRole("button", { name: "Whole output of migrate-0041" }));
    const dialog = await screen.findByRole("dialog", { name: "Output of migrate-0041" });
    const log = await within(dialog).findByRole("log");
    expect(log.textContent).toBe(PRINTED.text);
    expect(host.asked.findLast(({ name }) => name === "rollouts.output")?.params).toEqual({
      service: "checkout",
      intent: MIGRATION,
    });
    expect(plain(dialog.textContent)).toContain("the last 36 of 40 960 bytes kept");
    const follow = within(dialog).getByRole("switch", { name: "Follow to the end" });
    expect(follow.getAttribute("aria-checked")).toBe("true");
    // Scrolled away from its end by hand, it stays there.
    Object.defineProperty(log, "scrollHeight", { configurable: true, value: 9000 });
    log.scrollTop = 10;
    await fireEvent.scroll(log);
    expect(follow.getAttribute("aria-checked")).toBe("false");
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(host.watching()).toBeGreaterThan(0);
  }, 30_000);

  test("ways back stand beneath their heading", async () => {
    await show(puttingBack());
    const back = screen.getByRole("list", { name: "Ways back of the tasks" });
    expect(
      within(back)
        .getAllByRole("listitem")
        .map((row) => plain(row.textContent)),
    ).toEqual([
      expect.stringMatching(/^way back of feature-seed 2 s passed/),
      expect.stringMatching(/^way back of migrate-0041 for \d+ s running/),
    ]);
    expect(screen.getByText(/what the tasks did is being taken back/)).toBeTruthy();
  });
});

describe("a task that holds the rollout", () => {
  test("is open, says what can be done, and is gone on without for a reason", async () => {
    const list = await show(held());
    expect(
      within(list)
        .getByRole("button", { name: /^migrate/ })
        .getAttribute("aria-expanded"),
    ).toBe("true");
    for (const name of [/^Retry/, /^Go on without it/, /^Give up/]) {
      expect(within(list).getByRole("button", { name }).getAttribute("aria-disabled")).toBe("false");
    }
    await key("P");
    const dialog = await screen.findByRole("dialog", { name: "Go on without migrate-0041" });
    const go = within(dialog).getByRole("button", { name: /^Go on without it/ });
    expect(go.getAttribute("aria-disabled")).toBe("true");
    await fireEvent.input(within(dialog).getByLabelText(/^Reason/), { target: { value: "done by hand" } });
    expect(await violations()).toEqual([]);
    await fireEvent.click(go);
    await waitFor(() =>
      expect(sent).toEqual([
        { name: "rollouts.promote", params: { service: "checkout", break_glass: "done by hand" } },
      ]),
    );
  }, 30_000);
});

describe("giving up", () => {
  test("says what each kind does; full is selected where quick is not enough, quick is a key away", async () => {
    await show(withTasks());
    await key("X");
    const dialog = await screen.findByRole("dialog", { name: /Give up/ });
    const radio = (name: string) => within(dialog).getByRole<HTMLInputElement>("radio", { name });
    expect(within(dialog).getByText(/Quick is not enough: v2 does not run/)).toBeTruthy();
    expect(radio("Full").checked).toBe(true);
    expect(document.activeElement).toBe(radio("Full"));
    expect(within(dialog).getByText(/^Traffic to v2; what the tasks did stays as it is\.$/)).toBeTruthy();
    expect(await violations()).toEqual([]);
    await fireEvent.keyDown(radio("Full"), { key: "1" });
    expect(radio("Quick").checked).toBe(true);
    await fireEvent.keyDown(radio("Quick"), { key: "3" });
    const note = within(dialog).getByLabelText("Why, for the journal");
    // A figure that is typed is a figure.
    await fireEvent.keyDown(note, { key: "1" });
    expect(radio("Keep the data").checked).toBe(true);
    await fireEvent.input(note, { target: { value: "no good" } });
    await fireEvent.click(within(dialog).getByRole("button", { name: "Give it up" }));
    await waitFor(() =>
      expect(sent).toEqual([
        {
          name: "rollouts.abort",
          params: { service: "checkout", note: "no good", kind: "data-preserving" },
        },
      ]),
    );
  }, 30_000);

  test("asks nothing where there is nothing to choose; quick goes unsaid", async () => {
    await show(
      withTasks((status) => {
        status.full_advised = null;
        status.tasks = status.tasks.filter((t) => t.name === "dump");
      }),
    );
    await key("X");
    const dialog = await screen.findByRole("dialog", { name: /Give up/ });
    expect(within(dialog).queryByRole("radio")).toBeNull();
    await fireEvent.click(within(dialog).getByRole("button", { name: "Give it up" }));
    await waitFor(() => expect(sent).toEqual([{ name: "rollouts.abort", params: { service: "checkout" } }]));
  });
});

describe("what was left behind", () => {
  test("can be taken back later, without touching traffic", async () => {
    await show(takenBack());
    expect(screen.getByText(/What feature-seed, migrate-0041 did still stands/)).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: /^Take back what its tasks did/ }));
    const dialog = await screen.findByRole("dialog", { name: "Take back what the tasks of v3 did" });
    expect(within(dialog).getAllByRole("radio")).toHaveLength(2);
    expect(within(dialog).queryByText(/Traffic to/)).toBeNull();
    expect(await violations()).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Take it back" }));
    await waitFor(() =>
      expect(sent).toEqual([{ name: "rollback.tasks", params: { service: "checkout", kind: "full" } }]),
    );
    // As in a plain browser: they run one after the other.
    const back = await screen.findByRole("list", { name: "Ways back of the tasks" });
    expect(plain(back.textContent)).toMatch(/way back of feature-seed.*running/);
  }, 30_000);

  test("nothing to take back, nothing offered", async () => {
    await show(withTasks());
    expect(screen.queryByRole("button", { name: /^Take back what its tasks did/ })).toBeNull();
    await key("b");
    expect(screen.queryByRole("dialog")).toBeNull();
  });
});

describe("blue-green", () => {
  test("two stations with their tasks between them, and the old one kept", async () => {
    await show(blueGreen(), "127.0.0.1:8081");
    const track = screen.getByRole("list", { name: "Steps" });
    const cells = [...track.children].map((cell) => plain(cell.textContent));
    expect(cells).toEqual([
      expect.stringMatching(/^preview 0 % judging/),
      "before the switch smoke feature-seed",
      expect.stringMatching(/^switch 100 % to come/),
      "v2 in green kept ready as the way back",
    ]);
    expect(within(track).getByRole("img", { name: "running" })).toBeTruthy();
    expect(within(track).getByRole("img", { name: "warning" })).toBeTruthy();
    expect(await screen.findByText("http://127.0.0.1:8081")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Copy address: the preview’s address" })).toBeTruthy();
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("once switched it says until when", async () => {
    const view = blueGreen();
    view.status.phase = "promoted";
    if (view.status.way_back) view.status.way_back.until = "2026-11-21T12:30:00.000Z";
    await show(view);
    const track = screen.getByRole("list", { name: "Steps" });
    expect(plain(track.lastElementChild?.textContent)).toMatch(
      /v2 in green kept warm until \d\d:\d\d:\d\d UTC/,
    );
  });

  test("the service's own view has the preview's address as well", async () => {
    use(withTasks(), "127.0.0.1:8081");
    window.location.hash = "#/services/checkout";
    render(App);
    expect(await screen.findByText("http://127.0.0.1:8081")).toBeTruthy();
  });
});

describe("a plan's text in short", () => {
  const YAML = `plan: mine # before: [x]
strategy: blue-green
before:
  - name: dump
    kind: backup
    command: [pg_dump, "name: no"]
  - { name: "migrate up", kind: migration, command: [m], env: { name: x } }
steps:
  - weight: 0
    bake: { min: 1m, max: 5m }
    tasks:
      - name: smoke
        http: { url: "http://x" }
      - name: load
        command: [k6]
    gates:
      - approval: { count: 1, role: name }
  - weight: 100
    tasks: [{ name: 'late', command: [x] }]
analysis:
  metrics:
    - name: errors
during:
  - name: probe
    every: 30s
export: { name: save, command: [x] }
verify:
  - name: schema
`;

  test("its strategy and its tasks by when they are run", () => {
    expect(outlineOf(YAML)).toMatchObject({
      strategy: "blue-green",
      tasks: [
        { when: "before", names: ["dump", "migrate up"] },
        { when: "at 0 %", names: ["smoke", "load"] },
        { when: "at 100 %", names: ["late"] },
        { when: "again and again", names: ["probe"] },
        { when: "export, before the ways back", names: ["save"] },
        { when: "after a full rollback", names: ["schema"] },
      ],
    });
    const begun = {
      service: "checkout",
      plan: "mine",
      queued: false,
      candidate: "blue",
      reach: null,
    } as Begun;
    render(Begins, { begun, version: "v9", yaml: YAML, notes: [] });
    expect(plain(screen.getByRole("status").textContent)).toMatch(
      /strategy ?blue-green: a preview.*before ?dump, migrate up ?at 0 % ?smoke, load/,
    );
    expect(outlineOf("plan: a\nstrategy: canary\nsteps:\n  - weight: 1\n").tasks).toEqual([]);
  });
});
