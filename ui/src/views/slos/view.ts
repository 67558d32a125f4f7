import type { View } from "../view";
import Slos from "./Slos.svelte";

export default {
  id: "slos",
  title: "SLOs",
  icon: "slos",
  group: "work",
  order: 40,
  keys: "g o",
  component: Slos,
} satisfies View;
