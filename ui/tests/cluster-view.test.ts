import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type NoticesPage, type ObjectDiff, type ObjectsPage, type PodsPage, useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { FIRST, switchEnvironment } from "@/lib/environment.svelte";
import { setTheme } from "@/lib/theme/theme.svelte";
import App from "@/shell/App.svelte";
import { keyOf, pickedOf, STANDINGS, staleness } from "@/views/cluster/words";

let host: MockHost;
/** What some requests answer, made from what was recorded. */
let changed: Record<string, (answer: never) => unknown>;

const at = (hash: string) => {
  window.location.hash = hash;
  return render(App);
};
const press = (key: string) => fireEvent.keyDown(document.body, { key });
const asked = (name: string) => host.asked.filter((a) => a.name === name).map(({ params }) => params);
const recorded = async <T>(name: string, params: object = {}) =>
  (await host.ask(name as never, params as never)) as T;
const rowsOf = async (name: string) => {
  const grid = await screen.findByRole("grid", { name });
  await waitFor(() => expect(within(grid).getAllByRole("row").length).toBeGreaterThan(1));
  return within(grid).getAllByRole("row").slice(1);
};
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  switchEnvironment("shop");
  changed = {};
  document.documentElement.lang = "en";
  host = mockHost({ every: 60_000, cluster: true });
  const { watch } = host;
  host.watch = ((name, params, seen) =>
    watch.call(host, name, params, (frame) =>
      seen(
        frame.kind === "problem" || !changed[name]
          ? (frame as never)
          : ({ ...frame, answer: changed[name](frame.answer as never) } as never),
      ),
    )) as MockHost["watch"];
  useHost(host);
});
afterEach(() => {
  switchEnvironment(FIRST);
  setTheme("dark");
});

describe("where it is", () => {
  test("it stands in the rail of an environment in a cluster, and in no other", async () => {
    const { unmount } = at("#/bridge");
    const rail = await screen.findByRole("navigation", { name: "Views" });
    await within(rail).findByText("Cluster");
    unmount();
    switchEnvironment(FIRST);
    at("#/cluster");
    await screen.findByText("The services of this environment run on this machine.");
    const views = screen.getByRole("navigation", { name: "Views" });
    expect(within(views).queryByText("Cluster")).toBeNull();
    expect(asked("cluster.objects")).toEqual([]);
  });

  test("g k goes there, and 1 2 3 change what is shown", async () => {
    at("#/bridge");
    await screen.findByRole("navigation", { name: "Views" });
    await press("g");
    await press("k");
    await rowsOf("Objects");
    await press("2");
    await rowsOf("Pods");
    expect(window.location.hash).toBe("#/cluster/pods");
    await press("3");
    await rowsOf("Events");
  });
});

