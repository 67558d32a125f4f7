import type { View } from "../view";
import Metrics from "./Metrics.svelte";

export default {
  id: "metrics",
  title: "Metrics",
  icon: "metrics",
  group: "work",
  order: 40,
  keys: "g m",
  component: Metrics,
} satisfies View;
