import type { View } from "../view";
import Bridge from "./Bridge.svelte";

export default {
  id: "bridge",
  title: "Bridge",
  icon: "bridge",
  group: "work",
  order: 10,
  keys: "g b",
  component: Bridge,
} satisfies View;
