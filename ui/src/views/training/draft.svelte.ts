/** A value under a hand: what is being set stays in sight until it is seen to be so. */
import { onDestroy, untrack } from "svelte";
import { say } from "@/lib/toasts.svelte";
import { asProblem } from "@/host/problem";

const REST_MS = 250;
/** A watch tells within a second or so; after this what is seen counts again, whatever it is. */
const SEEN_MS = 3000;

export interface Draft<V> {
  readonly value: V;
  set(value: V): void;
}

/** `send` is called once the hand rests. */
export function draft<V>(seen: () => V, send: (value: V) => Promise<unknown>): Draft<V> {
  let wanted = $state.raw<{ value: V } | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  onDestroy(() => clearTimeout(timer));
  // Only once it was sent: on the way there the hand may pass the old value.
  let sent = $state(false);
  $effect(() => {
    const now = seen();
    untrack(() => {
      if (sent && wanted && wanted.value === now) wanted = null;
    });
  });

  async function go(mine: { value: V }): Promise<void> {
    sent = true;
    try {
      await send(mine.value);
      await new Promise((done) => setTimeout(done, SEEN_MS));
    } catch (thrown) {
      say({ problem: asProblem(thrown) });
    }
    if (wanted === mine) wanted = null;
  }
  return {
    get value() {
      return wanted ? wanted.value : seen();
    },
    set(value) {
      const mine = { value };
      wanted = mine;
      sent = false;
      clearTimeout(timer);
      timer = setTimeout(() => void go(mine), REST_MS);
    },
  };
}
