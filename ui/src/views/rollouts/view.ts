import type { View } from "../view";
import Rollouts from "./Rollouts.svelte";

export default {
  id: "rollouts",
  title: "Rollouts",
  icon: "rollouts",
  group: "work",
  order: 20,
  keys: "g r",
  count: (status) => status.live_rollouts,
  component: Rollouts,
} satisfies View;
