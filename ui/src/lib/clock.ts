/** The time as the window shows it: one tick a second for everybody, none while nobody looks. */
import { createSubscriber } from "svelte/reactivity";

const subscribe = createSubscriber((update) => {
  let timer: ReturnType<typeof setTimeout>;
  const tick = () => {
    update();
    // On the second, so that the clock in the bar and the ages below it change together.
    timer = setTimeout(tick, 1000 - (Date.now() % 1000));
  };
  timer = setTimeout(tick, 1000 - (Date.now() % 1000));
  return () => clearTimeout(timer);
});

/** Milliseconds since the epoch. Inside a component or a `$derived` it comes again each second. */
export function now(): number {
  subscribe();
  return Date.now();
}
