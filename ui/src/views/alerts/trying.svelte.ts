/** A backtest under way: one at a time, with how long it takes, and an end that one can bring about. */
import { untrack } from "svelte";
import { type BacktestAsk, type BacktestView, host, type Problem } from "@/host";
import { asProblem } from "@/host/problem";

/** Milliseconds that a moved line rests before it is asked. */
const REST = 350;

export interface Trying {
  readonly answer: BacktestView | null;
  readonly problem: Problem | null;
  /** Milliseconds since it began; null while none runs. */
  readonly running: number | null;
  /** Somebody did not want to wait. */
  readonly cancelled: boolean;
  cancel(): void;
  again(): void;
}

/** Call it while a component is being set up. Null asks for nothing. */
export function trying(ask: () => BacktestAsk | null): Trying {
  let answer = $state.raw<BacktestView | null>(null);
  let problem = $state.raw<Problem | null>(null);
  let running = $state<number | null>(null);
  let cancelled = $state(false);
  let turn = $state(0);
  let stop = () => {};
  const wanted = $derived.by(() => {
    const given = ask();
    return given === null ? null : JSON.stringify(given);
  });

  $effect(() => {
    const text = wanted;
    void turn;
    return untrack(() => {
      cancelled = false;
      if (text === null) return void ([answer, problem] = [null, null]);
      let over = false;
      let ticking: ReturnType<typeof setInterval> | undefined;
      const end = () => {
        over = true;
        clearTimeout(timer);
        clearInterval(ticking);
        running = null;
      };
      const began = () => {
        const since = Date.now();
        running = 0;
        ticking = setInterval(() => (running = Date.now() - since), 250);
        host.ask("rules.backtest", JSON.parse(text) as BacktestAsk).then(
          (found) => {
            if (over) return;
            [answer, problem] = [found, null];
            end();
          },
          (thrown: unknown) => {
            if (over) return;
            problem = asProblem(thrown);
            end();
          },
        );
      };
      const timer = setTimeout(began, REST);
      stop = () => {
        if (over) return;
        end();
        cancelled = true;
      };
      return end;
    });
  });

  return {
    get answer() {
      return answer;
    },
    get problem() {
      return problem;
    },
    get running() {
      return running;
    },
    get cancelled() {
      return cancelled;
    },
    cancel: () => stop(),
    again: () => void (turn += 1),
  };
}
