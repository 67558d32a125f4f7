/** One command at a time from one place: whether it runs, and what went wrong. */
import { type Answer, type CommandName, host, type Params, type Problem } from "@/host";
import { asProblem } from "@/host/problem";

export interface Sending<N extends CommandName> {
  readonly busy: boolean;
  readonly problem: Problem | null;
  /** Null when it failed; `problem` then says how. A second call while one runs is not sent. */
  send(params: Params<N>): Promise<Answer<N> | null>;
  forget(): void;
}

export function command<N extends CommandName>(name: N): Sending<N> {
  let busy = $state(false);
  let problem = $state.raw<Problem | null>(null);
  return {
    get busy() {
      return busy;
    },
    get problem() {
      return problem;
    },
    async send(params) {
      if (busy) return null;
      busy = true;
      problem = null;
      try {
        return await host.ask(name, params);
      } catch (thrown) {
        problem = asProblem(thrown);
        return null;
      } finally {
        busy = false;
      }
    },
    forget() {
      problem = null;
    },
  };
}
