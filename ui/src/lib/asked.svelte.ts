/**
 * A query asked once for what is wanted now, and again when that changes or `again` does. What is
 * overtaken is not shown; the last answer stays until the next one comes.
 */
import { untrack } from "svelte";
import { type Answer, host, type Params, type Problem, type QueryName } from "@/host";
import { asProblem } from "@/host/problem";
import { environment } from "./environment.svelte";
import { isVisible } from "./visible";

export interface Asked<A, P> {
  readonly answer: A | null;
  /** What it answers. */
  readonly params: P | null;
  readonly problem: Problem | null;
  readonly loading: boolean;
}

interface AskedOptions {
  /** Milliseconds that what is wanted rests before it is asked. */
  debounce?: number;
  /** Asks again whenever it changes. */
  again?: () => unknown;
}

/** Call it while a component is being set up. Null asks for nothing, and forgets what there was. */
export function asked<N extends QueryName>(
  name: N,
  params: () => Params<N> | null,
  { debounce = 0, again = () => null }: AskedOptions = {},
): Asked<Answer<N>, Params<N>> {
  let answer = $state.raw<Answer<N> | null>(null);
  let answered = $state.raw<Params<N> | null>(null);
  let problem = $state.raw<Problem | null>(null);
  let loading = $state(false);
  // As text: a new object with the same contents is the same question.
  const wanted = $derived.by(() => {
    const given = params();
    return given === null ? null : JSON.stringify(given);
  });
  let where: string | null = null;

  $effect(() => {
    const text = wanted;
    const place = environment();
    const seen = isVisible();
    void again();
    return untrack(() => {
      if (text === null || place !== where) [answer, answered, problem] = [null, null, null];
      where = place;
      loading = text !== null;
      if (text === null || !seen) return;
      let old = false;
      const given = JSON.parse(text) as Params<N>;
      const timer = setTimeout(() => {
        host.ask(name, given).then(
          (found) => {
            if (old) return;
            [answer, answered, problem, loading] = [found, given, null, false];
          },
          (thrown: unknown) => {
            if (old) return;
            [problem, loading] = [asProblem(thrown), false];
          },
        );
      }, debounce);
      return () => {
        old = true;
        clearTimeout(timer);
      };
    });
  });

  return {
    get answer() {
      return answer;
    },
    get params() {
      return answered;
    },
    get problem() {
      return problem;
    },
    get loading() {
      return loading;
    },
  };
}
