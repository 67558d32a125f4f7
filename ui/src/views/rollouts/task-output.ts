import type { Printed } from "@/host";
import { count } from "@/lib/format";

/** “1 204 bytes”, or how much of it is shown. */
export function keptOf({ text, bytes }: Printed): string {
  const kept = new TextEncoder().encode(text).length;
  return kept < bytes ? `the last ${count(kept)} of ${count(bytes)} bytes kept` : `${count(bytes)} bytes`;
}
