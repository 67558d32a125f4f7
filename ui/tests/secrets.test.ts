import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, expect, test } from "vitest";
import type { StatusLine } from "@/host";
import { useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import App from "@/shell/App.svelte";
import { AT, recordings, SECRETS } from "./fixtures/tasks";

const VALUE = "hunter2";
let host: MockHost;
const sets = () => host.asked.filter(({ name }) => name === "secrets.set").map(({ params }) => params);

async function open(rows = recordings): Promise<HTMLElement> {
  host = mockHost({ every: 60_000, recordings: rows });
  useHost(host);
  window.location.hash = "#/settings/secrets";
  render(App);
  const pane = await screen.findByRole("tabpanel", { name: "Secrets" });
  const add = await within(pane).findByRole("button", { name: /^Add/ });
  // Until it is known whether anything may be changed here, nothing is.
  await waitFor(() => expect(add.getAttribute("title")).not.toMatch(/not known yet/));
  return pane;
}
const listed = () => open([...recordings, { request: "secrets.list", params: {}, at: AT, answer: SECRETS }]);
async function fill(pane: HTMLElement, name: string, value: string): Promise<void> {
  await fireEvent.input(within(pane).getByLabelText("Name"), { target: { value: name } });
  await fireEvent.input(within(pane).getByLabelText("Value"), { target: { value } });
}
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
const field = (where: HTMLElement, label: RegExp | string) =>
  within(where).getByLabelText<HTMLInputElement>(label);

beforeEach(() => {
  document.documentElement.lang = "en";
});

test("empty it says what they are for; nothing offends", async () => {
  const pane = await open();
  expect(await within(pane).findByText("No secret is kept here.")).toBeTruthy();
  expect(within(pane).getByText("secrets: { PGPASSWORD: checkout-db }")).toBeTruthy();
  expect(within(pane).queryByText(/nothing is recorded/)).toBeNull();
  expect(await violations()).toEqual([]);
}, 30_000);

test("the list says where each is kept, when and by whom it was set", async () => {
  const pane = await listed();
  const rows = await within(pane).findAllByRole("listitem");
  expect(rows.map((row) => row.textContent?.replaceAll(/\s+/g, " "))).toEqual([
    expect.stringMatching(/checkout-db.*in the system’s keychain.*set 1 d ago by ana@bridge-7/),
    expect.stringMatching(/purge-token.*in a file that only you can read.*by ben@bridge-9/),
  ]);
  expect(rows[1]?.querySelector(".warn")?.textContent).toMatch(/no keychain\s+answered/);
  expect(await violations()).toEqual([]);
}, 30_000);

test("a value goes in, and is nowhere afterwards", async () => {
  const pane = await open();
  await fill(pane, "checkout-db", VALUE);
  expect(field(pane, "Value").type).toBe("password");
  await fireEvent.click(within(pane).getByRole("button", { name: /^Add/ }));
  await within(pane).findByRole("button", { name: "Replace checkout-db" });
  expect(sets()).toEqual([{ name: "checkout-db", value: VALUE }]);
  expect(field(pane, "Value").value).toBe("");
  expect(document.body.innerHTML).not.toContain(VALUE);
  expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain(VALUE);
});

test("what cannot be is said before it is sent", async () => {
  const pane = await listed();
  const add = within(pane).getByRole("button", { name: /^Add/ });
  await fill(pane, "check out", VALUE);
  expect(add.getAttribute("title")).toBe("letters, digits, _ - and . alone; at most 64");
  await fill(pane, "checkout-db", VALUE);
  expect(add.getAttribute("title")).toContain("there is one of this name");
  await fill(pane, "other", "");
  expect(add.getAttribute("title")).toBe("a value is needed");
  await fireEvent.click(add);
  expect(sets()).toEqual([]);
});

test("what was not taken stays typed, with the reason", async () => {
  const pane = await open();
  host.trouble.fail["secrets.set"] = { code: "secrets.keychain", message: "the keychain does not answer" };
  await fill(pane, "checkout-db", VALUE);
  await fireEvent.click(within(pane).getByRole("button", { name: /^Add/ }));
  await within(pane).findByText("the keychain does not answer");
  expect(field(pane, "Value").value).toBe(VALUE);
});

test("replaced and removed", async () => {
  const pane = await open();
  await fill(pane, "checkout-db", "first");
  await fireEvent.click(within(pane).getByRole("button", { name: /^Add/ }));
  await fireEvent.click(await within(pane).findByRole("button", { name: "Replace checkout-db" }));
  const dialog = await screen.findByRole("dialog", { name: "Replace checkout-db" });
  const fresh = field(dialog, /^New value/);
  expect(document.activeElement).toBe(fresh);
  expect(fresh.type).toBe("password");
  await fireEvent.input(fresh, { target: { value: VALUE } });
  expect(await violations()).toEqual([]);
  await fireEvent.click(within(dialog).getByRole("button", { name: "Replace" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(sets().at(-1)).toEqual({ name: "checkout-db", value: VALUE });
  // Opened again it knows nothing of what was typed.
  await fireEvent.click(within(pane).getByRole("button", { name: "Replace checkout-db" }));
  const again = await screen.findByRole("dialog", { name: "Replace checkout-db" });
  expect(field(again, /^New value/).value).toBe("");
  await fireEvent.click(within(again).getByRole("button", { name: "Cancel" }));

  await fireEvent.click(within(pane).getByRole("button", { name: "Remove checkout-db" }));
  const sure = await screen.findByRole("dialog", { name: "Remove checkout-db" });
  expect(within(sure).getByText(/cannot be brought back/)).toBeTruthy();
  await fireEvent.click(within(sure).getByRole("button", { name: "Remove it" }));
  await within(pane).findByText("No secret is kept here.");
}, 30_000);

test("where nothing may be changed, nothing is offered", async () => {
  const rows = recordings.map((r) => {
    if (r.request !== "status") return r;
    const line = r.answer as StatusLine;
    return { ...r, answer: { ...line, environment: { ...line.environment, read_only: true } } };
  });
  const pane = await open([...rows, { request: "secrets.list", params: {}, at: AT, answer: SECRETS }]);
  const replace = await within(pane).findByRole("button", { name: "Replace purge-token" });
  await waitFor(() => expect(replace.getAttribute("aria-disabled")).toBe("true"));
});
