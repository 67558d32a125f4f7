/** What the cluster's rows say, in shapes and words. Pure. */
import type { FieldState, Freshness, Mark, ObjectKind, Slot, Standing } from "@/host";

/** The shape of each standing. */
export const MARKS: Record<Standing, Mark> = {
  bad: "bad",
  warn: "warn",
  moving: "moving",
  good: "good",
  idle: "no-data",
};
/** Its word, where nothing better is known. */
export const STANDINGS: Record<Standing, string> = {
  bad: "not well",
  warn: "to be looked at",
  moving: "on its way",
  good: "well",
  idle: "idle",
};
export const TONES: Record<Standing, string> = {
  bad: "bad",
  warn: "warn",
  moving: "moving",
  good: "good",
  idle: "mute",
};

export const FIELDS: Record<FieldState, { mark: Mark; word: string }> = {
  differs: { mark: "bad", word: "differs" },
  taken: { mark: "warn", word: "taken over" },
  same: { mark: "good", word: "as applied" },
};

/** Kinds that can be chosen, as the backend names them. */
export const KINDS: ObjectKind[] = [
  "Deployment",
  "ReplicaSet",
  "Service",
  "HTTPRoute",
  "VirtualService",
  "HorizontalPodAutoscaler",
  "PodDisruptionBudget",
];
/** Every kind whose text can be read: an event may be about another. */
const READABLE = new Set<string>([...KINDS, "Pod", "Event", "StatefulSet", "DaemonSet", "EndpointSlice"]);

/** Long names as people say them. */
export function kindWords(kind: string): string {
  if (kind === "HorizontalPodAutoscaler") return "Autoscaler";
  if (kind === "PodDisruptionBudget") return "Disruption budget";
  return kind;
}

export function whose(row: { service: string | null; slot: Slot | null }): string {
  return [row.service, row.slot].filter(Boolean).join(" ");
}

/** Why what is shown may be old; null while every watch lives. */
export function staleness(freshness: Freshness): string | null {
  if (freshness.follows) return null;
  return freshness.trouble ?? "the cluster has not said all of it yet";
}

export interface Picked {
  kind: ObjectKind;
  name: string;
}

/** `Deployment/web`, as the address has it. */
export function pickedOf(text: string | null): Picked | null {
  const [kind = "", name = ""] = text?.split("/") ?? [];
  return name !== "" && READABLE.has(kind) ? { kind: kind as ObjectKind, name } : null;
}
export function readable(kind: string): kind is ObjectKind {
  return READABLE.has(kind);
}

/** A line of YAML as its key and the rest, so that keys can be told apart; null: it has none. */
export function keyOf(line: string): [indent: string, key: string, rest: string] | null {
  const found = /^(\s*(?:- )*)("[^"]*"|[^\s"'#][^:]*?)(:(?:\s.*)?)$/.exec(line);
  return found ? [found[1] ?? "", found[2] ?? "", found[3] ?? ""] : null;
}
