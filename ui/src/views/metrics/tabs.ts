/** The tabs of Metrics, in their order: each is a line here and a component that fills the pane. */
import type { Component } from "svelte";
import Dashboards from "./Dashboards.svelte";
import Explore from "./Explore.svelte";
import Machine from "./targets/Machine.svelte";
import Probes from "./targets/Probes.svelte";
import Targets from "./targets/Targets.svelte";

export interface MetricsTab {
  /** Its place in the address: `#/metrics/explore`. */
  id: string;
  title: string;
  pane: Component;
}

export const TABS: [MetricsTab, ...MetricsTab[]] = [
  { id: "explore", title: "Explore", pane: Explore },
  { id: "targets", title: "Targets", pane: Targets },
  { id: "probes", title: "Probes", pane: Probes },
  { id: "machine", title: "This machine", pane: Machine },
  { id: "dashboards", title: "Dashboards", pane: Dashboards },
];

/** The first where none of this name is there. */
export function tabOf(id: string | undefined): MetricsTab {
  return TABS.find((tab) => tab.id === id) ?? TABS[0];
}
