/** Instances of a rolling release: which were replaced, and what stands in each slot. Pure. */
import type { InstancePhase, Role, RolloutStatus, RolloutView, Slot, SlotState } from "@/host";
import { isOver } from "./words";

export type DotState = "ready" | "starting" | "trouble" | "leaving" | "absent";

const STATES: Record<InstancePhase, DotState> = {
  starting: "starting",
  ready: "ready",
  unready: "trouble",
  "back-off": "trouble",
  draining: "leaving",
  stopped: "absent",
};

/** More of them say less than a figure does. */
export const MOST_DOTS = 64;

/** All that are to be replaced. */
export function allInstances(status: RolloutStatus): number {
  return status.steps.at(-1)?.instances ?? 0;
}

/** Those whose batch has passed; old ones leave for these, and for no others. */
export function replaced(status: RolloutStatus): number {
  if (status.phase === "promoted") return allInstances(status);
  if (isOver(status.phase) || status.phase === "rolling-back") return 0;
  return Math.max(0, ...status.steps.map((step) => (step.done ? (step.instances ?? 0) : 0)));
}

export interface Row {
  age: "old" | "new";
  slot: Slot;
  version: string | null;
  dots: DotState[];
  /** Of the old ones one that is not there has left; of the new ones it is to come. */
  words: string;
}

const ORDER: DotState[] = ["ready", "starting", "trouble", "leaving", "absent"];

export function wordOf(state: DotState, age: "old" | "new", back: boolean): string {
  switch (state) {
    case "trouble":
      return "not ready";
    case "absent":
      return age === "old" ? (back ? "to come back" : "gone") : back ? "gone" : "to come";
    default:
      return state;
  }
}

function dotsOf(state: SlotState | null, all: number): DotState[] {
  const found = (state?.instances ?? []).map(({ phase }) => STATES[phase]).filter((dot) => dot !== "absent");
  const left = Math.max(0, all - found.length);
  return [...found, ...Array.from({ length: left }, (): DotState => "absent")].toSorted(
    (a, b) => ORDER.indexOf(a) - ORDER.indexOf(b),
  );
}

function inWords(dots: DotState[], age: "old" | "new", back: boolean): string {
  return ORDER.map((state) => ({ state, n: dots.filter((dot) => dot === state).length }))
    .filter(({ state, n }) => n > 0 || state === "ready")
    .map(({ state, n }) => `${n} ${wordOf(state, age, back)}`)
    .join(", ");
}

function playing(roles: RolloutStatus["roles"], role: Role): Slot | null {
  return roles?.blue === role ? "blue" : roles?.green === role ? "green" : null;
}

/** The new instances and the old ones, each as many as there are to be; none while the node is silent. */
export function rowsOf(view: RolloutView): Row[] {
  const { status, slots } = view;
  if (!slots || !status.roles) return [];
  const promoted = status.phase === "promoted";
  const old = playing(status.roles, promoted ? "previous" : "stable");
  const fresh =
    playing(status.roles, promoted ? "stable" : "candidate") ?? (old === "blue" ? "green" : "blue");
  const back = status.phase === "rolling-back" || (isOver(status.phase) && !promoted);
  const all = allInstances(status);
  const row = (age: Row["age"], slot: Slot, version: string | null): Row => {
    const dots = dotsOf(slots[slot], all);
    return { age, slot, version, dots, words: inWords(dots, age, back) };
  };
  const rows = [row("new", fresh, status.release)];
  if (old !== null) rows.push(row("old", old, status.from));
  return rows;
}
