/** What is looked at in Explore and in dashboards: range, step and how often it is asked again. */
import { spanMs } from "@/lib/format";
import { here, setQuery } from "@/lib/router.svelte";
import { addressOf, askedRange, type Range, rangeOf, shifted, zoomed } from "./range";

/** What moves is asked again no more often than this. */
const LEAST_MS = 5000;

export interface Looking {
  readonly range: Range;
  /** None: what suits the range. */
  readonly step: string | null;
  /** Goes into what is asked. */
  readonly asked: { over?: string; from?: string; to?: string; step?: string };
  /** Changes when it is time to ask again. */
  readonly beat: number;
  set(range: Range): void;
  setStep(step: string | null): void;
  zoom(by: number): void;
  shift(by: number): void;
  again(): void;
}

/** Call it while a component is being set up. `usual`: how far back where the address does not say. */
export function looking(usual = "1h"): Looking {
  const range = $derived(rangeOf(here().query, usual));
  const given = $derived(here().query.get("step"));
  const step = $derived(given !== null && spanMs(given) > 0 ? given : null);
  const moving = $derived(range.from === null);
  const every = $derived(Math.max(LEAST_MS, step === null ? spanMs(range.over) / 240 : spanMs(step)));
  let beat = $state(0);

  $effect(() => {
    if (!moving) return;
    const timer = setInterval(() => (beat += 1), every);
    return () => clearInterval(timer);
  });
  const set = (next: Range) => setQuery(addressOf(next));
  return {
    get range() {
      return range;
    },
    get step() {
      return step;
    },
    get asked() {
      return { ...askedRange(range), ...(step !== null && { step }) };
    },
    get beat() {
      return beat;
    },
    set,
    setStep: (next) => setQuery({ step: next }),
    zoom: (by) => set(zoomed(range, by, Date.now())),
    shift: (by) => set(shifted(range, by, Date.now())),
    again: () => void (beat += 1),
  };
}
