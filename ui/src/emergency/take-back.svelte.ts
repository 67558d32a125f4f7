/** One service's way back: what would be written, then what was, told while it is done. */
import {
  host,
  type Preview,
  type Problem,
  type Progress,
  type RollBackAnswer,
  type RollbackKind,
  type Slot,
} from "@/host";
import { asProblem } from "@/host/problem";

/** What has been told so far. */
export interface Told {
  /** The platform does not answer; it is being tried. */
  reaching: string | null;
  /** Nothing is ready there yet. */
  waiting: Slot | null;
  /** Microseconds until traffic was back; null until it is. */
  shifted: number | null;
  scaling: { slot: Slot; ready: number; wanted: number } | null;
  /** Answers still under way in the slot that lost its traffic. */
  draining: number | null;
  retired: Slot | null;
  warnings: string[];
}

export const UNTOLD: Told = {
  reaching: null,
  waiting: null,
  shifted: null,
  scaling: null,
  draining: null,
  retired: null,
  warnings: [],
};

export function told(before: Told, step: Progress): Told {
  switch (step.progress) {
    case "reaching":
      return { ...before, reaching: step.why };
    case "waiting-for-ready":
      return { ...before, reaching: null, waiting: step.slot };
    case "shifted":
      return { ...before, reaching: null, waiting: null, shifted: step.after_us };
    case "scaling-up":
      return { ...before, scaling: { slot: step.slot, ready: step.ready, wanted: step.wanted } };
    case "draining":
      return { ...before, draining: step.in_flight };
    case "retired":
      return { ...before, draining: 0, retired: step.slot };
    case "warning":
      return { ...before, warnings: [...before.warnings, step.what] };
  }
}

/** It is not known whether it was done: nobody said no, and no answer came. */
export function isLost({ code }: Problem): boolean {
  return !code.startsWith("refused.") && code !== "rollback.gave-up" && code !== "service.unknown";
}

export interface TakeBack {
  readonly service: string;
  /** Of its own asking: the list has one for each that is in it. */
  readonly preview: Preview | null;
  /** Why it could not be rehearsed. It does not stand in the way. */
  readonly unrehearsed: Problem | null;
  readonly state: "ready" | "going" | "done" | "failed";
  /** Milliseconds since it was asked for; it stands still once traffic is back. */
  readonly elapsed: number;
  readonly told: Told;
  readonly answer: RollBackAnswer | null;
  readonly problem: Problem | null;
  rehearse(): Promise<void>;
  /** Again after a failure: the same event, so that it happens once. */
  fire(reason: string, now: boolean, kind: RollbackKind): Promise<void>;
}

export function takeBack(service: string): TakeBack {
  const id = crypto.randomUUID();
  let preview = $state.raw<Preview | null>(null);
  let unrehearsed = $state.raw<Problem | null>(null);
  let state = $state<TakeBack["state"]>("ready");
  let elapsed = $state(0);
  let heard = $state.raw<Told>(UNTOLD);
  let answer = $state.raw<RollBackAnswer | null>(null);
  let problem = $state.raw<Problem | null>(null);

  return {
    service,
    get preview() {
      return preview;
    },
    get unrehearsed() {
      return unrehearsed;
    },
    get state() {
      return state;
    },
    get elapsed() {
      return elapsed;
    },
    get told() {
      return heard;
    },
    get answer() {
      return answer;
    },
    get problem() {
      return problem;
    },
    async rehearse() {
      try {
        preview = await host.ask("rollback.preview", { service });
        unrehearsed = null;
      } catch (thrown) {
        unrehearsed = asProblem(thrown);
      }
    },
    async fire(reason, now, kind) {
      if (state === "going" || state === "done") return;
      state = "going";
      problem = null;
      heard = UNTOLD;
      const since = performance.now();
      let frame = 0;
      const count = () => {
        if (heard.shifted !== null) return;
        elapsed = performance.now() - since;
        frame = requestAnimationFrame(count);
      };
      count();
      const params = {
        service,
        now,
        event_id: id,
        ...(reason && { reason }),
        ...(kind !== "quick" && { kind }),
      };
      try {
        answer = await host.rollBack(params, (step) => (heard = told(heard, step)));
        state = "done";
      } catch (thrown) {
        problem = asProblem(thrown);
        state = "failed";
      } finally {
        cancelAnimationFrame(frame);
      }
    },
  };
}
