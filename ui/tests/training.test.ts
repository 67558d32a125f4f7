import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type GradeRow, type RolloutView, type TrainingView, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import recorded from "@/host/recorded/recorded.json";
import { environment, FIRST, switchEnvironment } from "@/lib/environment.svelte";
import { strokesOf } from "@/lib/keys";
import { goTo } from "@/lib/router.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { drillsOf, drove, gradeWord, keyOf, nextDrill } from "@/views/training/words";

// jsdom paints nothing.
vi.mock("uplot", async () => await import("./no-plot"));

const recordings = recorded as unknown as Recording[];
const answerOf = <A>(request: string) =>
  structuredClone(recordings.find((r) => r.request === request)?.answer) as A;
/** The recordings with some answers replaced. */
function but(changes: Record<string, (answer: never) => unknown>): Recording[] {
  return recordings.map((r) => {
    const change = changes[r.request];
    return change ? { ...r, answer: change(structuredClone(r.answer) as never) } : r;
  });
}
const key = (k: string, on: Element = document.body) => fireEvent.keyDown(on, { key: k });
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

let host: MockHost;
function start(chosen: MockHost, place = "training"): void {
  host = chosen;
  useHost(host);
  render(App);
  goTo(place);
}
const asked = (name: string) => host.asked.filter((a) => a.name === name).map((a) => a.params);

