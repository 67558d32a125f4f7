import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Begun, PlanCheck, PlanText } from "@/host";
import { useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import recorded from "@/host/recorded/recorded.json";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { envOf, instancesOf, missing, startOf, type Typed } from "@/views/rollouts/start";
import { closeStart } from "@/views/rollouts/start.svelte";

vi.mock("uplot", async () => await import("./no-plot"));

const recordings = recorded as Recording[];
const answer = <A>(request: string, has: (params: Record<string, unknown>) => boolean) =>
  recordings.find((r) => r.request === request && has(r.params))?.answer as A;
const training = answer<PlanText>("plans.show", ({ name }) => name === "training").yaml;
const cautious = answer<PlanText>("plans.show", ({ name }) => name === "canary-1-10-50-100").yaml;
const wrong = answer<PlanCheck>("plans.check", ({ yaml }) => String(yaml).includes("weigth"));
const good = answer<PlanCheck>("plans.check", ({ yaml }) => yaml === training);
const begun: Begun = {
  rollout: "01a1fdde-f37c-7630-a49f-1a10d2719011",
  service: "checkout",
  plan: "training",
  plan_digest: "a137",
  candidate: "blue",
  queued: false,
  reach: good.reach,
  notes: [good.reach?.words ?? ""],
};

let host: MockHost;
let sent: { name: string; params: unknown }[];

function use(answers: Record<string, (params: never) => unknown> = {}): void {
  host = mockHost({ every: 60_000, recordings });
  sent = [];
  const ask = host.ask.bind(host);
  const all: typeof answers = {
    "plans.check": ({ yaml }: { yaml: string }) => (yaml.includes("weigth") ? wrong : good),
    ...answers,
  };
  host.ask = (async (name: string, params: unknown) => {
    const found = all[name];
    if (!found) return ask(name as never, params as never);
    sent.push({ name, params });
    return found(params as never);
  }) as typeof host.ask;
  useHost(host);
}
const started = () => sent.filter(({ name }) => name === "rollouts.start").map(({ params }) => params);

async function open(hash = "#/rollouts"): Promise<HTMLElement> {
  window.location.hash = hash;
  render(App);
  // Which plan is usual here depends on the environment.
  await screen.findByText("driving:");
  await fireEvent.keyDown(document.body, { key: "n" });
  const dialog = await screen.findByRole("dialog", { name: "Start a rollout" });
  // Images are for clusters.
  expect(within(dialog).queryByLabelText(/^Image/)).toBeNull();
  await waitFor(() => expect(editor(dialog).value).not.toBe(""));
  await within(dialog).findByText(/every step can pass/);
  return dialog;
}
const editor = (dialog: HTMLElement) =>
  within(dialog).getByLabelText<HTMLTextAreaElement>("The plan as YAML");
const start = (dialog: HTMLElement) => within(dialog).getByRole("button", { name: /^Start/ });
async function fill(dialog: HTMLElement, service: string | null, version: string): Promise<void> {
  if (service !== null)
    await fireEvent.change(within(dialog).getByLabelText("Service"), { target: { value: service } });
  await fireEvent.input(within(dialog).getByLabelText(/Version/), { target: { value: version } });
}

beforeEach(() => {
  document.documentElement.lang = "en";
  use();
});
afterEach(() => {
  closeStart();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("the form", () => {
  test("shows the plan that will be journalled and how long a Pass takes; nothing offends", async () => {
    const dialog = await open();
    expect(editor(dialog).value).toBe(training);
    const table = within(dialog).getByRole("table");
    expect(within(table).getAllByRole("row")[1]?.textContent).toMatch(/1\s%.*40\ss.*152.*1\smin 30\ss/);
    expect(start(dialog).getAttribute("aria-disabled")).toBe("true");
    const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
    expect(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`)).toEqual([]);
  }, 30_000);

  test("a plan that cannot pass is not sent, and says so; asked again it may", async () => {
    let accepted = false;
    const outlook = () => ({
      ...good,
      reach: { ...good.reach, accepted, words: "every step can pass, or none" },
    });
    use({ "rollouts.start": () => begun, "plans.check": outlook });
    const dialog = await open();
    await fill(dialog, "checkout", "v4");
    await within(dialog).findByText("The plan cannot pass at today’s traffic", { selector: ".said" });
    await fireEvent.click(start(dialog));
    expect(started()).toEqual([]);
    accepted = true;
    await waitFor(() => expect(start(dialog).getAttribute("aria-disabled")).toBe("false"));
    await fireEvent.click(start(dialog));
    await waitFor(() => expect(started()).toHaveLength(1));
  }, 30_000);

  test("a plan that ships goes by its name; then the rollout is shown", async () => {
    use({ "rollouts.start": () => begun });
    const dialog = await open();
    await fill(dialog, "checkout", "v4");
    await fireEvent.click(start(dialog));
    await waitFor(() => expect(window.location.hash).toBe("#/rollouts/checkout"));
    expect(started()).toEqual([{ service: "checkout", version: "v4", plan: "training" }]);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("another plan is another text; one that was touched goes as it stands", async () => {
    use({ "rollouts.start": () => begun });
    const dialog = await open("#/rollouts/checkout");
    expect(within(dialog).getByLabelText<HTMLSelectElement>("Service").value).toBe("checkout");
    await fireEvent.change(within(dialog).getByLabelText("Plan"), {
      target: { value: "canary-1-10-50-100" },
    });
    await waitFor(() => expect(editor(dialog).value).toBe(cautious));
    const own = cautious.replace("weight: 1\n", "weight: 2\n");
    await fireEvent.input(editor(dialog), { target: { value: own } });
    expect(await within(dialog).findByText("edited")).toBeTruthy();
    await fill(dialog, null, "v4");
    await fireEvent.keyDown(editor(dialog), { key: "Enter", ctrlKey: true });
    await waitFor(() => expect(started()).toEqual([{ service: "checkout", version: "v4", plan_yaml: own }]));
  });

  test("mistakes stand beside the text with their place, and nothing is sent", async () => {
    const dialog = await open();
    await fill(dialog, "checkout", "v4");
    await fireEvent.input(editor(dialog), { target: { value: "plan: mine\nsteps:\n  - weigth: 10\n" } });
    const place = await within(dialog).findByRole("button", { name: /4:13.*did you mean/ });
    expect(within(dialog).getByText("The plan has 3 mistakes", { selector: ".mute" })).toBeTruthy();
    await fireEvent.keyDown(editor(dialog), { key: "Enter", ctrlKey: true });
    expect(started()).toEqual([]);
    await fireEvent.click(place);
    expect(document.activeElement).toBe(editor(dialog));
  });

  test("a refusal says its code and what would allow it; superseding is offered and sent", async () => {
    let refuse = true;
    use({
      "rollouts.start": () => {
        if (!refuse) return { ...begun, queued: true, notes: ["v4 is what is stable already"] };
        throw {
          code: "refused.rollout-live",
          message: "v3 is already going out; wait, abort it, or supersede",
        };
      },
    });
    const dialog = await open();
    await fill(dialog, "checkout", "v4");
    await fireEvent.click(start(dialog));
    expect(await within(dialog).findByText("refused.rollout-live")).toBeTruthy();
    refuse = false;
    await fireEvent.click(within(dialog).getByRole("checkbox", { name: /Supersede/ }));
    await fireEvent.click(start(dialog));
    // What the person should know is read before the rollout is gone to.
    expect(await within(dialog).findByText(/v4 is what is stable already/)).toBeTruthy();
    expect(started().at(-1)).toMatchObject({ supersede: true });
    await fireEvent.click(within(dialog).getByRole("button", { name: "Go to the rollout" }));
    await waitFor(() => expect(window.location.hash).toBe("#/rollouts/checkout"));
  });
});

describe("what is typed", () => {
  const typed: Typed = {
    service: "checkout",
    version: " v4 ",
    image: "",
    plan: "training",
    yaml: "plan: x",
    original: "plan: x",
    instances: "",
    env: "",
    supersede: false,
    notBefore: "",
    reason: "",
  };
  test("as the backend takes it", () => {
    expect(startOf(typed)).toEqual({ service: "checkout", version: "v4", plan: "training" });
    expect(
      startOf({ ...typed, yaml: "plan: y", instances: " 3 ", env: "A=1\n\nB=x=y", supersede: true }),
    ).toEqual({
      service: "checkout",
      version: "v4",
      plan_yaml: "plan: y",
      instances: 3,
      env: { A: "1", B: "x=y" },
      supersede: true,
    });
  });
  test.each([
    ["A=1\nnonsense", "line 2: NAME=value is expected"],
    ["=1", "line 1: NAME=value is expected"],
    ["9A=1", "line 1: NAME=value is expected"],
    ["A=1\nA=2", "line 2: A stands there twice"],
    ["A=\n_b=1", null],
  ])("environment %j", (text, mistake) => expect(envOf(text).mistake).toBe(mistake));
  test.each(["0", "-1", "1.5", "many", "99999"])("%s is no number of instances", (text) =>
    expect(instancesOf(text)).toBeNaN(),
  );
  test("what is missing is said in words", () => {
    expect(missing(typed, 0)).toBeNull();
    expect(missing({ ...typed, service: "" }, 0)).toBe("Choose a service");
    expect(missing({ ...typed, version: " " }, 0)).toBe("Say which version");
    expect(missing({ ...typed, instances: "0" }, 0)).toContain("Instances");
    expect(missing(typed, 1)).toBe("The plan has 1 mistake");
  });
});
