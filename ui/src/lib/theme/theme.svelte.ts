/** How the window looks. Kept with the window for its first paint, and in the settings for good. */
import { createSubscriber } from "svelte/reactivity";

export const THEMES = ["dark", "light", "contrast"] as const;
export type Theme = (typeof THEMES)[number];
export const DENSITIES = ["comfortable", "compact"] as const;
export type Density = (typeof DENSITIES)[number];
/** `system`: light or dark, as the desktop says. */
export const CHOICES = [...THEMES, "system"] as const;
export type Choice = (typeof CHOICES)[number];

export interface Look {
  theme: Choice;
  density: Density;
}

/** Pixels; the same as --row in tokens.css, which windowing has to know as a number. */
const ROWS: Record<Density, number> = { comfortable: 28, compact: 24 };
const KEPT = "deckwatch.look";

function kept(): Look {
  try {
    const look = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Record<string, unknown>;
    return {
      theme: CHOICES.find((t) => t === look["theme"]) ?? "dark",
      density: DENSITIES.find((d) => d === look["density"]) ?? "comfortable",
    };
  } catch {
    return { theme: "dark", density: "comfortable" };
  }
}

let look = $state.raw(kept());
let keep: ((look: Look) => void) | null = null;

const desktop = () => window.matchMedia("(prefers-color-scheme: light)");
const followDesktop = createSubscriber((update) => {
  const media = desktop();
  media.addEventListener("change", update);
  return () => media.removeEventListener("change", update);
});

/** Looks like this from now on, without telling whoever keeps it: it came from there. */
export function showLook(next: Look): void {
  look = next;
  applyLook();
  try {
    localStorage.setItem(KEPT, JSON.stringify(next));
  } catch {
    // Where nothing can be kept the choice holds until the window closes.
  }
}

function change(next: Look): void {
  showLook(next);
  keep?.(next);
}

/** Is told what was chosen here. Returns its undoing. */
export function keepLook(keeper: (look: Look) => void): () => void {
  keep = keeper;
  return () => {
    if (keep === keeper) keep = null;
  };
}

export function applyLook(): void {
  document.documentElement.dataset["theme"] = shownTheme();
  document.documentElement.dataset["density"] = look.density;
}

function shownTheme(): Theme {
  if (look.theme !== "system") return look.theme;
  return desktop().matches ? "light" : "dark";
}

/** Follows the desktop while that is chosen. Returns its undoing. */
export function startLook(): () => void {
  const media = desktop();
  media.addEventListener("change", applyLook);
  return () => media.removeEventListener("change", applyLook);
}

/** What is shown. */
export function theme(): Theme {
  if (look.theme === "system") followDesktop();
  return shownTheme();
}
/** What was chosen. */
export const chosenTheme = (): Choice => look.theme;
export const density = (): Density => look.density;
export const rowHeight = (): number => ROWS[look.density];
export const setTheme = (next: Choice): void => change({ ...look, theme: next });
export const setDensity = (next: Density): void => change({ ...look, density: next });

export function nextTheme(): void {
  setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "dark");
}
