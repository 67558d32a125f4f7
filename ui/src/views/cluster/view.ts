import type { View } from "../view";
import Cluster from "./Cluster.svelte";

export default {
  id: "cluster",
  title: "Cluster",
  icon: "cluster",
  group: "work",
  order: 35,
  keys: "g k",
  when: (status) => status.environment.cluster !== undefined,
  component: Cluster,
} satisfies View;
