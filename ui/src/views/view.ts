import type { Component } from "svelte";
import type { StatusLine } from "@/host";
import type { IconName } from "@/parts/icons";

/** What the shell has to know of a view. Each folder has one in its `view.ts`. */
export interface View {
  /** Its place in the address: `#/bridge`. */
  id: string;
  title: string;
  icon: IconName;
  /** `work` stands first in the rail, `record` under a line, `end` at the bottom. */
  group: "work" | "record" | "end";
  /** Within its group, the smallest first. */
  order: number;
  /** The chord that goes there: `g b`. */
  keys: string;
  /** Printed beside its title; a zero is not. */
  count?: (status: StatusLine) => number;
  /** Whether it stands in the rail of an environment; without, always. Its address works all the same. */
  when?: (status: StatusLine) => boolean;
  component: Component;
}
