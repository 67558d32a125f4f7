import { fireEvent, render, screen } from "@testing-library/svelte";
import { createRawSnippet, flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import HoldButton from "@/parts/HoldButton.svelte";
import { HOLD_MS } from "@/parts/hold";

const children = createRawSnippet(() => ({ render: () => "<span>Hold to roll back</span>" }));

function show(props: { why?: string | null; busy?: boolean } = {}) {
  const onheld = vi.fn();
  render(HoldButton, { onheld, children, ...props });
  return { onheld, button: screen.getByRole("button") };
}
const wait = (ms: number) => {
  vi.advanceTimersByTime(ms);
  flushSync();
};
const progress = (button: HTMLElement) => (button.querySelector(".progress") as HTMLElement).style.transform;

beforeEach(
  () => void vi.useFakeTimers({ toFake: ["requestAnimationFrame", "cancelAnimationFrame", "performance"] }),
);
afterEach(() => void vi.useRealTimers());

describe("by pointer", () => {
  test("fires once after the whole time, not before", async () => {
    const { onheld, button } = show();
    await fireEvent.pointerDown(button, { button: 0 });
    wait(HOLD_MS - 50);
    expect(onheld).not.toHaveBeenCalled();
    expect(progress(button)).toMatch(/translateX\(-[5-9]\.?\d*%\)/);
    wait(100);
    expect(onheld).toHaveBeenCalledTimes(1);
    wait(3000);
    await fireEvent.pointerUp(button);
    expect(onheld).toHaveBeenCalledTimes(1);
    expect(progress(button)).toBe("translateX(-100%)");
  });

  test.each(["pointerUp", "pointerLeave", "pointerCancel", "blur"] as const)("%s lets go", async (event) => {
    const { onheld, button } = show();
    await fireEvent.pointerDown(button, { button: 0 });
    wait(HOLD_MS / 2);
    await fireEvent[event](button);
    wait(HOLD_MS * 2);
    expect(onheld).not.toHaveBeenCalled();
    expect(progress(button)).toBe("translateX(-100%)");
  });

  test("a click is no hold, and the other mouse button does nothing", async () => {
    const { onheld, button } = show();
    await fireEvent.click(button);
    await fireEvent.pointerDown(button, { button: 2 });
    wait(HOLD_MS * 2);
    expect(onheld).not.toHaveBeenCalled();
  });
});

describe("by keyboard", () => {
  test.each(["Enter", " "])("holding %j fires", async (key) => {
    const { onheld, button } = show();
    await fireEvent.keyDown(button, { key });
    for (let i = 0; i < 20; i++) {
      await fireEvent.keyDown(button, { key, repeat: true });
      wait(40);
    }
    expect(onheld).toHaveBeenCalledTimes(1);
  });

  test("a key that was down before the button had the focus does not begin", async () => {
    const { onheld, button } = show();
    await fireEvent.keyDown(button, { key: "Enter", repeat: true });
    wait(HOLD_MS * 2);
    expect(onheld).not.toHaveBeenCalled();
  });

  test("letting go cancels; so does Esc, which then closes nothing", async () => {
    const { onheld, button } = show();
    await fireEvent.keyDown(button, { key: "Enter" });
    wait(300);
    await fireEvent.keyUp(button, { key: "Enter" });
    wait(HOLD_MS);
    await fireEvent.keyDown(button, { key: "Enter" });
    wait(300);
    const outside = vi.fn();
    document.addEventListener("keydown", outside);
    await fireEvent.keyDown(button, { key: "Escape" });
    expect(outside).not.toHaveBeenCalled();
    await fireEvent.keyDown(button, { key: "Escape" });
    expect(outside).toHaveBeenCalledTimes(1);
    document.removeEventListener("keydown", outside);
    wait(HOLD_MS);
    expect(onheld).not.toHaveBeenCalled();
  });
});

test("off it says why, stays reachable and does nothing", async () => {
  const { onheld, button } = show({ why: "Choose a service first" });
  expect(button.getAttribute("aria-disabled")).toBe("true");
  expect(document.getElementById(button.getAttribute("aria-describedby") ?? "")?.textContent).toBe(
    "Choose a service first",
  );
  await fireEvent.pointerDown(button, { button: 0 });
  await fireEvent.keyDown(button, { key: "Enter" });
  wait(HOLD_MS * 2);
  expect(onheld).not.toHaveBeenCalled();
});
