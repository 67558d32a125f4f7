/** Short messages. What went well leaves by itself; a problem stays until it is put away. */
import type { Problem } from "@/host/problem";

export type Tone = "good" | "warn" | "bad" | "moving";

export interface Toast {
  id: number;
  mark: Tone;
  text: string;
  problem: Problem | null;
  /** What can be done about it at once: “Undo”. */
  act?: { label: string; run: () => void };
}

export const TOAST_MS = 6000;
const AT_MOST = 5;

let next = 1;
let shown = $state.raw<Toast[]>([]);

export function toasts(): Toast[] {
  return shown;
}

export function dismiss(id: number): void {
  shown = shown.filter((toast) => toast.id !== id);
}

export function say(what: { mark?: Tone; text: string; act?: Toast["act"] } | { problem: Problem }): number {
  const id = next++;
  const toast: Toast =
    "problem" in what
      ? { id, mark: "bad", text: what.problem.message, problem: what.problem }
      : { id, mark: what.mark ?? "good", text: what.text, problem: null, act: what.act };
  // The same words twice are one message.
  shown = [...shown.filter((other) => other.text !== toast.text), toast].slice(-AT_MOST);
  // What can be answered stays for as long as it takes to get there with the keyboard.
  if (!toast.problem) setTimeout(() => dismiss(id), toast.act ? 2 * TOAST_MS : TOAST_MS);
  return id;
}
