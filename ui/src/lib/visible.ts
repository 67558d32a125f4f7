import { createSubscriber } from "svelte/reactivity";

const subscribe = createSubscriber((update) => {
  document.addEventListener("visibilitychange", update);
  return () => document.removeEventListener("visibilitychange", update);
});

/** Whether anybody can see the window. Reactive. */
export function isVisible(): boolean {
  subscribe();
  return document.visibilityState !== "hidden";
}
