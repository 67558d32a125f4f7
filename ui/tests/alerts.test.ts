import { fireEvent, render, screen, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { type AlertsView, type BacktestView, type Problem, type RulesView, useHost } from "@/host";
import { type MockHost, mockHost, type Recording } from "@/host/mock";
import recorded from "@/host/recorded/alerts.json";
import frame from "@/host/recorded/recorded.json";
import { goTo, here } from "@/lib/router.svelte";
import App from "@/shell/App.svelte";
import Alert from "@/views/alerts/Alert.svelte";
import Alerts from "@/views/alerts/Alerts.svelte";
import { drafts, testDrafts } from "@/views/alerts/drafts";
import List from "@/views/alerts/List.svelte";
import RuleEditor from "@/views/alerts/RuleEditor.svelte";
import Rules from "@/views/alerts/Rules.svelte";
import ThresholdLine from "@/views/alerts/ThresholdLine.svelte";

vi.mock("uplot", async () => await import("./no-plot"));

let host: MockHost;
const recordings = recorded as unknown as Recording[];
const answerOf = <A>(name: string) => recordings.find((r) => r.request === name)?.answer as A;
const LIST = answerOf<AlertsView>("alerts.list");
const RULES = answerOf<RulesView>("rules.list");
const FIRING = "9c41f0d27ab3e815";

/** The recordings, with these answers in the place of their own. */
function answering(answers: Record<string, unknown>): void {
  const rest = recordings.filter(({ request }) => !(request in answers));
  const at = new Date().toISOString();
  const own = Object.entries(answers).map(([request, answer]) => ({ request, params: {}, at, answer }));
  host = mockHost({ every: 60_000, recordings: [...rest, ...(frame as unknown as Recording[]), ...own] });
  useHost(host);
}
function failing(name: string): void {
  host.trouble.fail[name] = {
    code: "mock.told-to-fail",
    message: `${name} was told to fail`,
  } satisfies Problem;
}
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
async function inEveryTheme(): Promise<string[]> {
  const found: string[] = [];
  for (const theme of ["dark", "light", "contrast"]) {
    document.documentElement.dataset.theme = theme;
    found.push(...(await violations()));
  }
  delete document.documentElement.dataset.theme;
  return found;
}
const sent = (name: string) => host.asked.filter((one) => one.name === name).map(({ params }) => params);
const press = (key: string, more: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.body, { key, ...more });
async function inApp(address: string): Promise<void> {
  goTo(address);
  render(App);
  await screen.findByRole("navigation", { name: "Views" });
}

beforeEach(() => {
  host = mockHost({ every: 60_000 });
  useHost(host);
  document.documentElement.lang = "en";
  drafts.clear();
  testDrafts.clear();
  goTo("#/alerts");
});

describe("what fires", () => {
  test("each alert has its state in words, whose it is and why; nothing offends", async () => {
    render(List);
    const grid = await screen.findByRole("grid", { name: "Alerts" });
    expect(await within(grid).findByText("ErrorsCritical")).toBeTruthy();
    expect(within(grid).getAllByText("firing")).toHaveLength(LIST.firing);
    expect(within(grid).getAllByText("pending")).toHaveLength(LIST.pending);
    const late = within(grid).getByText("learned late");
    expect(late.getAttribute("title") ?? late.dataset.tip).toMatch(/Nobody looked when this happened/);
    expect(screen.getByText(/ana@bridge-7 evaluates/)).toBeTruthy();
    expect(screen.getByText(/draft.yaml has mistakes; none of it is evaluated/)).toBeTruthy();
    expect(await inEveryTheme()).toEqual([]);
  });

  test("a count is a filter, chosen again it is none; the text filter goes to the backend", async () => {
    render(List);
    const group = await screen.findByRole("group", { name: "Show only" });
    await fireEvent.click(within(group).getByRole("button", { name: /pending/ }));
    await expect.poll(() => sent("alerts.list").at(-1)).toMatchObject({ stands: "pending", sort: "urgency" });
    const grid = await screen.findByRole("grid", { name: "Alerts" });
    await expect.poll(() => within(grid).queryByText("ErrorsCritical")).toBeNull();
    await within(grid).findByText("SlowAnswers");
    await fireEvent.click(within(group).getByRole("button", { name: /pending/ }));
    await expect.poll(() => sent("alerts.list").at(-1)).not.toHaveProperty("stands");
    await fireEvent.input(screen.getByLabelText(/Filter alerts/), { target: { value: "catalog" } });
    await expect.poll(() => sent("alerts.list").at(-1)).toMatchObject({ filter: "catalog" });
  });

  test("ten thousand are asked for by pages", async () => {
    const [row] = LIST.alerts.rows;
    const rows = Array.from({ length: 10_000 }, (_, i) => ({ ...row, id: `id-${i}`, name: `Alert${i}` }));
    answering({ "alerts.list": { ...LIST, firing: 10_000, alerts: { total: 10_000, rows } } });
    render(List);
    const grid = await screen.findByRole("grid", { name: "Alerts" });
    expect(await within(grid).findByText("Alert0")).toBeTruthy();
    expect(within(grid).getAllByRole("row").length).toBeLessThan(80);
    grid.scrollTop = 28 * 5000;
    await fireEvent.scroll(grid);
    expect(await within(grid).findByText("Alert5000")).toBeTruthy();
    for (const params of sent("alerts.list"))
      expect((params as { limit: number }).limit).toBeLessThanOrEqual(500);
  });

  test("with no rules it offers the presets; with nobody evaluating it does not call that calm", async () => {
    const none = { ...LIST, firing: 0, paging: 0, pending: 0, resolved: 0, alerts: { total: 0, rows: [] } };
    answering({ "alerts.list": { ...none, files: 0, rules: 0 }, "rules.list": { ...RULES, files: [] } });
    const first = render(List);
    await screen.findByText("There are no rules yet.");
    expect(screen.getByRole("button", { name: /Choose a preset/ })).toBeTruthy();
    first.unmount();

    answering({ "alerts.list": { ...none, evaluator: { ...LIST.evaluator, current: false } } });
    const second = render(List);
    await screen.findByText("Nothing is known of what fires.");
    expect(screen.getByRole("alert").textContent).toMatch(/Nobody evaluates now/);
    expect(await violations()).toEqual([]);
    second.unmount();

    const read = { ...RULES, files: RULES.files.filter(({ name }) => name !== "draft") };
    answering({ "alerts.list": none, "rules.list": read });
    render(List);
    await screen.findByText("Nothing fires.");
    await screen.findByText(/every group of them evaluated at .* UTC or later/);
  });

  test("what cannot be read is said; what was read stays, and is old", async () => {
    failing("alerts.list");
    const first = render(List);
    await screen.findByText("The alerts could not be read");
    first.unmount();

    host = mockHost({ every: 20 });
    useHost(host);
    render(List);
    await screen.findByText("HighCPU");
    failing("alerts.list");
    expect(await screen.findByText(/alerts.list was told to fail/)).toBeTruthy();
    expect(screen.getByText("HighCPU")).toBeTruthy();
  });

  test("g a goes there, j and Enter open one, Esc comes back", async () => {
    await inApp("#/bridge");
    await press("g");
    await press("a");
    const grid = await screen.findByRole("grid", { name: "Alerts" });
    await within(grid).findByText("ErrorsCritical");
    await press("j");
    await fireEvent.keyDown(document.activeElement ?? grid, { key: "Enter" });
    await screen.findByRole("heading", { name: "ErrorsCritical" });
    expect(here().rest).toEqual([FIRING]);
    await press("Escape");
    await expect.poll(() => here().rest).toEqual([]);
  });
});

describe("one alert", () => {
  test("its sentence, moments, labels, rule, lanes and what the journal has; nothing offends", async () => {
    render(Alert, { id: FIRING });
    await screen.findByRole("heading", { name: "ErrorsCritical" });
    expect(screen.getByText("service:errors:ratio_rate5m", { selector: ".sentence code" })).toBeTruthy();
    const lanes = await screen.findByRole("list", { name: "How each stood" });
    const all = within(lanes).getAllByRole("img");
    expect(all[0]?.getAttribute("aria-label")).toMatch(/^service="checkout": firing/);
    expect(within(lanes).getAllByText("this alert")).toHaveLength(1);
    const told = screen.getByRole("region", { name: "In the journal, one by one" });
    expect(within(told).getByText("learned late")).toBeTruthy();
    expect(within(told).getAllByRole("link")[0]?.getAttribute("href")).toMatch(
      /^#\/journal\?kind=alert\.fired/,
    );
    expect(await inEveryTheme()).toEqual([]);
  });

  test("a link in an annotation is text to be copied", async () => {
    render(Alert, { id: FIRING });
    const link = await screen.findByText("https://runbooks.example/errors");
    expect(link.closest("a")).toBeNull();
    expect(screen.getByRole("button", { name: /Copy: the runbook_url/ })).toBeTruthy();
  });

  test("its metric is asked for the range that is chosen, and its lanes for the same", async () => {
    render(Alert, { id: FIRING });
    await fireEvent.change(await screen.findByRole("combobox", { name: "Range" }), {
      target: { value: "1d" },
    });
    const length = (params: unknown) => {
      const { from, to } = params as { from: string; to: string };
      return Date.parse(to) - Date.parse(from);
    };
    await expect.poll(() => length(sent("metrics.chart").at(-1))).toBe(86_400_000);
    expect(sent("metrics.chart").at(-1)).toMatchObject({ query: "service:errors:ratio_rate5m" });
    await expect.poll(() => length(sent("alerts.show").at(-1))).toBe(86_400_000);
  });

  test("an objective's leads to its page, and has no rule to edit", async () => {
    const row = LIST.alerts.rows.find(({ objective }) => objective !== null)!;
    render(Alert, { id: row.id });
    const link = await screen.findByRole("link", { name: "checkout · availability-burn" });
    expect(link.getAttribute("href")).toBe("#/slos/checkout/availability-burn");
    expect(screen.getByRole("button", { name: /Edit the rule/ }).getAttribute("aria-disabled")).toBe("true");
    expect(sent("metrics.chart")).toEqual([]);
    expect(await screen.findByRole("list", { name: "How each stood" })).toBeTruthy();
  });

  test("one that nobody knows is said", async () => {
    render(Alert, { id: "0000000000000000" });
    await screen.findByText("no alert 0000000000000000 is known");
  });

  test("e edits its rule, with the caret in it", async () => {
    await inApp(`#/alerts/${FIRING}`);
    await screen.findByRole("heading", { name: "ErrorsCritical" });
    await press("e");
    const area = (await screen.findByLabelText("Rules as YAML")) as HTMLTextAreaElement;
    await expect
      .poll(() => area.value.slice(area.selectionStart).split("\n")[0]?.trim())
      .toBe("- alert: ErrorsCritical");
  });
});

describe("the rules", () => {
  test("files, groups and rules, each with how it fares; nothing offends", async () => {
    goTo("#/alerts/rules");
    render(Rules);
    const grid = await screen.findByRole("grid", { name: "Rules" });
    for (const { groups } of RULES.files) {
      for (const { rules } of groups) {
        for (const { name } of rules)
          expect((await within(grid).findAllByText(name)).length).toBeGreaterThan(0);
      }
    }
    expect(within(grid).getByText(/^failed: the query reads more/)).toBeTruthy();
    expect(within(grid).getByText(/lost: the moments from .* to .* UTC/)).toBeTruthy();
    expect(within(grid).getByText(/1.mistake; line 6/)).toBeTruthy();
    expect(await inEveryTheme()).toEqual([]);
  });

  test("a file is removed after asking; what fires by it goes with it", async () => {
    await inApp("#/alerts/rules");
    const grid = await screen.findByRole("grid", { name: "Rules" });
    await within(grid).findByText("SlowAnswers");
    await fireEvent.click(within(grid).getByText("SlowAnswers"));
    await press("D", { shiftKey: true });
    const dialog = await screen.findByRole("dialog");
    expect(dialog.textContent).toMatch(/2.alerts that fire by it are over then/);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Remove it" }));
    await expect.poll(() => within(grid).queryByText("SlowAnswers")).toBeNull();
    expect(sent("rules.remove")).toEqual([{ name: "services" }]);
    goTo("#/alerts");
    await expect
      .poll(() => screen.queryByText("availability-burn burns too fast (1h and 5m above 14.4)"))
      .not.toBeNull();
    expect(screen.queryByText("ErrorsCritical")).toBeNull();
  });

  test("a preset begins a file under a name that is free, and nothing is written yet", async () => {
    await inApp("#/alerts/rules?add=1");
    const dialog = await screen.findByRole("dialog");
    await within(dialog).findByText(/errors, slow answers, no traffic/);
    const field = within(dialog).getByLabelText(/Name of the file/) as HTMLInputElement;
    await expect.poll(() => field.value).toBe("services-2");
    await fireEvent.input(field, { target: { value: "services" } });
    await within(dialog).findByText("there is a file of this name already: edit that one");
    await fireEvent.change(within(dialog).getByLabelText("Preset"), { target: { value: "relative" } });
    await fireEvent.input(field, { target: { value: "unlike" } });
    await fireEvent.click(within(dialog).getByRole("button", { name: "Go on" }));
    const area = (await screen.findByLabelText("Rules as YAML")) as HTMLTextAreaElement;
    expect(area.value).toContain("SlowerThanYesterday");
    expect(screen.getByText("new file")).toBeTruthy();
    expect(sent("rules.write")).toEqual([]);
  });
});

describe("writing rules", () => {
  const area = async () => (await screen.findByLabelText("Rules as YAML")) as HTMLTextAreaElement;
  const type = async (text: string) => fireEvent.input(await area(), { target: { value: text } });
  async function atRule(name: string): Promise<void> {
    goTo(`#/alerts/rules/services?rule=${name}`);
    render(RuleEditor, { name: "services" });
    await area();
  }

  test("mistakes stand by their lines while one types, and hinder saving", async () => {
    await inApp("#/alerts/rules/services");
    await type((await area()).value.replace("ratio_rate5m > 0.05", "ratio_rate5m > (0.05"));
    const list = await screen.findByRole("list", { name: "Mistakes" });
    expect(list.textContent).toMatch(/unclosed left parenthesis/);
    const save = screen.getByRole("button", { name: /^Save/ });
    expect(save.getAttribute("aria-disabled")).toBe("true");
    await fireEvent.click(within(list).getByRole("button"));
    expect(document.activeElement).toBe(await area());
    expect(await violations()).toEqual([]);
  });

  test("a doubt says what and what to do, and leads to its line", async () => {
    await inApp("#/alerts/rules/services");
    await type((await area()).value.replace("ratio_rate5m > 0.05", "ratio_rate5m > 5"));
    const list = await screen.findByRole("list", { name: "Doubts" });
    await within(list).findByText("dead-alert");
    expect(list.textContent).toMatch(/can never fire.*correct the threshold/s);
    await fireEvent.click(within(list).getByRole("button"));
    const { value, selectionStart } = await area();
    expect(value.slice(selectionStart)).toMatch(/^ *- alert: ErrorsCritical/);
    await expect
      .poll(() => screen.getByRole("button", { name: /^Save/ }).getAttribute("aria-disabled"))
      .toBe("false");
  });

  test("what is saved is what is written, and it is read again", async () => {
    await inApp("#/alerts/rules/services");
    const text = (await area()).value.replace("for: 10m", "for: 15m");
    await type(text);
    const save = screen.getByRole("button", { name: /^Save/ });
    await expect.poll(() => save.getAttribute("aria-disabled")).toBe("false");
    await press("s", { ctrlKey: true });
    await expect.poll(() => sent("rules.write")).toEqual([{ name: "services", yaml: text }]);
    await expect.poll(() => screen.queryByText("unsaved")).toBeNull();
    await press("Escape");
    const grid = await screen.findByRole("grid", { name: "Rules" });
    expect(await within(grid).findByText(/15.min/)).toBeTruthy();
  });

  test("a refusal is shown with its reason, and the text stays", async () => {
    await inApp("#/alerts/rules/services");
    const text = `${(await area()).value}# more\n`;
    await type(text);
    failing("rules.write");
    await expect
      .poll(() => screen.getByRole("button", { name: /^Save/ }).getAttribute("aria-disabled"))
      .toBe("false");
    await press("s", { ctrlKey: true });
    await screen.findByText("The file was not changed");
    expect((await area()).value).toBe(text);
    expect(screen.getByText("unsaved")).toBeTruthy();
  });

  test("who leaves with something unsaved is asked; staying keeps it, leaving drops it", async () => {
    await inApp("#/alerts/rules/services");
    await type(`${(await area()).value}# mine\n`);
    await screen.findByText("unsaved");
    await press("Escape");
    let dialog = await screen.findByRole("dialog");
    await fireEvent.click(within(dialog).getByRole("button", { name: "Cancel" }));
    expect(here().rest).toEqual(["rules", "services"]);
    expect((await area()).value).toContain("# mine");
    // A link elsewhere asks as well.
    window.location.hash = "#/bridge";
    dialog = await screen.findByRole("dialog");
    expect(here().view).toBe("alerts");
    expect(window.location.hash).toMatch(/^#\/alerts\/rules\/services/);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Leave without saving" }));
    await expect.poll(() => here().view).toBe("bridge");
    goTo("#/alerts/rules/services");
    expect((await area()).value).not.toContain("# mine");
  });

  test("by the keys the threshold moves, the past is tried again, and it is written into the text", async () => {
    await atRule("ErrorsCritical");
    await screen.findByText(/In 1.d it would have fired 2 times/);
    expect(sent("rules.backtest").at(-1)).toMatchObject({
      threshold: 0.05,
      hold_ms: 60_000,
      over_ms: 86_400_000,
    });
    const slider = await screen.findByRole("slider", { name: "Threshold" });
    slider.focus();
    await fireEvent.keyDown(slider, { key: "PageUp" });
    await fireEvent.keyDown(slider, { key: "ArrowUp" });
    await expect.poll(() => slider.getAttribute("aria-valuenow")).toBe("0.072");
    expect((screen.getByLabelText("Threshold", { selector: "input" }) as HTMLInputElement).value).toBe(
      "0.072",
    );
    await expect.poll(() => sent("rules.backtest").at(-1)).toMatchObject({ threshold: 0.072 });
    await screen.findByText(/it would have fired once/);
    const lanes = screen.getByRole("list", { name: "What it would have done" });
    expect(within(lanes).getByRole("img").getAttribute("aria-label")).toMatch(
      /service="checkout".*firing 1.time/,
    );
    await fireEvent.click(screen.getByRole("button", { name: /Write into the text/ }));
    expect((await area()).value).toContain(
      "- alert: ErrorsCritical\n        expr: service:errors:ratio_rate5m > 0.072",
    );
    expect((await area()).value).toContain("service:errors:ratio_rate5m > 0.01");
    await expect
      .poll(() => screen.getByRole("button", { name: /Write into the text/ }).getAttribute("aria-disabled"))
      .toBe("true");
    expect(await violations()).toEqual([]);
  });

  test("another `for` is tried and written; what is no length is told", async () => {
    await atRule("ErrorsCritical");
    const field = await screen.findByLabelText("for");
    await fireEvent.input(field, { target: { value: "soon" } });
    await screen.findByText("a length of time: 90s, 5m, 1h30m");
    const number = screen.getByLabelText("Threshold", { selector: "input" }) as HTMLInputElement;
    await fireEvent.keyDown(number, { key: "ArrowUp" });
    expect(number.value).toBe("0.052");
    await fireEvent.keyDown(number, { key: "ArrowDown" });
    await fireEvent.input(field, { target: { value: "13m30s" } });
    await expect.poll(() => sent("rules.backtest").at(-1)).toMatchObject({ hold_ms: 810_000 });
    await fireEvent.change(screen.getByLabelText("Range"), { target: { value: "7d" } });
    await expect.poll(() => sent("rules.backtest").at(-1)).toMatchObject({ over_ms: 7 * 86_400_000 });
    await fireEvent.click(screen.getByRole("button", { name: /Write into the text/ }));
    expect((await area()).value).toContain("ratio_rate5m > 0.05\n        for: 13m30s");
  });

  test("a backtest that takes long says so and can be cancelled", async () => {
    await atRule("ErrorsCritical");
    await screen.findByText(/it would have fired 2 times/);
    host.trouble.lag = 60_000;
    await fireEvent.input(screen.getByLabelText("Threshold", { selector: "input" }), {
      target: { value: "0.07" },
    });
    await screen.findByRole("progressbar", { name: "The backtest runs" });
    await fireEvent.click(screen.getByRole("button", { name: "Cancel" }));
    await screen.findByText("Not tried: it was cancelled.");
    expect(screen.queryByRole("progressbar")).toBeNull();
  });

  test("a rule without a number has no threshold to move", async () => {
    await atRule("NodeUnreachable");
    await screen.findByText(/compares with no number/);
    expect(screen.queryByRole("slider")).toBeNull();
  });

  test("unit tests are run against what is written, and say what was expected and got", async () => {
    await atRule("ErrorsCritical");
    await fireEvent.click(screen.getByRole("tab", { name: "Unit tests" }));
    const tests = (await screen.findByLabelText("Unit tests as YAML")) as HTMLTextAreaElement;
    expect(tests.value).toContain("rule_files: [services.yaml]");
    await fireEvent.click(screen.getByRole("button", { name: /^Run/ }));
    let results = await screen.findByRole("list", { name: "Results" });
    expect(within(results).getByText("passed")).toBeTruthy();
    expect(sent("rules.test").at(-1)).toMatchObject({ rules: (await area()).value });
    const expected = "exp_alerts:\n          - exp_labels: { severity: critical }";
    await fireEvent.input(tests, { target: { value: tests.value.replace("exp_alerts: []", expected) } });
    await fireEvent.click(screen.getByRole("button", { name: /^Run/ }));
    results = await screen.findByRole("list", { name: "Results" });
    await within(results).findByText("failed");
    expect(within(results).getByText("expected").nextElementSibling?.textContent).toMatch(
      /severity="critical"/,
    );
    expect(within(results).getByText("got").nextElementSibling?.textContent).toBe("nothing");
    expect(await violations()).toEqual([]);
  });

  test("what cannot be read, checked or tried is said", async () => {
    failing("rules.file");
    const first = render(RuleEditor, { name: "services" });
    await screen.findByText("The file could not be read");
    first.unmount();
    host = mockHost({ every: 60_000 });
    useHost(host);
    failing("rules.backtest");
    await atRule("ErrorsCritical");
    await screen.findByText("It could not be tried");
  });
});

describe("a threshold as a line", () => {
  const laid = { left: 70, top: 10, width: 400, height: 200, from: 0, to: 1, low: 0, high: 0.1 };
  function line() {
    const told = { moved: [] as number[], settled: [] as number[] };
    const shown = render(ThresholdLine, {
      value: 0.05,
      laid,
      about: 0.05,
      words: String,
      onmove: (to: number) => void told.moved.push(to),
      onsettle: (to: number) => void told.settled.push(to),
    });
    return { ...told, ...shown, slider: screen.getByRole("slider") };
  }

  test("it is dragged to what the axis has there, and never beyond the picture", async () => {
    const { slider, moved, settled } = line();
    expect(slider.style.top).toBe("110px");
    await fireEvent.pointerMove(slider, { clientY: 60 });
    expect(moved).toEqual([]);
    await fireEvent.pointerDown(slider, { button: 0, clientY: 110 });
    await fireEvent.pointerMove(slider, { clientY: 60 });
    await fireEvent.pointerMove(slider, { clientY: -500 });
    expect(moved).toEqual([0.0752, 0.1]);
    await fireEvent.pointerUp(slider);
    expect(settled).toEqual([0.05]);
  });

  test("arrow keys move it by a step, with Shift by a fifth, other keys not", async () => {
    const { slider, settled } = line();
    for (const key of ["ArrowUp", "ArrowDown", "PageDown", "a"]) await fireEvent.keyDown(slider, { key });
    await fireEvent.keyDown(slider, { key: "ArrowRight", shiftKey: true });
    expect(settled).toEqual([0.052, 0.048, 0.03, 0.0504]);
  });
});

test("every page has its address", async () => {
  goTo("#/alerts/rules");
  const { unmount } = render(Alerts);
  await screen.findByRole("grid", { name: "Rules" });
  goTo(`#/alerts/${FIRING}`);
  await screen.findByRole("heading", { name: "ErrorsCritical" });
  goTo("#/alerts");
  await screen.findByRole("grid", { name: "Alerts" });
  unmount();
});

test("the made-up past answers a backtest as the backend words it", async () => {
  const yaml = answerOf<{ name: string; yaml: string }[]>("rules.presets")[0]?.yaml ?? "";
  const view: BacktestView = await host.ask("rules.backtest", {
    yaml,
    group: "services",
    place: 2,
    threshold: 1,
  });
  expect(view).toMatchObject({ fired: 0, spared: 0, words: "In 1d it would have told nobody." });
});
