/** Opening takes a while, and goes on while one looks at something else. */
import { host, type Problem } from "@/host";
import { asProblem } from "@/host/problem";

let since = $state<number | null>(null);
let closing = $state(false);
let problem = $state.raw<Problem | null>(null);

export const ground = {
  /** Since when it is being opened. */
  get opening() {
    return since;
  },
  get closing() {
    return closing;
  },
  get problem() {
    return problem;
  },
};

export async function openGround(): Promise<void> {
  if (since !== null || closing) return;
  since = Date.now();
  problem = null;
  try {
    await host.ask("training.open", {});
  } catch (thrown) {
    problem = asProblem(thrown);
  } finally {
    since = null;
  }
}

export async function closeGround(): Promise<void> {
  if (since !== null || closing) return;
  closing = true;
  problem = null;
  try {
    await host.ask("training.down", {});
  } catch (thrown) {
    problem = asProblem(thrown);
  } finally {
    closing = false;
  }
}
