import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, expect, test } from "vitest";
import { useHost } from "@/host";
import { type MockHost, mockHost } from "@/host/mock";
import CloseAsked from "@/shell/CloseAsked.svelte";

let host: MockHost;
const DRIVEN = [
  { environment: "shop", rollouts: 2 },
  { environment: "local", rollouts: 1 },
];
async function asked(driven = DRIVEN): Promise<HTMLElement> {
  host.askToClose(driven);
  return screen.findByRole("dialog");
}
const closed = () => host.asked.filter((a) => a.name === "close").map((a) => a.params);

beforeEach(() => {
  document.documentElement.lang = "en";
  useHost((host = mockHost()));
  render(CloseAsked);
});

test("three ways, the safest first, and what becomes of the rollouts", async () => {
  const dialog = await asked();
  const ways = within(dialog).getAllByRole("listitem");
  expect(ways.map((way) => within(way).getByRole("button").textContent?.trim())).toEqual([
    "Hand over to an agent and quit",
    "Keep driving in the tray",
    "Quit, nobody drives",
  ]);
  expect(dialog.textContent?.replaceAll(/\s+/g, " ")).toContain(
    "2 rollouts in shop, 1 rollout in local are under way",
  );
  expect((await axe.run(dialog, { rules: { "color-contrast": { enabled: false } } })).violations).toEqual([]);
});

test.each([
  [/Hand over/, "hand-to-agent"],
  [/tray/, "hide"],
  [/Quit, nobody/, "quit"],
])("%s is %s", async (name, how) => {
  const dialog = await asked();
  await fireEvent.click(within(dialog).getByRole("button", { name }));
  await waitFor(() => expect(closed()).toEqual([{ how }]));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});

test("Esc closes nothing", async () => {
  const dialog = await asked();
  await fireEvent(dialog, new Event("cancel", { cancelable: true }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect(closed()).toEqual([]);
});

test("an agent that does not start is said, and the window stays", async () => {
  host.window.close = () => Promise.reject({ code: "agent.start", message: "no program" });
  const dialog = await asked([{ environment: "shop", rollouts: 1 }]);
  expect(dialog.textContent).toContain("is under way");
  await fireEvent.click(within(dialog).getByRole("button", { name: /Hand over/ }));
  expect(await within(dialog).findByText("no program")).toBeTruthy();
  expect(screen.getByRole("dialog")).toBe(dialog);
});
