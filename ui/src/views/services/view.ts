import type { View } from "../view";
import Services from "./Services.svelte";

export default {
  id: "services",
  title: "Services",
  icon: "services",
  group: "work",
  order: 30,
  keys: "g s",
  count: (status) => status.services,
  component: Services,
} satisfies View;
