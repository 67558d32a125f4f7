import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ClusterView, type ServiceView, type Settings, useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import { opening } from "@/lib/access.svelte";
import { FIRST, switchEnvironment } from "@/lib/environment.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import App from "@/shell/App.svelte";
import { closeStart } from "@/views/rollouts/start.svelte";

let host: MockHost;
/** What some requests answer, made from what the mock says. */
let changed: Record<string, (answer: never) => unknown>;

function use(): void {
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
}
const at = (hash: string) => {
  window.location.hash = hash;
  return render(App);
};
const button = (name: string | RegExp, within_: HTMLElement = document.body) =>
  within(within_).findByRole("button", { name });
const off = (found: HTMLElement) => found.getAttribute("aria-disabled") === "true";
const asked = (name: string) => host.asked.filter((a) => a.name === name).map(({ params }) => params);
const type = (inside: HTMLElement, label: string | RegExp, value: string) =>
  fireEvent.input(within(inside).getByLabelText(label), { target: { value } });
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
async function openIt(reason = "release of basket 42"): Promise<void> {
  await fireEvent.click(await button("Open for a while…"));
  const dialog = await screen.findByRole("dialog", { name: "Open shop for a while" });
  await type(dialog, /^Reason/, reason);
  await fireEvent.click(await button("Open it", dialog));
  await screen.findByRole("region", { name: "shop is open for a while" });
}

beforeEach(() => {
  switchEnvironment("shop");
  changed = {};
  document.documentElement.lang = "en";
  use();
});
afterEach(() => {
  switchEnvironment(FIRST);
  opening.open = false;
  closeStart();
  toasts().forEach((toast) => dismiss(toast.id));
});

describe("the panel", () => {
  test("which cluster, as whom and what is missing; nothing offends", async () => {
    at("#/services");
    const panel = await screen.findByRole("region", { name: "Cluster" });
    await within(panel).findByText("prod-eu");
    for (const words of ["v1.36.3", /^ana@example.org/, "https://prometheus.monitoring:9090"])
      expect(within(panel).getByText(words)).toBeTruthy();
    expect(within(panel).getByText("list horizontalpodautoscalers.autoscaling")).toBeTruthy();
    expect(screen.queryByRole("region", { name: "Node" })).toBeNull();
    expect(screen.queryByRole("button", { name: /Define a service/ })).toBeNull();
    await screen.findByText("catalogue");
    expect(await violations()).toEqual([]);
  }, 120_000);

  test("without a right for the way back it is loud, and that one comes first", async () => {
    changed["cluster.show"] = (view: ClusterView) => ({
      ...view,
      can_take_back: false,
      metrics: null,
      missing: [
        ...view.missing,
        { right: "patch httproutes", why: "traffic cannot be moved", for_the_way_back: true },
      ],
    });
    at("#/services");
    expect((await screen.findByRole("alert")).textContent).toContain("The way back is shut");
    const [first] = within(screen.getByRole("list", { name: "Rights that are missing" })).getAllByRole(
      "listitem",
    );
    expect(first?.textContent).toContain("patch httproutes");
    expect(screen.getByText("nothing: errors cannot be judged")).toBeTruthy();
  });

  test("what was heard of long ago is marked as stale", async () => {
    changed["cluster.show"] = (view: ClusterView) => ({
      ...view,
      as_of: new Date(Date.now() - 250_000).toISOString(),
    });
    at("#/services");
    const panel = await screen.findByRole("region", { name: "Cluster" });
    expect((await within(panel).findByRole("img", { name: "stale" })).parentElement?.textContent).toMatch(
      /4\smin ago/,
    );
  });

  test("one that does not answer says why, and adopts nothing", async () => {
    changed["cluster.show"] = (view: ClusterView) => ({
      ...view,
      trouble: "no route to host",
      version: null,
    });
    at("#/services");
    expect((await screen.findByRole("alert")).textContent).toContain("no route to host");
    expect((await button(/Adopt a Deployment/)).getAttribute("title")).toBe("the cluster does not answer");
  });

  test("one that cannot be asked is said, not hidden", async () => {
    host.trouble.fail["cluster.show"] = { code: "window.offline", message: "nobody is there" };
    at("#/services");
    expect((await screen.findByRole("alert")).textContent).toContain("The cluster could not be asked");
  });
});

