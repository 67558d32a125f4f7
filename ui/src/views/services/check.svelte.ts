/** The mistakes of a definition while it is being typed. */
import { host, type PlanMistake, type Problem } from "@/host";
import { asProblem } from "@/host/problem";

/** Milliseconds that typing rests before it is asked. */
const REST = 200;

export interface Checked {
  /** Of the text that was checked last; null before the first answer. */
  readonly mistakes: PlanMistake[] | null;
  /** What is written now has not been checked yet. */
  readonly pending: boolean;
  readonly problem: Problem | null;
}

/** Call it while a component is being set up. */
export function checked(yaml: () => string): Checked {
  let mistakes = $state.raw<PlanMistake[] | null>(null);
  let problem = $state.raw<Problem | null>(null);
  let pending = $state(true);

  $effect(() => {
    const text = yaml();
    let over = false;
    pending = true;
    const timer = setTimeout(() => {
      host.ask("services.check", { yaml: text }).then(
        (answer) => {
          if (over) return;
          [mistakes, problem, pending] = [answer.mistakes, null, false];
        },
        (thrown: unknown) => {
          if (over) return;
          [problem, pending] = [asProblem(thrown), false];
        },
      );
    }, REST);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  });

  return {
    get mistakes() {
      return mistakes;
    },
    get pending() {
      return pending;
    },
    get problem() {
      return problem;
    },
  };
}
