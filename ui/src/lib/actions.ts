/**
 * The one list of what a person can do here. Shortcuts, palette, `?` sheet, tooltips and the
 * desktop's menus are readings of it.
 */
import { onMount } from "svelte";
import { SvelteMap } from "svelte/reactivity";
import { type Bound, strokesOf } from "./keys";
import { say } from "./toasts.svelte";
import { asProblem } from "@/host/problem";

export interface Action {
  /** `rollout.pause`; also the id of its menu entry. */
  id: string;
  /** What it does, beginning with a verb. */
  title: string | (() => string);
  /** The heading it stands under in the palette and on the `?` sheet. */
  group: string;
  /** Each a chord: `["g b"]`. */
  keys?: string[];
  /** True, or why it is off. Without it the action is on. */
  when?: () => true | string;
  run: () => void | Promise<void>;
  /** Works in fields and over dialogs: for the emergency control alone. */
  always?: boolean;
  /** Keys only: not worth a line in the palette (moving in a table). */
  unlisted?: boolean;
}

/** By id, each a stack: a view's action stands before the one that was there already. */
const registered = new SvelteMap<string, Action[]>();
let order = 0;
const ages = new WeakMap<Action, number>();

/** Returns its undoing. */
export function register(...actions: Action[]): () => void {
  for (const action of actions) {
    ages.set(action, order++);
    registered.set(action.id, [action, ...(registered.get(action.id) ?? [])]);
  }
  return () => {
    for (const action of actions) {
      const left = (registered.get(action.id) ?? []).filter((other) => other !== action);
      if (left.length > 0) registered.set(action.id, left);
      else registered.delete(action.id);
    }
  };
}

/** For a component: there while it is mounted. */
export function useActions(...actions: Action[]): void {
  onMount(() => register(...actions));
}

export function action(id: string): Action | undefined {
  return registered.get(id)?.[0];
}

/** The newest first. Reactive. */
export function actions(): Action[] {
  const all = [...registered.values()].flatMap((stack) => stack.slice(0, 1));
  return all.toSorted((a, b) => (ages.get(b) ?? 0) - (ages.get(a) ?? 0));
}

/**
 * For reading: by heading, those of the view that came last first, each in the order it was given.
 * What always works stands before everything.
 */
export function grouped(): Map<string, Action[]> {
  const found = new Map<string, Action[]>();
  const always = (a: Action) => Number(a.always ?? false);
  for (const action of actions().toSorted((a, b) => always(b) - always(a))) {
    found.set(action.group, [action, ...(found.get(action.group) ?? [])]);
  }
  return found;
}

export function titleOf({ title }: Action): string {
  return typeof title === "string" ? title : title();
}

/** Null when it is on. */
export function whyOff({ when }: Action): string | null {
  const on = when?.() ?? true;
  return on === true ? null : on;
}

/** Runs it, or says why it is off; what it throws is shown, not lost. */
export function perform(wanted: Action): void {
  const why = whyOff(wanted);
  if (why !== null) {
    say({ mark: "warn", text: `${titleOf(wanted)}: ${why}` });
    return;
  }
  try {
    Promise.resolve(wanted.run()).catch((thrown: unknown) => say({ problem: asProblem(thrown) }));
  } catch (thrown) {
    say({ problem: asProblem(thrown) });
  }
}

/** For menus: an id that is not there now is said, not swallowed. */
export function performId(id: string): void {
  const found = action(id);
  if (found) perform(found);
  else say({ mark: "warn", text: `“${id}” can not be done here` });
}

export function bound(): Bound[] {
  return actions().flatMap((a) =>
    (a.keys ?? []).map((chord) => ({
      chord: strokesOf(chord),
      always: a.always ?? false,
      run: () => perform(a),
    })),
  );
}