beforeEach(() => {
  switchEnvironment("training");
  document.documentElement.lang = "en";
});
afterEach(() => {
  switchEnvironment(FIRST);
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("words", () => {
  const grade = (drill: string, stars: number, passed = stars > 0): GradeRow => ({
    drill,
    at: "2026-11-21T11:00:00.000Z",
    passed,
    stars,
    detected_in_ms: null,
    back_in_ms: null,
    clients_hurt: 0,
    dropped: 0,
    words: [],
  });
  const rows = answerOf<Parameters<typeof drillsOf>[0]>("training.drills");

  test("the order is the backend's, the easiest first; each says what to do and how long it takes", () => {
    const all = drillsOf(rows, []);
    expect(all.map((d) => d.name)).toEqual(rows.map((d) => d.name));
    expect(all.slice(0, 3).map((d) => d.name)).toEqual(["bad canary", "take it back", "good canary"]);
    expect(all.map((d) => d.n)).toEqual(rows.map((_, i) => i + 1));
    expect(all.every((d) => d.you !== "" && d.takes !== "")).toBe(true);
  });

  test("the best grade is a pass before it is stars", () => {
    const best = (...grades: GradeRow[]) => drillsOf(rows, grades)[0]?.best;
    const [poor, failed] = [grade("bad canary", 1), grade("bad canary", 3, false)];
    expect(best(poor, failed)).toBe(poor);
    expect(best(failed, poor)).toBe(poor);
    expect(best(grade("good canary", 3))).toBeNull();
    const first = grade("bad canary", 2);
    expect(best(grade("bad canary", 2), first)).toBe(first);
  });

  test("a grade says that it was passed, and how", () => {
    expect([1, 2, 3].map((stars) => gradeWord({ passed: true, stars }))).toEqual([
      "passed, shaky",
      "passed, sound",
      "passed, flawless",
    ]);
    expect(gradeWord({ passed: false, stars: 3 })).toBe("not passed");
  });

  test("each drill has a key of its own, and none begins another's", () => {
    const keys = rows.map((_, i) => strokesOf(keyOf(i + 1)));
    expect(rows.length).toBeGreaterThan(9);
    expect(keys.every((chord) => chord.every((stroke) => /^[0-9]$/.test(stroke)))).toBe(true);
    const clash = keys.filter((a) => keys.some((b) => a !== b && a.every((stroke, i) => b[i] === stroke)));
    expect(clash).toEqual([]);
  });

  test("a rollout is a drill's own between its beginning and its end", () => {
    const at = (second: number) => `2026-11-21T11:00:${String(second).padStart(2, "0")}.000Z`;
    const playing = {
      drill: "bad canary",
      since: at(10),
      ended: at(40),
      lines: [],
      grade: null,
      problem: null,
    };
    const of = (second: number, service = "checkout") => drove(playing, { service, started_at: at(second) });
    expect([5, 12, 45].map((second) => of(second))).toEqual([false, true, false]);
    expect(of(12, "search")).toBe(false);
  });

  test("next is the first without a pass, and not the one just played", () => {
    const drills = drillsOf(rows, [grade("bad canary", 3), grade("take it back", 0)]);
    expect(nextDrill(drills)?.name).toBe("take it back");
    expect(nextDrill(drills, "take it back")?.name).toBe("good canary");
    expect(
      nextDrill(
        drillsOf(
          rows,
          rows.map((r) => grade(r.name, 1)),
        ),
      ),
    ).toBeNull();
  });
});

describe("the ground", () => {
  test("while a drill is played: its lines, its rollout, what stands, and no other drill", async () => {
    start(mockHost({ every: 60_000 }));
    await screen.findByText("v3 goes out; it fails a share of its requests");
    expect(await screen.findByText(/requests still needed for a Fail/)).toBeTruthy();
    expect(screen.getByRole("group", { name: "Faults of checkout v3" })).toBeTruthy();
    const play = screen.getAllByRole("button", { name: /^Play/ });
    expect(play.every((b) => b.getAttribute("aria-disabled") === "true")).toBe(true);
    await fireEvent.click(play[0] as HTMLElement);
    expect(asked("training.play")).toEqual([]);
    expect(await violations()).toEqual([]);
    await key("w");
    expect(window.location.hash).toBe("#/rollouts/checkout");
  }, 30_000);

  test("stop, then play by its number; what the backend is told", async () => {
    start(mockHost({ every: 60_000 }));
    await screen.findByText("Playing: bad canary");
    await key("s");
    await screen.findByText(/Stopped. The ground is as the drill found it/);
    await key("2");
    await waitFor(() => expect(asked("training.play")).toEqual([{ drill: "take it back" }]));
    // Where the way out is, before it is needed.
    expect(await screen.findByText(/the red control at the top right of every view/)).toBeTruthy();
  });

  test("the tenth drill and those after it are played by two keys", async () => {
    start(mockHost({ every: 60_000 }));
    await screen.findByText("Playing: bad canary");
    await key("s");
    await screen.findByText(/Stopped. The ground is as the drill found it/);
    const names = answerOf<{ name: string }[]>("training.drills").map(({ name }) => name);
    await key("0");
    await key("1");
    await waitFor(() => expect(asked("training.play")).toEqual([{ drill: names[10] }]));
    const shown = await screen.findByText(names[11] ?? "", { selector: "h3" });
    expect(within(shown.closest("li") as HTMLElement).getByText("0 2")).toBeTruthy();
  });

  test("elsewhere it is one sentence and a way there", async () => {
    switchEnvironment(FIRST);
    start(mockHost({ every: 60_000, fresh: true }));
    const button = await screen.findByRole("button", { name: "Go to the training ground" });
    expect(asked("training.show")).toEqual([]);
    expect(await violations()).toEqual([]);
    await fireEvent.click(button);
    expect(environment()).toBe("training");
  });

  test("closed it says what opening does; read-only it says why not", async () => {
    const closed = but({
      "training.show": (a: TrainingView) => ({ ...a, open: false, up: false, playing: null, load: null }),
      status: (a: { environment: object }) => ({ ...a, environment: { ...a.environment, read_only: true } }),
    });
    start(mockHost({ every: 60_000, recordings: closed }));
    const open = await screen.findByRole("button", { name: /Open the training ground/ });
    await waitFor(() => expect(open.getAttribute("aria-disabled")).toBe("true"));
    expect(
      screen.getByText(/is read-only; open it for a while in the top bar, or switch it off in Settings/, {
        selector: ".why",
      }),
    ).toBeTruthy();
    expect(screen.queryByText("Load")).toBeNull();
  });

  test("faults: the hand rests, then one command; all can be taken off", async () => {
    start(mockHost({ every: 60_000 }));
    const slider = (await screen.findByRole("slider", { name: "Errors of v3" })) as HTMLInputElement;
    expect(slider.getAttribute("aria-valuetext")).toMatch(/^4.00/);
    for (const place of ["7", "8"]) await fireEvent.input(slider, { target: { value: place } });
    expect(slider.getAttribute("aria-valuetext")).toMatch(/^20.0/);
    await waitFor(() =>
      expect(asked("training.fault")).toEqual([
        { service: "checkout", version: "v3", faults: { errors: 0.2 } },
      ]),
    );
    await fireEvent.click(await screen.findByRole("button", { name: /Reset all faults/ }));
    await waitFor(() => expect(asked("training.fault")).toHaveLength(2));
    expect(asked("training.fault")[1]).toMatchObject({
      version: "v3",
      faults: { errors: 0, refuse_ready: false },
    });
    await waitFor(() => expect(slider.getAttribute("aria-valuetext")).toMatch(/^0.00/), { timeout: 4000 });
  });

  test("load: from 1 to 5000 requests a second", async () => {
    start(mockHost({ every: 60_000 }));
    const slider = (await screen.findByRole("slider", { name: "requests a second" })) as HTMLInputElement;
    const word = () => slider.getAttribute("aria-valuetext")?.replaceAll("\u00a0", " ");
    expect(word()).toBe("1 000 req/s");
    await fireEvent.input(slider, { target: { value: slider.max } });
    expect(word()).toBe("5 000 req/s");
    await fireEvent.input(slider, { target: { value: "0" } });
    await waitFor(() => expect(asked("training.load")).toEqual([{ rate: 1 }]));
  });

  test("a rollback that passes its drill says so on the rollout's page", async () => {
    const { playing, grades: _, ...rest } = answerOf<TrainingView>("training.show");
    const since = playing?.since ?? "";
    const after = (span: number) => new Date(Date.parse(since) + span).toISOString();
    const grade = {
      drill: "bad canary",
      at: after(30_000),
      passed: true,
      stars: 3,
      detected_in_ms: 6200,
      back_in_ms: 9,
      clients_hurt: 4,
      dropped: 0,
      words: [],
    };
    const own = but({
      "training.show": () => ({
        ...rest,
        grades: [grade],
        playing: { ...playing, ended: after(30_000), grade },
      }),
      "rollouts.show": (a: RolloutView) => ({
        ...a,
        status: { ...a.status, phase: "rolled-back", started_at: after(1000), ended_at: after(20_000) },
      }),
    });
    start(mockHost({ every: 60_000, recordings: own }), "rollouts/checkout");
    expect(await screen.findByText(/The drill “bad canary”: passed, flawless/)).toBeTruthy();
  });

  test("grades: newest first, words of the chosen one", async () => {
    const graded: GradeRow[] = [
      {
        drill: "bad canary",
        at: "2026-11-21T11:20:00.000Z",
        passed: true,
        stars: 2,
        detected_in_ms: 6200,
        back_in_ms: 9,
        clients_hurt: 4,
        dropped: 0,
        words: ["v3 ended rolled back", "detection took 31s; 30s is the mark"],
      },
    ];
    const own = but({ "training.show": (a: TrainingView) => ({ ...a, playing: null, grades: graded }) });
    start(mockHost({ every: 60_000, recordings: own }));
    const table = await screen.findByRole("grid", { name: "Grades" });
    const row = within(table).getAllByRole("row")[1] as HTMLElement;
    expect(row.textContent).toContain("2 of 3 stars");
    expect(row.textContent).toContain("passed");
    await fireEvent.click(row);
    expect(await screen.findByText(/bad canary, passed, sound: .*30s is the mark/)).toBeTruthy();
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("a backend that does not answer is said, not hidden", async () => {
    host = mockHost({ every: 60_000 });
    host.trouble.fail["training.show"] = { code: "platform.unreachable", message: "no node" };
    start(host);
    expect(await screen.findByText("The training ground could not be read")).toBeTruthy();
  });
});

describe("the first five minutes", () => {
  test("from the welcome to the emergency control with keys alone", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      switchEnvironment(FIRST);
      start(mockHost({ every: 300, fresh: true }), "bridge");
      await screen.findByText("Welcome aboard");
      expect(
        screen.getAllByRole("button", { name: /Open the training ground|Define a service/ }),
      ).toHaveLength(2);
      await key("t");
      await screen.findByText("Opening the training ground");
      expect(environment()).toBe("training");
      expect(window.location.hash).toBe("#/training");
      await vi.advanceTimersByTimeAsync(4000);
      await screen.findByText("Close the ground");
      await key("1");
      await vi.advanceTimersByTimeAsync(16_000);
      await screen.findByText("Played: bad canary");
      expect(screen.getAllByText("passed, flawless").length).toBeGreaterThan(0);
      await key("2");
      await vi.advanceTimersByTimeAsync(5000);
      await screen.findByText("Customers are being hurt: take v3 back.");
      await fireEvent.keyDown(document.body, { key: "R", code: "KeyR", ctrlKey: true, shiftKey: true });
      expect(await screen.findByRole("dialog", { name: /Roll back/ })).toBeTruthy();
    } finally {
      vi.useRealTimers();
    }
  }, 30_000);
});
