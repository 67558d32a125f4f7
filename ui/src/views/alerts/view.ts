import type { View } from "../view";
import Alerts from "./Alerts.svelte";

export default {
  id: "alerts",
  title: "Alerts",
  icon: "alerts",
  group: "work",
  order: 50,
  keys: "g a",
  component: Alerts,
} satisfies View;
