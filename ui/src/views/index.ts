/** Every view there is: a folder with a `view.ts` is in the rail, in the palette and in the address. */
import type { View } from "./view";

const found = import.meta.glob<View>("./*/view.ts", { eager: true, import: "default" });
const GROUPS: View["group"][] = ["work", "record", "end"];

export const views: View[] = Object.values(found).toSorted(
  (a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || a.order - b.order,
);

export function viewOf(id: string): View | undefined {
  return views.find((view) => view.id === id);
}
