/** Joins the keyboard to the action registry. */
import { bound } from "@/lib/actions";
import { keyTaker } from "@/lib/keys";
import { modalOpen } from "@/lib/modal.svelte";

/** The strokes of a chord under way, for the foot. */
export const pending = $state<{ strokes: string[] }>({ strokes: [] });

/** Returns its undoing. */
export function startKeys(): () => void {
  const always = keyTaker({ bound: () => bound().filter((b) => b.always), closed: () => false });
  const take = keyTaker({
    bound: () => bound().filter((b) => !b.always),
    closed: modalOpen,
    pending: (strokes) => {
      pending.strokes = strokes;
    },
  });
  // Before anybody else sees it: nothing on the page can swallow the emergency shortcut.
  const first = (event: KeyboardEvent) => {
    if (always(event)) event.stopPropagation();
  };
  const last = (event: KeyboardEvent) => {
    if (!event.defaultPrevented) take(event);
  };
  window.addEventListener("keydown", first, { capture: true });
  window.addEventListener("keydown", last);
  return () => {
    window.removeEventListener("keydown", first, { capture: true });
    window.removeEventListener("keydown", last);
  };
}
