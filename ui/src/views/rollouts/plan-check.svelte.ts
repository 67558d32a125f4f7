/** A plan's mistakes, and its outlook for one service, while it is being written. */
import { host, type PlanCheck, type Problem } from "@/host";
import { asProblem } from "@/host/problem";

/** Milliseconds that typing rests before it is asked. */
const REST = 250;
/** Traffic changes: what cannot pass is asked again after so many milliseconds, the text as it was. */
const AGAIN = 5_000;

export interface CheckedPlan {
  /** Of the text that was checked last; null before the first answer. */
  readonly found: PlanCheck | null;
  /** What is written now has not been checked yet. */
  readonly pending: boolean;
  readonly problem: Problem | null;
}

/** Call it while a component is being set up. */
export function checkedPlan(asked: () => { yaml: string; service: string }): CheckedPlan {
  let found = $state.raw<PlanCheck | null>(null);
  let problem = $state.raw<Problem | null>(null);
  let pending = $state(true);

  $effect(() => {
    const { yaml, service } = asked();
    let over = false;
    pending = true;
    if (yaml === "") {
      found = null;
      return;
    }
    const look = () => {
      host.ask("plans.check", { yaml, ...(service && { service }) }).then(
        (answer) => {
          if (over) return;
          [found, problem, pending] = [answer, null, false];
          if (answer.reach?.accepted === false) timer = setTimeout(look, AGAIN);
        },
        (thrown: unknown) => {
          if (!over) [problem, pending] = [asProblem(thrown), false];
        },
      );
    };
    let timer = setTimeout(look, REST);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  });

  return {
    get found() {
      return found;
    },
    get pending() {
      return pending;
    },
    get problem() {
      return problem;
    },
  };
}
