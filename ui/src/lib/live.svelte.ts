/**
 * A query as something that lives: it watches while a component shows it, and stops when nobody
 * looks. Frames are taken at most once per animation frame, so that a storm of them costs one update.
 */
import { untrack } from "svelte";
import { type Answer, type Frame, host, type Params, type Problem, type QueryName } from "@/host";
import { environment } from "./environment.svelte";
import { shared } from "./shared";
import { isVisible } from "./visible";

export interface Live<A, P = unknown> {
  /** The newest answer there is, also while a newer one is awaited or a problem stands. */
  readonly answer: A | null;
  /** What it answers: while a list scrolls, rows belong to the window they were asked with. */
  readonly params: P | null;
  /** When it was given. */
  readonly at: number | null;
  readonly problem: Problem | null;
  /** Nothing has come yet for what is asked now. */
  readonly loading: boolean;
  /** There is an answer, and it is not being kept up to date. */
  readonly stale: boolean;
}

export interface LiveOptions<A> {
  /** How `more` joins what is there; without it rows are appended, the last 5,000 kept. */
  join?: (have: A, more: A) => A;
  /** Milliseconds that changing params rest before they are asked. */
  debounce?: number;
}

/** They change how a list is seen, not what is seen: the old answer stays until the new one comes. */
const WINDOW = new Set([
  "filter",
  "sort",
  "descending",
  "offset",
  "limit",
  "actor",
  "kind",
  "since",
  "until",
]);
export const KEEP_ROWS = 5000;

function subject(params: object): string {
  const rest = Object.entries(params).filter(([key]) => !WINDOW.has(key));
  return JSON.stringify(rest.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function joined<A>(have: A, more: A): A {
  if (Array.isArray(have) && Array.isArray(more)) return [...have, ...more].slice(-KEEP_ROWS) as A;
  const both = [have, more] as [{ rows?: unknown[] }, { rows?: unknown[] }];
  if (Array.isArray(both[0]?.rows) && Array.isArray(both[1]?.rows)) {
    return { ...both[1], rows: [...both[0].rows, ...both[1].rows].slice(-KEEP_ROWS) } as A;
  }
  return more;
}

interface State<A> {
  answer: A | null;
  params: unknown;
  at: number | null;
  problem: Problem | null;
  loading: boolean;
}

const EMPTY = { answer: null, params: null, at: null, problem: null, loading: true };

/** What one has after these frames. */
export function taken<A>(
  state: State<A>,
  frames: Frame<A>[],
  params: unknown,
  join: (have: A, more: A) => A,
): State<A> {
  let next = state;
  for (const frame of frames) {
    if (frame.kind === "problem") {
      next = { ...next, problem: frame.problem, loading: false };
    } else {
      const append = frame.kind === "more" && next.answer !== null;
      const answer = append ? join(next.answer as A, frame.answer) : shared(next.answer, frame.answer);
      next = { answer, params, at: frame.at, problem: null, loading: false };
    }
  }
  return next;
}

/**
 * Call it while a component is being set up. `params` is read again whenever the runes in it change;
 * null asks for nothing.
 */
export function live<N extends QueryName>(
  name: N,
  params: () => Params<N> | null,
  { join = joined, debounce = 120 }: LiveOptions<Answer<N>> = {},
): Live<Answer<N>, Params<N>> {
  type A = Answer<N>;
  let state = $state.raw<State<A>>(EMPTY);
  let paused = $state(false);
  let shownSubject: string | null = null;
  let asked = false;

  // As text: a new object with the same contents is the same question.
  const wanted = $derived.by(() => {
    const given = params();
    return given === null ? null : JSON.stringify(given);
  });

  $effect(() => {
    const text = wanted;
    const where = environment();
    const visible = isVisible();
    return untrack(() => {
      if (text === null) {
        state = { ...EMPTY, loading: false };
        shownSubject = null;
        asked = false;
        return;
      }
      paused = !visible;
      if (!visible) {
        // Whoever looks again waits for nothing.
        asked = false;
        return;
      }
      const given = JSON.parse(text) as Params<N>;
      const about = where + subject(given as object);
      if (about !== shownSubject) state = EMPTY;
      else state = { ...state, loading: true };
      shownSubject = about;

      let frames: Frame<A>[] = [];
      let painting = 0;
      let stop: (() => void) | undefined;
      const flush = () => {
        painting = 0;
        const arrived = frames;
        frames = [];
        state = taken(state, arrived, given, join);
      };
      const begin = () => {
        // The first frame replaces, whatever its kind: it answers a new question.
        let first = true;
        stop = host.watch(name, given, (frame) => {
          frames.push(first && frame.kind === "more" ? { ...frame, kind: "answer" } : frame);
          first &&= frame.kind === "problem";
          painting ||= requestAnimationFrame(flush);
        });
      };
      const timer = asked && debounce > 0 ? setTimeout(begin, debounce) : undefined;
      if (timer === undefined) begin();
      asked = true;
      return () => {
        clearTimeout(timer);
        cancelAnimationFrame(painting);
        stop?.();
      };
    });
  });

  return {
    get answer() {
      return state.answer;
    },
    get params() {
      return state.params as Params<N> | null;
    },
    get at() {
      return state.at;
    },
    get problem() {
      return state.problem;
    },
    get loading() {
      return state.loading;
    },
    get stale() {
      return state.answer !== null && (state.problem !== null || paused);
    },
  };
}
