/**
 * Keys to actions. A stroke is written as it is printed: `?`, `P`, `Esc`, `Ctrl+Shift+R`; `Mod` is
 * Ctrl, and ⌘ on a Mac. A chord is strokes with spaces between: `g b`.
 */

export const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

const NAMES: Record<string, string> = { Escape: "Esc", " ": "Space", ArrowUp: "Up", ArrowDown: "Down" };
const ALONE = new Set([
  "Control",
  "Shift",
  "Alt",
  "Meta",
  "AltGraph",
  "CapsLock",
  "Dead",
  "Process",
  "Unidentified",
]);

/** How long a chord waits for its next stroke. */
export const CHORD_MS = 1500;

/** One way to write each stroke: modifiers in order, letters with modifiers in capitals. */
export function normal(stroke: string): string {
  if (stroke === "+" || !stroke.includes("+")) return stroke;
  const parts = stroke.split("+");
  const key = parts.pop() ?? "";
  const given = new Set(parts.map((part) => (part === "Mod" ? (isMac ? "Meta" : "Ctrl") : part)));
  const modifiers = ["Ctrl", "Alt", "Meta", "Shift"].filter((name) => given.has(name));
  return [...modifiers, key.length === 1 ? key.toUpperCase() : key].join("+");
}

export function strokesOf(chord: string): string[] {
  return chord.split(" ").filter(Boolean).map(normal);
}

/** Null for a modifier alone. */
export function strokeOf(event: KeyboardEvent): string | null {
  if (ALONE.has(event.key) || event.isComposing) return null;
  // With AltGr a layout prints signs such as { or @: then Ctrl and Alt are not meant.
  const printed = event.getModifierState?.("AltGraph") ?? false;
  const ctrl = event.ctrlKey && !printed;
  const alt = event.altKey && !printed;
  let key = NAMES[event.key] ?? event.key;
  if (!ctrl && !alt && !event.metaKey) {
    return event.shiftKey && key.length > 1 ? `Shift+${key}` : key;
  }
  // Under a Cyrillic or Greek layout Ctrl+K has another letter on it; the place is what is meant.
  const place = /^Key([A-Z])$/.exec(event.code)?.[1];
  if (place && !/^[a-z]$/i.test(key)) key = place;
  const modifiers = [ctrl && "Ctrl", alt && "Alt", event.metaKey && "Meta", event.shiftKey && "Shift"];
  return [...modifiers.filter(Boolean), key.length === 1 ? key.toUpperCase() : key].join("+");
}

const TYPED_IN = "input:not([type=checkbox], [type=radio], [type=button], [type=range]), textarea, select";

/** Whether this key belongs to the field that has the focus. */
export function isTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  if (!(target instanceof Element)) return false;
  const field = target.closest(TYPED_IN) !== null || (target as HTMLElement).isContentEditable === true;
  if (!field || event.key === "Escape") return false;
  const printed = event.getModifierState?.("AltGraph") ?? false;
  return printed || !(event.ctrlKey || event.metaKey || event.altKey);
}

/** For print: `Ctrl+Shift+R` as ["Ctrl", "⇧", "R"], `g b` as ["g", "b"]. */
export function printed(chord: string): string[] {
  const signs: Record<string, string> = isMac
    ? { Mod: "⌘", Meta: "⌘", Ctrl: "⌃", Alt: "⌥", Shift: "⇧" }
    : { Mod: "Ctrl", Meta: "Super", Shift: "⇧" };
  return chord
    .split(" ")
    .flatMap((stroke) => (stroke === "+" ? ["+"] : stroke.split("+").map((k) => signs[k] ?? k)));
}

/** For people who hear the page: aria-keyshortcuts. */
export function spoken(chord: string): string {
  return chord
    .split(" ")
    .map((stroke) => normal(stroke).replace("Ctrl", "Control").replace("Esc", "Escape"))
    .join(" ");
}

export interface Bound {
  /** As strokes. */
  chord: string[];
  /** Works in fields and over dialogs. */
  always: boolean;
  run: () => void;
}

export interface KeysPort {
  /** The newest first: where two are bound alike, the first is meant. */
  bound: () => Bound[];
  /** A dialog is open: only what works always works. */
  closed: () => boolean;
  /** The strokes of a chord under way, for the foot. */
  pending?: (strokes: string[]) => void;
}

const begins = (chord: string[], strokes: string[]) => strokes.every((stroke, i) => chord[i] === stroke);

/** Takes key presses; true when one was taken. */
export function keyTaker(port: KeysPort): (event: KeyboardEvent) => boolean {
  let strokes: string[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (next: string[]) => {
    clearTimeout(timer);
    strokes = next;
    if (next.length > 0) timer = setTimeout(() => wait([]), CHORD_MS);
    port.pending?.(next);
  };
  return (event) => {
    const stroke = strokeOf(event);
    if (stroke === null) return false;
    const guarded = isTyping(event) || port.closed();
    const able = port.bound().filter((b) => b.always || !guarded);
    // A stroke that does not go on with the chord may begin one of its own.
    for (const tried of strokes.length > 0 ? [[...strokes, stroke], [stroke]] : [[stroke]]) {
      const whole = able.find((b) => b.chord.length === tried.length && begins(b.chord, tried));
      if (whole) {
        event.preventDefault();
        wait([]);
        // A key held down asks once.
        if (!event.repeat) whole.run();
        return true;
      }
      if (able.some((b) => b.chord.length > tried.length && begins(b.chord, tried))) {
        event.preventDefault();
        wait(tried);
        return true;
      }
    }
    if (strokes.length > 0) wait([]);
    return false;
  };
}
