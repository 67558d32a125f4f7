import type { View } from "../view";
import Alerts from "./Alerts.svelte";

export default {
  id: "alerts",
  title: "Alerts",
  icon: "alerts",
  group: "work",
  order: 50,
  keys: "g a",
  // A recording may be older than this line of the status.
  count: ({ alerts }) => (alerts as typeof alerts | undefined)?.firing ?? 0,
  component: Alerts,
} satisfies View;
