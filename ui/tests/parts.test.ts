import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { createRawSnippet } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { modalOpen } from "@/lib/modal.svelte";
import { dismiss, toasts } from "@/lib/toasts.svelte";
import ConfirmDialog from "@/parts/ConfirmDialog.svelte";
import Copy from "@/parts/Copy.svelte";
import FormDialog from "@/parts/FormDialog.svelte";
import Select from "@/parts/Select.svelte";
import Tabs from "@/parts/Tabs.svelte";

const text = (words: string) => createRawSnippet(() => ({ render: () => `<p>${words}</p>` }));
const key = (k: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key: k, ...init });
async function violations(): Promise<string[]> {
  const found = await axe.run(document.body, {
    // jsdom paints nothing; a part by itself is no page.
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "parts";
});
afterEach(() => {
  toasts().forEach((toast) => dismiss(toast.id));
  vi.unstubAllGlobals();
});

describe("tabs", () => {
  const tabs = [
    { id: "output", title: "Output", count: 3 },
    { id: "revisions", title: "Revisions" },
    { id: "definition", title: "Definition" },
  ];
  const tab = (name: RegExp | string) => screen.getByRole("tab", { name });
  const chosen = () => screen.getByRole("tab", { selected: true }).textContent?.trim();
  function shown(value = "output") {
    const onchange = vi.fn();
    render(Tabs, { label: "More", value, tabs, onchange });
    tab(/Output/).focus();
    return onchange;
  }

  test("have a name, one stop for Tab, and say which is chosen", async () => {
    shown();
    expect(screen.getByRole("tablist", { name: "More" })).toBeTruthy();
    expect(screen.getAllByRole("tab").map((t) => t.tabIndex)).toEqual([0, -1, -1]);
    expect(tab("Output 3").getAttribute("aria-selected")).toBe("true");
    expect(await violations()).toEqual([]);
  });
  test("arrows choose and take the focus along, round the ends", async () => {
    const onchange = shown();
    await key("ArrowRight");
    expect(document.activeElement).toBe(tab("Revisions"));
    expect(chosen()).toBe("Revisions");
    expect(tab("Revisions").tabIndex).toBe(0);
    await key("ArrowLeft");
    await key("ArrowLeft");
    expect(document.activeElement).toBe(tab("Definition"));
    expect(onchange.mock.calls.flat()).toEqual(["revisions", "output", "definition"]);
  });
  test("Home and End go to the ends; other keys are left to others", async () => {
    shown();
    await key("End");
    expect(document.activeElement).toBe(tab("Definition"));
    await key("Home");
    expect(document.activeElement).toBe(tab(/Output/));
    // True: nobody has prevented it.
    expect(await key("ArrowDown")).toBe(true);
    expect(await key("End")).toBe(false);
  });
  test("a click chooses", async () => {
    const onchange = shown();
    await fireEvent.click(tab("Definition"));
    expect(chosen()).toBe("Definition");
    expect(onchange).toHaveBeenCalledWith("definition");
  });
});

describe("a select", () => {
  const options = [
    { value: "a", title: "Alpha" },
    { value: "b", title: "Beta", why: "not here" },
    { value: "c", title: "Gamma" },
  ];

  test("is found by its label, shown or not, and tells what is chosen", async () => {
    const onchange = vi.fn();
    render(Select, { label: "Plan", value: "a", options, bare: true, onchange });
    const select = screen.getByRole("combobox", { name: "Plan" });
    expect(screen.getByText("Plan").className).toContain("aloud");
    await fireEvent.change(select, { target: { value: "c" } });
    expect(onchange).toHaveBeenCalledWith("c");
    expect((select as HTMLSelectElement).value).toBe("c");
    expect(await violations()).toEqual([]);
  });
  test("what cannot be chosen says why", () => {
    render(Select, { label: "Plan", value: "a", options });
    const off = screen.getByRole<HTMLOptionElement>("option", { name: "Beta (not here)" });
    expect(off.disabled).toBe(true);
    expect(screen.getByRole<HTMLOptionElement>("option", { name: "Gamma" }).disabled).toBe(false);
  });
});

describe("a question", () => {
  let opener: HTMLButtonElement;
  beforeEach(() => {
    opener = document.createElement("button");
    opener.textContent = "Pause…";
    document.body.append(opener);
    opener.focus();
  });
  afterEach(() => opener.remove());

  function asked(props: { note?: string; noteNeeded?: boolean; onconfirm?: () => Promise<void> } = {}) {
    const onconfirm = vi.fn(props.onconfirm ?? (async () => {}));
    const onclose = vi.fn(() => view.unmount());
    const view = render(ConfirmDialog, {
      title: "Pause checkout",
      confirm: "Pause it",
      children: text("It holds where it stands."),
      ...props,
      onconfirm,
      onclose,
    });
    return { onconfirm, onclose, dialog: screen.getByRole("dialog", { name: "Pause checkout" }) };
  }
  const send = (dialog: HTMLElement) => within(dialog).getByRole("button", { name: "Pause it" });

  test("is read by its title and takes the focus; Esc and Cancel give it back", async () => {
    const first = asked({ note: "Reason" });
    expect(modalOpen()).toBe(true);
    expect(document.activeElement).toBe(within(first.dialog).getByLabelText("Reason"));
    expect(await violations()).toEqual([]);
    await fireEvent(first.dialog, new Event("cancel", { cancelable: true }));
    await waitFor(() => expect(document.activeElement).toBe(opener));
    expect(modalOpen()).toBe(false);
    const second = asked();
    expect(second.dialog.contains(document.activeElement)).toBe(true);
    await fireEvent.click(within(second.dialog).getByRole("button", { name: "Cancel" }));
    await waitFor(() => expect(document.activeElement).toBe(opener));
    expect(first.onconfirm).not.toHaveBeenCalled();
    expect(second.onconfirm).not.toHaveBeenCalled();
  });
  test("a needed note holds it, and says so where it is read; then it goes, trimmed", async () => {
    const { dialog, onconfirm, onclose } = asked({ note: "Reason", noteNeeded: true });
    expect(send(dialog).getAttribute("aria-disabled")).toBe("true");
    const told = document.getElementById(send(dialog).getAttribute("aria-describedby") ?? "");
    expect(told?.textContent).toBe("Reason is needed");
    await key("Enter", { ctrlKey: true });
    expect(onconfirm).not.toHaveBeenCalled();
    await fireEvent.input(within(dialog).getByLabelText(/^Reason/), { target: { value: " odd errors " } });
    await key("Enter", { ctrlKey: true });
    await waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(onconfirm).toHaveBeenCalledWith("odd errors");
    expect(document.activeElement).toBe(opener);
  });
  test("what fails is shown in it, and it stays to be tried again", async () => {
    let fails = true;
    const onconfirm = async () => {
      if (fails) throw { code: "refused.no", message: "it is over already" };
    };
    const { dialog, onclose } = asked({ onconfirm });
    await fireEvent.click(send(dialog));
    expect((await within(dialog).findByRole("alert")).textContent).toContain("it is over already");
    expect(onclose).not.toHaveBeenCalled();
    fails = false;
    await fireEvent.click(send(dialog));
    await waitFor(() => expect(onclose).toHaveBeenCalled());
  });
  test("while it is under way a second Enter does nothing", async () => {
    let over = () => {};
    const { dialog, onconfirm } = asked({ onconfirm: () => new Promise((done) => (over = done)) });
    await fireEvent.click(send(dialog));
    await fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
    expect(onconfirm).toHaveBeenCalledTimes(1);
    expect(send(dialog).getAttribute("aria-busy")).toBe("true");
    over();
  });
});

test("a form that is done has the focus on what is next", async () => {
  const done = createRawSnippet(() => ({ render: () => "<button>Close</button>" }));
  const props = { title: "Export", verb: "Write", onclose: () => {}, children: text("Where to?") };
  const onsubmit = async (): Promise<void> => view.rerender({ ...props, onsubmit, done });
  const view = render(FormDialog, { ...props, onsubmit });
  await fireEvent.click(screen.getByRole("button", { name: "Write" }));
  const close = await screen.findByText("Close", { selector: ".foot button" });
  await waitFor(() => expect(document.activeElement).toBe(close));
  expect(screen.queryByRole("button", { name: "Write" })).toBeNull();
});

describe("copying", () => {
  const button = () => screen.getByRole("button", { name: "Copy details: the problem's details" });
  const said = () => toasts().map(({ text }) => text);
  function shown(writeText: (text: string) => Promise<void>) {
    vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText } });
    render(Copy, { text: "a: b", what: "the problem's details", label: "Copy details" });
    button().focus();
  }

  test("says what was copied and keeps the focus", async () => {
    const writeText = vi.fn(async () => {});
    shown(writeText);
    await fireEvent.click(button());
    expect(writeText).toHaveBeenCalledWith("a: b");
    await waitFor(() => expect(said()).toEqual(["Copied the problem's details"]));
    expect(document.activeElement).toBe(button());
    expect(await violations()).toEqual([]);
  });
  test("a desktop that does not let it is said", async () => {
    shown(async () => {
      throw new Error("no");
    });
    await fireEvent.click(button());
    await waitFor(() => expect(said()).toEqual(["The desktop did not let the problem's details be copied"]));
    expect(toasts()[0]?.mark).toBe("warn");
  });
});
