import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closeEmergency } from "@/emergency/emergency.svelte";
import type { CountEvidence, MetricAnswer, RolloutView, StatusLine } from "@/host";
import { useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import recorded from "@/host/recorded/recorded.json";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { come, evidenceWords, lead, leanOf } from "@/views/rollouts/evidence";
import {
  endingWords,
  isOver,
  phaseOf,
  question,
  stepShare,
  stepStanding,
  stepTimes,
} from "@/views/rollouts/words";
import NoPlot from "./no-plot";

vi.mock("uplot", async () => await import("./no-plot"));

const recordings = recorded as Recording[];
const viewOf = (service: string) =>
  structuredClone(
    recordings.find((r) => r.request === "rollouts.show" && r.params["service"] === service)?.answer,
  ) as RolloutView;

let host: MockHost;
let sent: { name: string; params: unknown }[];
const key = (k: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.body, { key: k, ...init });

/** The recordings, with the rollout of checkout as this makes it. */
function changed(change: (view: RolloutView) => void): Recording[] {
  return recordings.map((r) => {
    if (r.request !== "rollouts.show" || r.params["service"] !== "checkout") return r;
    const answer = structuredClone(r.answer) as RolloutView;
    change(answer);
    return { ...r, answer };
  });
}
function use(list: Recording[], answers: Record<string, (params: unknown) => unknown> = {}): void {
  host = mockHost({ every: 60_000, recordings: list });
  sent = [];
  const ask = host.ask.bind(host);
  host.ask = (async (name: string, params: unknown) => {
    const answer = answers[name];
    if (!answer) return ask(name as never, params as never);
    sent.push({ name, params });
    return answer(params);
  }) as typeof host.ask;
  useHost(host);
}
async function show(service = "checkout"): Promise<void> {
  window.location.hash = `#/rollouts/${service}`;
  render(App);
  await screen.findByRole("list", { name: "Steps" });
}
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
const plain = (words: string) => words.replaceAll("\u00a0", " ");
const button = (name: RegExp) => screen.getByRole("button", { name });

beforeEach(() => {
  document.documentElement.lang = "en";
  use(recordings);
});
afterEach(() => {
  closeEmergency();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("the list", () => {
  const rows = () => screen.findByRole("grid", { name: "Rollouts" });

  test("has what is live and what is over; Enter opens it", async () => {
    window.location.hash = "#/rollouts";
    render(App);
    const grid = await rows();
    await within(grid).findByText("Paused, by its plan");
    expect(within(grid).getAllByRole("row")).toHaveLength(8);
    const [first] = within(grid).getAllByText("checkout");
    expect(first?.closest("[role=row]")?.textContent).toMatch(
      /v2.*v3.*Progressing.*1\/4.*1\s%.*training.*ana/,
    );
    await key("j");
    await fireEvent.keyDown(grid, { key: "Enter" });
    expect(window.location.hash).toBe("#/rollouts/checkout");
  });

  test("live only, a filter and an order are asked of the backend", async () => {
    window.location.hash = "#/rollouts";
    render(App);
    await within(await rows()).findByText("Progressing");
    const asked = () => host.asked.findLast(({ name }) => name === "rollouts.page")?.params;
    expect(asked()).not.toHaveProperty("live_only");
    await key("l");
    await waitFor(() => expect(asked()).toMatchObject({ live_only: true, sort: "newest" }));
    expect(window.location.hash).toContain("live=1");
    await fireEvent.input(screen.getByPlaceholderText("filter"), { target: { value: "paus" } });
    await waitFor(() => expect(asked()).toMatchObject({ live_only: true, filter: "paus" }));
    await fireEvent.click(screen.getByRole("button", { name: "phase" }));
    await waitFor(() => expect(asked()).toMatchObject({ sort: "phase" }));
  });

  test("empty it says what to do; it offends nothing", async () => {
    use(
      recordings.map((r) => (r.request === "rollouts.page" ? { ...r, answer: { total: 0, rows: [] } } : r)),
    );
    window.location.hash = "#/rollouts";
    render(App);
    expect(await screen.findByText("Nothing was ever rolled out here.")).toBeTruthy();
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("that cannot be read says so", async () => {
    host.trouble.fail["rollouts.page"] = { code: "journal.broken", message: "the chain is broken" };
    window.location.hash = "#/rollouts";
    render(App);
    expect(await screen.findByText("The rollouts could not be read")).toBeTruthy();
  });
});

describe("a rollout under way", () => {
  test("its steps, evidence, way back, instances and events; nothing offends", async () => {
    await show();
    const steps = within(screen.getByRole("list", { name: "Steps" })).getAllByRole("listitem");
    expect(steps.map((step) => step.textContent?.replaceAll(/\s+/g, " ").trim())).toEqual([
      "1 % judging 8 s, at most 1 min 30 s",
      "10 % to come at least 3 s",
      "50 % to come at least 3 s",
      "100 % to come at least 3 s",
    ]);
    expect(steps[0]?.getAttribute("aria-current")).toBe("step");
    expect(screen.getByText("Leaning to fail.")).toBeTruthy();
    expect(screen.getByText(/2 bad requests in 71 on the candidate/)).toBeTruthy();
    expect(screen.getByText("Leaning to pass.").closest("li")?.textContent).toContain("warns only");
    const back = screen.getByRole("region", { name: "Way back" });
    expect(back.textContent).toMatch(/blue 1 → 0\s*·\s*green 99 → 100/);
    expect(back.textContent).toMatch(/v2\s+in green:\s+2 of\s+2\s+ready/);
    const instances = screen.getByRole("region", { name: "Instances" });
    expect(instances.textContent).toMatch(/v3\s+blue, candidate.*blue-1.*v2\s+green, stable.*green-1/s);
    const events = screen.getByRole("region", { name: "Events" });
    // Those of this rollout alone, the newest first.
    await within(events).findByText("12");
    const [newest] = within(events).getAllByRole("button");
    expect(newest?.textContent).toContain("step 1: inconclusive");
    expect(within(events).queryByText(/started v2/)).toBeNull();
    expect(await violations()).toEqual([]);
  }, 30_000);

  test("the charts are given what was measured, and the evidence its two bounds", async () => {
    NoPlot.made.length = 0;
    await show();
    await waitFor(() => expect(NoPlot.made.length).toBeGreaterThanOrEqual(4));
    const charts = recordings.find(
      (r) => r.request === "rollouts.charts" && r.params["service"] === "checkout",
    )?.answer as { errors: { candidate: unknown[] }; evidence: { harm_e: number[]; safe_e: number[] }[] };
    const drawn = NoPlot.made.map((plot) => plot.data as unknown[][]);
    expect(drawn.some((data) => data[2]?.join() === charts.errors.candidate.join())).toBe(true);
    const { harm_e, safe_e } = charts.evidence[0] ?? { harm_e: [], safe_e: [] };
    expect(drawn.some((data) => data[1]?.join() === safe_e.join() && data[2]?.join() === harm_e.join())).toBe(
      true,
    );
    await fireEvent.click(screen.getByRole("tab", { name: "slow answers" }));
    await waitFor(() => expect(screen.getByText(/step 1:/).textContent).toMatch(/0\s+bad of\s+71/));
  });

  test("an event shows its payload when it is asked for", async () => {
    await show();
    const events = screen.getByRole("region", { name: "Events" });
    const [newest] = await within(events).findAllByRole("button", { name: /step 1: inconclusive/ });
    if (!newest) throw new Error("no event");
    expect(newest.getAttribute("aria-expanded")).toBe("false");
    await fireEvent.click(newest);
    expect(events.querySelector("pre")?.textContent).toContain('"event": "verdict-changed"');
    await fireEvent.click(newest);
    expect(events.querySelector("pre")).toBeNull();
  });

  test("what is off says the decider's own words", async () => {
    await show();
    const retry = button(/^Retry/);
    expect(retry.getAttribute("aria-disabled")).toBe("true");
    await fireEvent.focusIn(retry);
    expect(await screen.findAllByText(viewOf("checkout").controls.retry ?? "")).not.toHaveLength(0);
    await key("t");
    expect(
      toasts()
        .map(({ text }) => text)
        .join(),
    ).toContain("there is nothing to try again");
  });

  test("p pauses at once", async () => {
    use(recordings, { "rollouts.pause": () => ({ done: "held; traffic stays as it is" }) });
    await show();
    await key("p");
    await waitFor(() => expect(sent).toEqual([{ name: "rollouts.pause", params: { service: "checkout" } }]));
    await waitFor(() =>
      expect(toasts().map(({ text }) => text)).toEqual(["checkout: held; traffic stays as it is"]),
    );
  });

  test("promoting against what holds it needs a reason, which is sent as break glass", async () => {
    use(recordings, { "rollouts.promote": () => ({ done: "the step has ended" }) });
    await show();
    await key("P");
    const dialog = await screen.findByRole("dialog", { name: "Promote v3" });
    const go = within(dialog).getByRole("button", { name: /go to 10/ });
    expect(within(dialog).getByText(/the verdict is Inconclusive, and only Pass advances/)).toBeTruthy();
    expect(go.getAttribute("aria-disabled")).toBe("true");
    await fireEvent.click(within(dialog).getByRole("radio", { name: /straight to/ }));
    await fireEvent.input(within(dialog).getByLabelText(/Reason/), { target: { value: " hotfix " } });
    await fireEvent.click(within(dialog).getByRole("button", { name: /go to 100/i }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(sent[0]?.params).toEqual({ service: "checkout", full: true, break_glass: "hotfix" });
  });

  test("promoting what is open asks for no reason", async () => {
    use(recordings, { "rollouts.promote": () => ({ done: "the step has ended" }) });
    await show("profile");
    await key("P");
    const dialog = await screen.findByRole("dialog");
    await fireEvent.click(within(dialog).getByRole("button", { name: /go to 100/i }));
    await waitFor(() => expect(sent[0]?.params).toEqual({ service: "profile", full: false }));
  });

  test("refused however far it goes, promoting is off", async () => {
    const words = "the judge said Fail; start a new rollout";
    use(changed(({ controls }) => void ([controls.promote, controls.promote_full] = [words, words])));
    await show();
    expect(button(/^Promote/).getAttribute("title")).toBe(words);
    await key("P");
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("giving up sends the note, and a refusal stays where it was asked", async () => {
    let refuse = true;
    use(recordings, {
      "rollouts.abort": () => {
        if (refuse) throw { code: "refused.rolling-back", message: "traffic is going back" };
        return { done: "given up; it had no traffic to take back", back: null };
      },
    });
    await show();
    await key("X");
    const dialog = await screen.findByRole("dialog");
    await fireEvent.input(within(dialog).getByLabelText(/Why/), { target: { value: "wrong build" } });
    await fireEvent.click(within(dialog).getByRole("button", { name: "Give it up" }));
    expect(await within(dialog).findByText("refused.rolling-back")).toBeTruthy();
    refuse = false;
    await fireEvent.click(within(dialog).getByRole("button", { name: "Give it up" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(sent.at(-1)?.params).toEqual({ service: "checkout", note: "wrong build" });
  });

  test("read-only turns commands off and the way back on", async () => {
    use(
      recordings.map((r) => {
        if (r.request !== "status") return r;
        const answer = structuredClone(r.answer) as StatusLine;
        answer.environment.read_only = true;
        return { ...r, answer };
      }),
    );
    await show();
    await screen.findByText("read-only");
    await waitFor(() => expect(button(/^Pause/).getAttribute("title")).toContain("read-only"));
    expect(button(/^Roll back now/).getAttribute("aria-disabled")).toBe("false");
  });
});

describe("states", () => {
  test("held without a verdict: its question, its gates, who opens them, no driver, troubles", async () => {
    use(
      changed((view) => {
        view.status.phase = { paused: "inconclusive" };
        view.status.driver = null;
        view.status.gates = [
          { name: "approval", open: false, why: "0 of 1", opens: "a release-manager", asks_people: true },
        ];
        view.controls.approve = null;
        view.controls.retry = null;
        view.troubles = ["the samples cannot be read: disk full"];
      }),
      { "rollouts.approve": () => ({ done: "approved" }) },
    );
    await show();
    expect(screen.getByText("No verdict within the maximum bake: promote, retry or roll back?")).toBeTruthy();
    expect(screen.getByText(/Nobody drives it/)).toBeTruthy();
    expect(screen.getByText(/disk full/)).toBeTruthy();
    expect(screen.getByRole("region", { name: /Gates to 10/ }).textContent).toMatch(
      /approval\s+0 of 1.*opened by a release-manager/s,
    );
    expect(button(/^Retry/).getAttribute("aria-disabled")).toBe("false");
    expect(await violations()).toEqual([]);
    await key("a");
    const dialog = await screen.findByRole("dialog");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Approve" }));
    await waitFor(() =>
      expect(sent).toEqual([{ name: "rollouts.approve", params: { service: "checkout" } }]),
    );
  }, 30_000);

  test("one that is over says how it ended, and offers the next", async () => {
    await show("search");
    expect(screen.getByText("v2 has all traffic and is stable now.")).toBeTruthy();
    expect(button(/^Start a rollout/)).toBeTruthy();
    expect(screen.queryByRole("button", { name: /^Pause/ })).toBeNull();
  });

  test("a first release has nothing to compare with", async () => {
    use(changed((view) => void (view.status.from = view.status.way_back = null)));
    await show();
    expect(screen.getByText(/nothing to compare with and nothing to go back to/)).toBeTruthy();
    expect(screen.getByText("A first release has nothing to go back to.")).toBeTruthy();
  });

  test("none yet: what to do; unreadable: why, and the way back all the same", async () => {
    host.trouble.fail["rollouts.show"] = { code: "rollout.none", message: "cart has had no rollout yet" };
    window.location.hash = "#/rollouts/cart";
    const { unmount } = render(App);
    expect(await screen.findByText("cart has had no rollout yet.")).toBeTruthy();
    unmount();
    host.trouble.fail["rollouts.show"] = { code: "journal.broken", message: "the chain is broken" };
    render(App);
    expect(await screen.findByText("The rollout of cart could not be read")).toBeTruthy();
    await key("R");
    expect(await screen.findByRole("dialog", { name: "Roll back" })).toBeTruthy();
  });
});

describe("words", () => {
  const counted = (harm_e: number, safe_e: number) =>
    ({ harm_e, safe_e, harm_bound: 800, safe_bound: 100 }) as CountEvidence;
  const metric = (verdict: MetricAnswer["verdict"], critical: boolean, evidence: CountEvidence) =>
    ({ name: "errors", verdict, critical, words: "", detail: { kind: "count", evidence } }) as MetricAnswer;

  test("evidence leans where it has come farther, by its logarithm", () => {
    expect(leanOf(counted(1, 1)).words).toBe("Open.");
    expect(leanOf(counted(1.5, 1.5)).words).toBe("Open.");
    expect(leanOf(counted(13.5, 3.5)).words).toBe("Leaning to fail.");
    // 20 of 800 is less of the way than 20 of 100.
    expect(leanOf(counted(20, 20)).words).toBe("Leaning to pass.");
    expect(come(800, 800)).toBe(1);
    expect(come(0.5, 800)).toBe(0);
  });
  test("a decided metric says its verdict, and one that only warns is no triangle", () => {
    expect(lead(metric("fail", true, counted(900, 1)))).toEqual({ words: "Fail.", mark: "bad" });
    expect(lead(metric("fail", false, counted(900, 1)))).toEqual({ words: "Fail.", mark: "warn" });
    expect(lead(metric("inconclusive", false, counted(100, 1))).mark).toBe("warn");
    expect(lead(metric("pass", true, counted(1, 100))).words).toBe("Pass.");
  });
  test.each([
    [1, "×1"],
    [13.546, "×13.5"],
    [800, "×800"],
    [0.25, "×0.25"],
    [1.23e9, "×1.2e9"],
    [1e14, "×1e14"],
    [Infinity, "×∞"],
  ])("%d is %s", (e, words) => expect(evidenceWords(e)).toBe(words));

  test("phases and pauses", () => {
    expect(phaseOf({ paused: "inconclusive" })).toEqual({ word: "Paused, no verdict", mark: "warn" });
    expect(isOver({ paused: "person" })).toBe(false);
    expect([isOver("rolling-back"), isOver("failed"), isOver("pending")]).toEqual([false, true, false]);
    const { status } = viewOf("profile");
    expect(question(status)).toContain("until a person decides");
    expect(question({ ...status, timed_pause: true })).toContain("goes on by itself");
    expect(question(viewOf("checkout").status)).toBeNull();
  });
  test("a step: how far its bake is, what it took, how it ended", () => {
    const { status } = viewOf("checkout");
    const [step] = status.steps;
    if (!step) throw new Error("no step");
    const early = { ...status, in_step_for: "1s 500ms" };
    expect(stepShare(step, early)).toBe(0.5);
    expect(plain(stepTimes(step, early))).toBe("bake 1 s of 3 s");
    expect(stepShare(step, { ...status, stage: "capacity" as const })).toBe(0);
    expect(stepStanding(step, { ...status, phase: "rolling-back" }).word).toBe("going back");
    const done = { ...step, current: false, done: { by: "no-harm" as const, requests: 9 }, took: "811ms" };
    expect(stepStanding(done, status)).toEqual({ word: "no harm seen", mark: "good" });
    expect(plain(stepTimes(done, status))).toBe("took 811 ms");
    const ended = { ...step, current: false };
    const over = { ...status, phase: "rolled-back" as const, verdict: "fail" as const, steps: [ended] };
    expect(stepStanding(ended, over).word).toBe("Fail");
    expect(endingWords({ ...over, ending: "the judge said Fail" })).toBe(
      "Traffic went back to v2: the judge said Fail.",
    );
  });
});
