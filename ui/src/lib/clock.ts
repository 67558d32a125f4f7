/** The time as the window shows it: one tick for everybody, none while nobody looks. */
import { createSubscriber } from "svelte/reactivity";

const SECOND = 1000;

/** Tells on every whole `every` milliseconds, so that all that shows the time changes together. */
function ticking(every: number): () => void {
  return createSubscriber((update) => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      timer = setTimeout(tick, every - (Date.now() % every));
    };
    const tick = () => {
      update();
      wait();
    };
    wait();
    return () => clearTimeout(timer);
  });
}

const seconds = ticking(SECOND);

/** Milliseconds since the epoch. Inside a component or a `$derived` it comes again each second. */
export function now(): number {
  seconds();
  return Date.now();
}

/** Longer than a second between two ticks, for what is shown many times and needs no seconds. */
const SLOW = 5 * SECOND;
const slowly = ticking(SLOW);

/** As `now`, of the last whole five seconds. */
export function lately(): number {
  slowly();
  return Math.floor(Date.now() / SLOW) * SLOW;
}
