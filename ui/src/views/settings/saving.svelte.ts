/** One field that is saved as it is changed: whether that runs, and what was wrong with it. */
import type { Problem, Settings } from "@/host";
import { asProblem } from "@/host/problem";
import { saveSettings } from "@/lib/settings.svelte";

export interface Saving {
  readonly busy: boolean;
  readonly problem: Problem | null;
  /** A change of the settings, told with `done`. True when it was done. */
  save(done: string, next: (now: Settings) => Partial<Settings>): Promise<boolean>;
  /** Anything else that may be refused. */
  run(what: () => Promise<unknown>): Promise<boolean>;
}

export function saving(): Saving {
  let busy = $state(false);
  let problem = $state.raw<Problem | null>(null);
  async function tried(what: () => Promise<Problem | null>): Promise<boolean> {
    busy = true;
    problem = null;
    problem = await what();
    busy = false;
    return problem === null;
  }
  return {
    get busy() {
      return busy;
    },
    get problem() {
      return problem;
    },
    save: (done, next) => tried(() => saveSettings(done, next)),
    run: (what) =>
      tried(() =>
        what().then(
          () => null,
          (thrown: unknown) => asProblem(thrown),
        ),
      ),
  };
}
