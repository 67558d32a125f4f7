import type { View } from "../view";
import Journal from "./Journal.svelte";

export default {
  id: "journal",
  title: "Journal",
  icon: "journal",
  group: "record",
  order: 100,
  keys: "g j",
  component: Journal,
} satisfies View;