describe("adopting", () => {
  async function dialogOf(deployment: string): Promise<HTMLElement> {
    const adopt = await button(/Adopt a Deployment/);
    await waitFor(() => expect(off(adopt)).toBe(false));
    await fireEvent.click(adopt);
    const dialog = await screen.findByRole("dialog", { name: "Adopt a Deployment" });
    await type(dialog, /^Deployment/, deployment);
    await type(dialog, "HTTPRoute", deployment);
    return dialog;
  }
  const enter = (dialog: HTMLElement) =>
    fireEvent.keyDown(within(dialog).getByLabelText(/^Deployment/), { key: "Enter" });

  test("first every write is shown; read-only it may be looked at, not done", async () => {
    at("#/services");
    const dialog = await dialogOf("search");
    const adopt = await button("Adopt", dialog);
    expect(adopt.getAttribute("title")).toBe("See first what would be written");
    await enter(dialog);
    const steps = await within(dialog).findByRole("list", { name: "What would be written" });
    expect(within(steps).getAllByRole("listitem")).toHaveLength(3);
    expect(steps.textContent).toContain("HTTPRoute search leads to search-blue instead of search");
    expect(within(steps).getByLabelText("HTTPRoute search, as JSON").textContent).toContain("backendRefs");
    expect(adopt.getAttribute("title")).toContain("shop is read-only; open it for a while");
    expect(await violations()).toEqual([]);
    expect(asked("cluster.adopt")).toEqual([]);
  }, 60_000);

  test("once it is open it is done, and its page is shown; other words are another plan", async () => {
    at("#/services");
    await openIt();
    const dialog = await dialogOf("search");
    await enter(dialog);
    await within(dialog).findByRole("list", { name: "What would be written" });
    await type(dialog, "Container", "app");
    expect(within(dialog).queryByRole("list", { name: "What would be written" })).toBeNull();
    await enter(dialog);
    await within(dialog).findByRole("list", { name: "What would be written" });
    await fireEvent.click(await button("Adopt", dialog));
    await waitFor(() => expect(window.location.hash).toBe("#/services/search"));
    expect(asked("cluster.adopt")).toEqual([{ deployment: "search", route: "search", container: "app" }]);
  }, 60_000);

  test("what cannot be adopted, and what is adopted already", async () => {
    at("#/services");
    const dialog = await dialogOf("nowhere");
    await enter(dialog);
    expect((await within(dialog).findByRole("alert")).textContent).toContain("no Deployment nowhere");
    await type(dialog, "VirtualService", "nowhere");
    expect((await button("Adopt", dialog)).getAttribute("title")).toContain("one of them");
    await type(dialog, "VirtualService", "");
    await type(dialog, /^Deployment/, "basket");
    await enter(dialog);
    await within(dialog).findByText(/basket is adopted already/);
    expect((await button("Adopt", dialog)).getAttribute("title")).toBe("It is adopted already");
  });
});

