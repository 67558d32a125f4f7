/** What is printed, as it comes: bounded, and at most one update a frame. */
import { untrack } from "svelte";
import { type Answer, type Frame, host, type LogLine, type Params, type Problem } from "@/host";
import { environment } from "@/lib/environment.svelte";
import { isVisible } from "@/lib/visible";
import { added, type Line } from "./lines";

/** Asked for at first; the node keeps a few hundred of each instance. */
const FIRST = 2_000;

export interface Output {
  readonly lines: Line[];
  readonly at: number | null;
  readonly problem: Problem | null;
  readonly loading: boolean;
}

/** What a service's instances print. Call it while a component is being set up. */
export function output(service: () => string): Output {
  return printed(
    "services.logs",
    () => ({ service: service(), lines: FIRST }),
    (lines) => lines,
  );
}

/** The same of anything that is watched and appended to, as lines of instances. */
export function printed<N extends "services.logs" | "cluster.logs">(
  name: N,
  params: () => Params<N>,
  read: (lines: Answer<N>) => LogLine[],
): Output {
  let lines = $state.raw<Line[]>([]);
  let at = $state<number | null>(null);
  let problem = $state.raw<Problem | null>(null);
  let loading = $state(true);
  let next = 0;
  let shown = "";

  function take(frames: Frame<Answer<N>>[], fresh: boolean): void {
    let first = fresh;
    for (const frame of frames) {
      if (frame.kind === "problem") {
        problem = frame.problem;
      } else {
        // The first frame says what there is; a list of its own replaces nothing twice.
        const have = first || frame.kind === "answer" ? [] : lines;
        lines = added(have, read(frame.answer), frame.kind === "more" ? (frame.skipped ?? 0) : 0, next);
        next += frame.answer.length;
        problem = null;
        first = false;
      }
      at = frame.at;
      loading = false;
    }
  }

  $effect(() => {
    const asked = params();
    const about = `${environment()}/${JSON.stringify(asked)}`;
    if (!isVisible()) return;
    return untrack(() => {
      if (about !== shown) {
        [lines, at, problem, loading] = [[], null, null, true];
        shown = about;
      }
      let waiting: Frame<Answer<N>>[] = [];
      let painting = 0;
      let fresh = true;
      const stop = host.watch(name, asked, (frame) => {
        // While nothing is printed the frames are empty: they only say that it is still watched.
        if (frame.kind === "more" && frame.answer.length === 0 && !frame.skipped && problem === null) return;
        waiting.push(frame);
        painting ||= requestAnimationFrame(() => {
          painting = 0;
          const frames = waiting;
          waiting = [];
          take(frames, fresh);
          fresh &&= frames.every(({ kind }) => kind === "problem");
        });
      });
      return () => {
        cancelAnimationFrame(painting);
        stop();
      };
    });
  });

  return {
    get lines() {
      return lines;
    },
    get at() {
      return at;
    },
    get problem() {
      return problem;
    },
    get loading() {
      return loading;
    },
  };
}
