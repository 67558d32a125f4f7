/** The shell's own subscription, for views that need to know where they are. */
import { createContext } from "svelte";
import { opened } from "./access.svelte";
import type { Live } from "./live.svelte";
import type { ClusterPlace, StatusLine } from "@/host";

export const [status, provideStatus] = createContext<Live<StatusLine>>();

/** Why nothing can be changed here now; null when it can. A rune, as an opening ends by itself. */
export function readOnly(line: StatusLine | null): string | null {
  if (!line) return "the state of the environment is not known yet";
  if (!line.environment.read_only || opened() !== null) return null;
  return `${line.environment.name} is read-only; open it for a while in the top bar, or switch it off in Settings`;
}

/** The cluster that the services run in; null where they run on this machine or it is not known. */
export function cluster(line: StatusLine | null): ClusterPlace | null {
  return line?.environment.cluster ?? null;
}
