import { openEmergency } from "@/emergency/emergency.svelte";
import type { Action } from "@/lib/actions";
import { palette } from "@/lib/palette/palette.svelte";
import { go, here } from "@/lib/router.svelte";
import { density, nextTheme, setDensity, setTheme, theme } from "@/lib/theme/theme.svelte";
import { views } from "@/views";
import { startRollout } from "@/views/rollouts/start.svelte";
import { help } from "./help.svelte";

const LOOKS = { dark: "dark", light: "light", contrast: "high contrast" } as const;

function looks(): Action[] {
  const themes = (Object.keys(LOOKS) as (keyof typeof LOOKS)[]).map((name): Action => ({
    id: `look.theme.${name}`,
    title: `Use the ${LOOKS[name]} theme`,
    group: "Look",
    when: () => (theme() === name ? "it is on already" : true),
    run: () => setTheme(name),
  }));
  return [
    ...themes,
    { id: "look.theme.next", title: "Change the theme", group: "Look", run: nextTheme },
    {
      id: "look.density",
      title: () => (density() === "compact" ? "Make rows comfortable" : "Make rows compact"),
      group: "Look",
      run: () => setDensity(density() === "compact" ? "comfortable" : "compact"),
    },
  ];
}

/** The service that is being looked at. */
function serviceHere(): string | null {
  const { view, rest } = here();
  return view === "services" || view === "rollouts" ? (rest[0] ?? null) : null;
}

/** What can be done from everywhere. */
export function shellActions(): Action[] {
  return [
    {
      id: "emergency.open",
      title: "Roll back…",
      group: "Emergency",
      keys: ["Ctrl+Shift+R"],
      always: true,
      run: () => openEmergency(),
    },
    {
      id: "rollout.start",
      title: "Start a rollout…",
      group: "Rollouts",
      keys: ["n"],
      run: () => startRollout(serviceHere()),
    },
    {
      id: "palette.open",
      title: "Jump to, filter or run an action",
      group: "Everywhere",
      keys: ["Mod+K", ":"],
      unlisted: true,
      run: () => void (palette.open = true),
    },
    {
      id: "help.open",
      title: "Show all keys",
      group: "Everywhere",
      keys: ["?"],
      run: () => void (help.open = true),
    },
    ...views.map((view): Action => ({
      id: `go.${view.id}`,
      title: `Go to ${view.title}`,
      group: "Go to",
      keys: [view.keys],
      run: () => go(view.id),
    })),
    ...looks(),
  ];
}
