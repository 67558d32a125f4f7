import type { View } from "../view";
import Training from "./Training.svelte";

export default {
  id: "training",
  title: "Training",
  icon: "training",
  group: "record",
  order: 110,
  keys: "g t",
  component: Training,
} satisfies View;
