/** The settings as they were read last; how the window looks and which clock it shows follow from them. */
import { host, type Problem, type Settings, type SettingsView, type Theme as SettingsTheme } from "@/host";
import { asProblem } from "@/host/problem";
import {
  type Choice,
  chosenTheme,
  density,
  keepLook,
  type Look,
  showLook,
  startLook,
} from "./theme/theme.svelte";
import { say } from "./toasts.svelte";
import { setTimeZone } from "./zone.svelte";

const SHOWN: Record<SettingsTheme, Choice> = {
  dark: "dark",
  light: "light",
  "high-contrast": "contrast",
  system: "system",
};
export const KEPT_AS: Record<Choice, SettingsTheme> = {
  dark: "dark",
  light: "light",
  contrast: "high-contrast",
  system: "system",
};

let known = $state.raw<{ view: SettingsView; at: number } | null>(null);
/** As they were read or changed last, and when. A rune. */
export const settings = (): { view: SettingsView; at: number } | null => known;

function take(view: SettingsView): void {
  known = { view, at: Date.now() };
  const look = { theme: SHOWN[view.settings.theme], density: view.settings.density };
  if (look.theme !== chosenTheme() || look.density !== density()) showLook(look);
  setTimeZone(view.settings.time_zone);
}

let line: Promise<unknown> = Promise.resolve();
let changing = 0;

/** Takes settings over that were read somewhere. While one is being changed they are of before. */
export function adopt(view: SettingsView): void {
  if (changing === 0) take(view);
}

/**
 * Changes what `next` names and leaves the rest as it stands in the file now: other windows and
 * people write it too. One change after the other. What it was before comes back.
 */
export function changeSettings(next: (now: Settings) => Partial<Settings>): Promise<Partial<Settings>> {
  changing += 1;
  const changed = line.then(async () => {
    const { settings: now } = await host.ask("settings.show", {});
    const patch = next(now);
    const view = await host.ask("settings.change", { settings: { ...now, ...patch } });
    // What was chosen meanwhile comes after this one, and must not flicker back.
    if (changing === 1) take(view);
    return Object.fromEntries(Object.keys(patch).map((key) => [key, now[key as keyof Settings]]));
  });
  line = changed.then(
    () => (changing -= 1),
    () => (changing -= 1),
  );
  return changed;
}

/** The same, told in a toast with a way back. Null when it was done. */
export async function saveSettings(
  done: string,
  next: (now: Settings) => Partial<Settings>,
): Promise<Problem | null> {
  try {
    const before = await changeSettings(next);
    const undo = () =>
      changeSettings(() => before).then(
        () => void say({ text: `Undone: ${done}` }),
        (thrown: unknown) => void say({ problem: asProblem(thrown) }),
      );
    say({ text: done, act: { label: "Undo", run: () => void undo() } });
    return null;
  } catch (thrown) {
    return asProblem(thrown);
  }
}

/** Reads them, and keeps what is chosen elsewhere in the window. Returns its undoing. */
export function startSettings(): () => void {
  const stops = [
    startLook(),
    keepLook(({ theme, density }: Look) => {
      changeSettings(() => ({ theme: KEPT_AS[theme], density })).catch((thrown: unknown) =>
        say({ mark: "warn", text: `This look holds until the window closes: ${asProblem(thrown).message}` }),
      );
    }),
  ];
  // Without settings the window looks as it did last time.
  host.ask("settings.show", {}).then(adopt, () => undefined);
  return () => stops.forEach((stop) => stop());
}