describe("what stands", () => {
  test("what is not well comes first, with its shape, its word and the reason", async () => {
    const { rows } = await recorded<ObjectsPage>("cluster.objects");
    const [worst] = rows;
    expect(["bad", "warn"]).toContain(worst?.standing);
    expect(rows.at(-1)?.standing).toBe("idle");
    at("#/cluster");
    const [first] = await rowsOf("Objects");
    expect(
      within(first as HTMLElement).getByRole("img", { name: STANDINGS[worst?.standing ?? "good"] }),
    ).toBeTruthy();
    expect(first?.textContent).toContain(rows[0]?.name);
    expect(first?.textContent).toContain(rows[0]?.why ?? rows[0]?.state);
    const panel = screen.getByRole("region", { name: "Objects" });
    expect(panel.textContent).toMatch(/not well/);
  });

  test("one service’s alone, and every service’s again", async () => {
    at("#/cluster?service=basket");
    await waitFor(() => expect(asked("cluster.objects").at(-1)).toMatchObject({ service: "basket" }));
    for (const row of await rowsOf("Objects")) expect(row.textContent).toContain("basket");
    await press("0");
    await waitFor(() => expect(asked("cluster.objects").at(-1)).not.toHaveProperty("service"));
    expect(window.location.hash).not.toContain("service");
  });

  test("order, filter and kind are the backend’s", async () => {
    at("#/cluster");
    await rowsOf("Objects");
    await fireEvent.change(screen.getByLabelText("Kind"), { target: { value: "HTTPRoute" } });
    await waitFor(() => expect(asked("cluster.objects").at(-1)).toMatchObject({ kind: "HTTPRoute" }));
    await fireEvent.click(screen.getByRole("button", { name: /^name/ }));
    await waitFor(() => expect(asked("cluster.objects").at(-1)).toMatchObject({ sort: "name" }));
    await press("/");
    const filter = screen.getByLabelText(/Filter objects/);
    expect(document.activeElement).toBe(filter);
    await fireEvent.input(filter, { target: { value: "nothing has this name" } });
    await screen.findByText("Nothing matches “nothing has this name”.");
  });

  test("pods say why they are not ready, and u leaves the others out", async () => {
    const { rows } = await recorded<PodsPage>("cluster.pods");
    const crashing = rows.find(({ phase }) => phase === "CrashLoopBackOff");
    expect(crashing?.why).toMatch(/^it keeps ending/);
    at("#/cluster/pods");
    await rowsOf("Pods");
    expect(screen.getAllByText(/^it keeps ending/).length).toBeGreaterThan(0);
    await press("u");
    await waitFor(() => expect(asked("cluster.pods").at(-1)).toMatchObject({ trouble_only: true }));
  });

  test("warnings come first, marked by shape and word", async () => {
    const { rows } = await recorded<NoticesPage>("cluster.events");
    expect(rows[0]?.warning).toBe(true);
    expect(rows.at(-1)?.warning).toBe(false);
    at("#/cluster/events");
    const [first] = await rowsOf("Events");
    expect(within(first as HTMLElement).getByText("warning")).toBeTruthy();
    expect(first?.querySelector(".mark.warn")).toBeTruthy();
    await press("o");
    await waitFor(() => expect(asked("cluster.events").at(-1)).toMatchObject({ sort: "newest" }));
  });
});

describe("one object", () => {
  test("j, Enter and Esc open and close it; its text is without managers until m", async () => {
    at("#/cluster?service=basket");
    await rowsOf("Objects");
    await press("j");
    await fireEvent.keyDown(screen.getByRole("grid", { name: "Objects" }), { key: "Enter" });
    await screen.findByRole("group", { name: /basket/ });
    await screen.findByText(/folded away$/);
    const text = screen.getByRole("region", { name: /^YAML of/ });
    expect(text.textContent).toMatch(/^apiVersion: /);
    expect(text.textContent).not.toContain("managedFields");
    await press("m");
    await waitFor(() => expect(asked("cluster.yaml").at(-1)).toMatchObject({ managed: true }));
    await press("Escape");
    await waitFor(() => expect(screen.queryByRole("group", { name: /basket/ })).toBeNull());
    expect(document.activeElement).toBe(screen.getByRole("grid", { name: "Objects" }));
  });

  test("what differs is said field by field with who owns it", async () => {
    const diff = await recorded<ObjectDiff>("cluster.diff", { kind: "Service", name: "catalogue" });
    expect(diff.fields[0]).toMatchObject({ state: "differs", field: "spec.selector.tier" });
    at("#/cluster?open=Service/catalogue&part=diff");
    const fields = await screen.findByRole("list", { name: "Fields" });
    const [first] = within(fields).getAllByRole("listitem");
    expect(first?.textContent).toContain("differs");
    expect(first?.textContent).toContain("argocd-controller");
    const before = within(fields).getAllByRole("listitem").length;
    await press("a");
    await waitFor(() => expect(within(fields).getAllByRole("listitem").length).toBeGreaterThan(before));
  });

  test("a field that was taken over is told from one that differs", async () => {
    at("#/cluster?open=Deployment/basket-green&part=diff");
    const fields = await screen.findByRole("list", { name: "Fields" });
    expect(fields.textContent).toContain("taken over");
    expect(fields.textContent).toContain("spec.replicas");
    expect(fields.textContent).toContain("kubectl-edit");
  });

  test("a pod’s lines, and what the container before it printed", async () => {
    const { rows } = await recorded<PodsPage>("cluster.pods");
    const pod = rows.find(({ slot, standing }) => slot === "green" && standing === "good")?.name as string;
    at(`#/cluster/pods?open=Pod/${pod}`);
    const log = await screen.findByRole("log", { name: `Log of ${pod}` });
    await within(log).findByText("cache warmed in 812 ms");
    // What came after the first answer is appended.
    await within(log).findByText("GET /basket 200 3.0 ms");
    await press("p");
    await screen.findByText("out of memory: the heap is full");
    expect(asked("cluster.logs").at(-1)).toMatchObject({ previous: true });
    await press("e");
    await screen.findByRole("grid", { name: `Events of ${pod}` });
  });

  test("one that is gone says so", async () => {
    host.trouble.fail["cluster.yaml"] = {
      code: "platform.broken",
      message: "Deployment basket is not there",
    };
    at("#/cluster?open=Deployment/basket&part=yaml");
    await screen.findByText("The object could not be read");
    await screen.findByText(/Deployment basket is not there/);
  });

  test("what is no object opens nothing", async () => {
    at("#/cluster?open=Secret/basket");
    await rowsOf("Objects");
    expect(screen.queryByRole("group", { name: /Secret/ })).toBeNull();
    expect(asked("cluster.yaml")).toEqual([]);
  });

  test("nothing there writes", async () => {
    at("#/cluster?open=Deployment/basket-green&part=yaml");
    await rowsOf("Objects");
    await screen.findByRole("region", { name: /^YAML of/ });
    const main = screen.getByRole("main");
    for (const button of within(main).getAllByRole("button"))
      expect(button.textContent).not.toMatch(/delete|edit|scale|restart|apply$/i);
  });
});

