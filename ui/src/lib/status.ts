/** The shell's own subscription, for views that need to know where they are. */
import { createContext } from "svelte";
import type { Live } from "./live.svelte";
import type { StatusLine } from "@/host";

export const [status, provideStatus] = createContext<Live<StatusLine>>();

/** Why nothing can be changed here now; null when it can. */
export function readOnly(line: StatusLine | null): string | null {
  if (!line) return "the state of the environment is not known yet";
  if (!line.environment.read_only) return null;
  return `${line.environment.name} is read-only; the switch is in Settings`;
}