describe("a service", () => {
  test("images stand by their slots; pods have no pid, no port and no definition", async () => {
    at("#/services/basket");
    const blue = await screen.findByRole("region", { name: "blue" });
    expect(within(blue).getByText("registry.example.org/shop/basket:42")).toBeTruthy();
    const heads = within(blue).getAllByRole("columnheader");
    expect(heads.map((h) => h.textContent)).toEqual(["instance", "state", "restarts", "age"]);
    expect(blue.textContent).not.toContain("in flight");
    expect(screen.queryByRole("tab", { name: "Definition" })).toBeNull();
    expect(screen.queryByRole("button", { name: /^Remove/ })).toBeNull();
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("on this machine they have all of it", async () => {
    switchEnvironment("training");
    at("#/services/checkout");
    const blue = await screen.findByRole("region", { name: "blue" });
    const heads = within(blue).getAllByRole("columnheader");
    expect(heads.map((h) => h.textContent)).toContain("pid");
    await screen.findByRole("tab", { name: "Definition" });
    await button(/^Remove/);
  });

  test("a change from elsewhere is loud: what, by whom, and what still works", async () => {
    at("#/services/catalogue");
    const note = await screen.findByRole("alert");
    expect(note.textContent).toContain("selects the pods of blue");
    expect(note.textContent).toContain("kubectl-edit");
    expect(note.textContent).toContain(
      "Forward moves are refused until one of the two holds; the way back works.",
    );
    expect(await violations()).toEqual([]);
  }, 60_000);

  test("without a name it says that nobody knows", async () => {
    changed["services.show"] = (view: ServiceView) => ({
      ...view,
      observation: { ...view.observation, drift: { what: "weights are 50 and 50" } },
    });
    at("#/services/basket");
    expect((await screen.findByRole("alert")).textContent).toContain("By whom is not known");
  });

  test("a change from elsewhere is settled after a question: theirs is kept, or ours written again", async () => {
    at("#/services/catalogue");
    const note = await screen.findByRole("alert");
    const keep = await button("Keep theirs…", note);
    await waitFor(() => expect(keep.getAttribute("title")).toContain("shop is read-only"));
    await openIt();
    await waitFor(() => expect(off(keep)).toBe(false));
    await fireEvent.click(await button("Write ours again…", note));
    const ours = await screen.findByRole("dialog", { name: "Write ours again" });
    expect(ours.textContent).toContain("kubectl-edit");
    await fireEvent.click(await button("Cancel", ours));
    await fireEvent.click(keep);
    const dialog = await screen.findByRole("dialog", { name: "Keep what kubectl-edit wrote" });
    expect(asked("cluster.settle")).toEqual([]);
    await fireEvent.click(await button("Keep theirs", dialog));
    await waitFor(() => expect(asked("cluster.settle")).toEqual([{ service: "catalogue", truth: "theirs" }]));
    await waitFor(() => expect(screen.queryByRole("alert")).toBe(null));
  }, 60_000);

  test("where instances decide the share, it is shown what they make of it now", async () => {
    changed["services.show"] = (view: ServiceView) => ({
      ...view,
      observation: { ...view.observation, reached: { blue: 25, green: 75 } },
    });
    at("#/services/basket");
    const blue = await screen.findByRole("region", { name: "blue" });
    await waitFor(() => expect(blue.textContent).toMatch(/25\s% by instances now/));
  });

  test("it is let go after a question, once it is open and nothing of it is under way", async () => {
    at("#/services/basket");
    const busy = await button("Let it go…");
    await waitFor(() => expect(busy.getAttribute("title")).toContain("shop is read-only"));
    await openIt();
    await waitFor(() => expect(busy.getAttribute("title")).toContain("a rollout of it is under way"));
    window.location.hash = "#/services/catalogue";
    await screen.findByRole("heading", { name: "catalogue" });
    const go = await button("Let it go…");
    await waitFor(() => expect(off(go)).toBe(false));
    await fireEvent.click(go);
    const dialog = await screen.findByRole("dialog", { name: "Let catalogue go" });
    expect(asked("cluster.release")).toEqual([]);
    await fireEvent.click(await button("Let it go", dialog));
    await waitFor(() => expect(asked("cluster.release")).toEqual([{ service: "catalogue" }]));
    await waitFor(() => expect(window.location.hash).toBe("#/services"));
  }, 60_000);
});

describe("starting", () => {
  test("the image is asked for in a cluster", async () => {
    at("#/services/basket");
    await screen.findByRole("region", { name: "blue" });
    await fireEvent.keyDown(document.body, { key: "s" });
    // Read-only: the shortcut says why; the form itself is reachable from everywhere.
    await openIt();
    await fireEvent.keyDown(document.body, { key: "s" });
    const dialog = await screen.findByRole("dialog", { name: "Start a rollout" });
    await type(dialog, /^Version/, "43");
    await within(dialog).findByText("Say which image", { selector: ".said" });
    await within(dialog).findByText("registry.example.org/shop/basket:41 now");
    await type(dialog, /^Image/, "registry.example.org/shop/basket:43");
    await waitFor(() =>
      expect(within(dialog).queryByText("Say which image", { selector: ".said" })).toBeNull(),
    );
  }, 60_000);
});

describe("settings", () => {
  const saved = () =>
    (asked("settings.change") as { settings: Settings }[]).at(-1)?.settings.environments.at(-1);

  test("an environment in a cluster is added: contexts from the file, production read-only", async () => {
    at("#/settings/environments");
    const card = await screen.findByRole("group", { name: "Environment shop" });
    expect(card.textContent).toContain("prod-eu / shop");
    await fireEvent.click(await button("Add one in a cluster…"));
    const dialog = await screen.findByRole("dialog", { name: "Add an environment in a cluster" });
    const context = within(dialog).getByLabelText<HTMLSelectElement>("Context");
    await waitFor(() => expect(context.value).toBe("prod-eu"));
    expect(within(dialog).getByText("empty: shop, as the context says")).toBeTruthy();
    await type(dialog, /^Name\s·/, "mart");
    await type(dialog, /^Data folder/, "/srv/mart");
    const readOnly = within(dialog).getByRole("switch", { name: "Read-only" });
    expect(readOnly.getAttribute("aria-checked")).toBe("false");
    await fireEvent.change(within(dialog).getByLabelText("Class"), { target: { value: "production" } });
    await waitFor(() => expect(readOnly.getAttribute("aria-checked")).toBe("true"));
    await type(dialog, "Prometheus", "http://p:9090");
    await type(dialog, "Its token", "nope");
    await within(dialog).findByText(/no secret of this name is kept yet/);
    expect(await violations()).toEqual([]);
    await fireEvent.click(await button("Add", dialog));
    await waitFor(() => expect(saved()?.name).toBe("mart"));
    expect(saved()).toMatchObject({
      class: "production",
      read_only: true,
      cluster: { context: "prod-eu", metrics: { url: "http://p:9090", token: "nope" } },
    });
    await screen.findByRole("group", { name: "Environment mart" });
  }, 120_000);

  test("one that is there is changed; what is not asked for stays", async () => {
    at("#/settings/environments");
    await fireEvent.click(await button("Change where shop is"));
    const dialog = await screen.findByRole("dialog", { name: "Change shop" });
    await type(dialog, "Namespace", "shop-2");
    await fireEvent.click(await button("Save", dialog));
    await waitFor(() => expect(saved()?.cluster?.namespace).toBe("shop-2"));
    expect(saved()).toMatchObject({
      name: "shop",
      colour: "violet",
      read_only: true,
      cluster: { metrics: { token: "shop-prometheus" } },
    });
  });

  test("a kubeconfig that cannot be read is said beside it", async () => {
    host.trouble.fail["cluster.contexts"] = { code: "cluster.kubeconfig", message: "no such file" };
    at("#/settings/environments");
    await fireEvent.click(await button("Add one in a cluster…"));
    const dialog = await screen.findByRole("dialog", { name: "Add an environment in a cluster" });
    await within(dialog).findByText("no such file");
    expect(within(dialog).getByLabelText("Kubeconfig").getAttribute("aria-invalid")).toBe("true");
  });
});
