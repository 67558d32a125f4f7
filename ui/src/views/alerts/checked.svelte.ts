/** What is to be said of a rule file while it is being typed. */
import { host, type Problem, type RuleOutline, type RulesCheck } from "@/host";
import { asProblem } from "@/host/problem";

/** Milliseconds that typing rests before it is asked. */
const REST = 250;

export interface Checked {
  /** Of the text that was checked last; null before the first answer. */
  readonly found: RulesCheck | null;
  /** The newest text without a mistake, and its rules: what can be tried. */
  readonly good: { yaml: string; rules: RuleOutline[] } | null;
  /** What is written now has not been checked yet. */
  readonly pending: boolean;
  readonly problem: Problem | null;
}

/** Call it while a component is being set up. */
export function checked(yaml: () => string | null): Checked {
  let found = $state.raw<RulesCheck | null>(null);
  let good = $state.raw<Checked["good"]>(null);
  let problem = $state.raw<Problem | null>(null);
  let pending = $state(true);

  $effect(() => {
    const text = yaml();
    if (text === null) return;
    let over = false;
    pending = true;
    const timer = setTimeout(() => {
      host.ask("rules.check", { yaml: text }).then(
        (answer) => {
          if (over) return;
          [found, problem, pending] = [answer, null, false];
          if (answer.mistakes.length === 0) good = { yaml: text, rules: answer.rules };
        },
        (thrown: unknown) => {
          if (!over) [problem, pending] = [asProblem(thrown), false];
        },
      );
    }, REST);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  });

  return {
    get found() {
      return found;
    },
    get good() {
      return good;
    },
    get pending() {
      return pending;
    },
    get problem() {
      return problem;
    },
  };
}
