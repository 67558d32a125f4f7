import type { View } from "../view";
import Settings from "./Settings.svelte";

export default {
  id: "settings",
  title: "Settings",
  icon: "settings",
  group: "end",
  order: 10,
  keys: "g ,",
  component: Settings,
} satisfies View;