describe("when it is not so", () => {
  test("what is stale says since when and why, and stays", async () => {
    changed["cluster.pods"] = (page: PodsPage) => ({
      ...page,
      freshness: {
        follows: false,
        at: new Date(Date.now() - 250_000).toISOString(),
        trouble: "watch pods: cut",
      },
    });
    at("#/cluster/pods");
    await rowsOf("Pods");
    expect((await screen.findByText(/as of 4\smin ago: watch pods: cut/)).closest(".stale")).toBeTruthy();
  });

  test("what may not be seen is told from what is not there", async () => {
    changed["cluster.events"] = (page: NoticesPage) => ({
      ...page,
      ...{ total: 0, warnings: 0, rows: [] },
      freshness: { follows: false, at: null, trouble: "get events: forbidden" },
    });
    at("#/cluster/events");
    await screen.findByText("The events are not known.");
    expect(screen.getAllByText(/forbidden/).length).toBeGreaterThan(0);
    expect(screen.queryByText("The cluster has nothing to say.")).toBeNull();
  });

  test("an empty namespace, a cluster that cannot be asked", async () => {
    changed["cluster.objects"] = (page: ObjectsPage) => ({ ...page, total: 0, trouble: 0, rows: [] });
    const { unmount } = at("#/cluster");
    await screen.findByText("Nothing stands here.");
    unmount();
    host.trouble.fail["cluster.objects"] = { code: "platform.unreachable", message: "no route to host" };
    at("#/cluster");
    await screen.findByText("The objects could not be read");
  });
});

test("nothing offends, in any theme and any part", async () => {
  const { rows } = await recorded<PodsPage>("cluster.pods");
  const pod = rows.find(({ slot, standing }) => slot === "green" && standing === "good")?.name;
  for (const [theme, hash] of [
    ["dark", "#/cluster"],
    ["light", `#/cluster/pods?open=Pod/${pod}`],
    ["contrast", "#/cluster/events?open=Service/catalogue&part=diff"],
  ] as const) {
    setTheme(theme);
    const { unmount } = at(hash);
    await screen.findAllByRole("row");
    if (hash.includes("open")) await screen.findByRole("group", { name: /Pod|Service/ });
    expect(await violations()).toEqual([]);
    unmount();
  }
}, 120_000);

test("words", () => {
  expect(pickedOf("Deployment/web")).toEqual({ kind: "Deployment", name: "web" });
  expect(pickedOf("Secret/web")).toBeNull();
  expect(pickedOf("Deployment")).toBeNull();
  expect(pickedOf(null)).toBeNull();
  expect(keyOf("  - name: web")).toEqual(["  - ", "name", ": web"]);
  expect(keyOf('    "f:spec": {}')).toEqual(["    ", '"f:spec"', ": {}"]);
  expect(keyOf("- a plain line")).toBeNull();
  expect(staleness({ follows: true, at: null, trouble: null })).toBeNull();
  expect(staleness({ follows: false, at: null, trouble: null })).toMatch(/not said all/);
});
