/** What jsdom leaves out of a browser. */
import { cleanup, configure } from "@testing-library/svelte";
import { afterEach } from "vitest";

// Liveness alone: on a busy machine a second is no time.
configure({ asyncUtilTimeout: 15_000 });

class NoResizes implements ResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
class PointerEventOfMouse extends MouseEvent {}
window.PointerEvent ??= PointerEventOfMouse as typeof PointerEvent;
HTMLCanvasElement.prototype.getContext = () => null;

globalThis.ResizeObserver ??= NoResizes;

window.matchMedia ??= (media: string) =>
  ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList;

HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
  const first = ["[autofocus]", "button, input"].map((what) => this.querySelector<HTMLElement>(what));
  first.find((found) => found !== null)?.focus();
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false;
};

// jsdom lays nothing out: a grid of 600 by 1,000 pixels.
Object.defineProperty(HTMLElement.prototype, "clientHeight", { configurable: true, get: () => 600 });
Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => 1000 });

afterEach(() => {
  cleanup();
  window.location.hash = "";
});
