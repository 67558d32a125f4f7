import { fireEvent, render } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import Tip from "@/shell/Tip.svelte";

let control: HTMLElement;
let tip: HTMLElement;
const REST = 700;
const rest = async (ms = REST) => vi.advanceTimersByTimeAsync(ms);
const over = (on: Element) => {
  document.elementFromPoint = () => (on.isConnected ? on : document.body);
  return fireEvent.pointerMove(on, { clientX: 10, clientY: 10 });
};

beforeEach(() => {
  vi.useFakeTimers();
  control = document.body.appendChild(document.createElement("button"));
  control.title = "what it does";
  tip = render(Tip).container.querySelector(".tip") as HTMLElement;
});
afterEach(() => {
  control.remove();
  vi.useRealTimers();
});

test("a title is shown once the pointer rests on it, and given back when it leaves", async () => {
  await over(control);
  await rest(300);
  expect(tip.textContent).toBe("");
  await rest();
  expect(tip.textContent).toBe("what it does");
  expect(control.title).toBe("");
  await over(document.body);
  expect(control.title).toBe("what it does");
  await rest(0);
  expect(tip.textContent).toBe("");
});

test("it goes with its control, the pointer resting where it is", async () => {
  await over(control);
  await rest();
  expect(tip.textContent).toBe("what it does");
  control.remove();
  await rest();
  expect(tip.textContent).toBe("");
});

test("it says what its control says now; what was taken off stays off", async () => {
  await over(control);
  await rest();
  control.title = "why it is off";
  await rest();
  expect(tip.textContent).toBe("why it is off");
  control.removeAttribute("title");
  await rest();
  expect(tip.textContent).toBe("");
  await over(document.body);
  expect(control.hasAttribute("title")).toBe(false);
});

test("the focus of a control says nothing of it, that of the window does", async () => {
  await over(control);
  await rest();
  control.focus();
  control.blur();
  expect(control.title).toBe("");
  await fireEvent.blur(window);
  expect(control.title).toBe("what it does");
});

test("a key or a press takes it away", async () => {
  await over(control);
  await rest();
  await fireEvent.keyDown(document.body, { key: "j" });
  await rest();
  expect(tip.textContent).toBe("");
  expect(control.title).toBe("what it does");
});
