/** Words for a cluster, and what is typed to adopt a Deployment. Pure. */
import type { Adopt, ClusterView, MissingRight } from "@/host";

export interface Asked {
  deployment: string;
  service: string;
  route: string;
  virtual_service: string;
  ingress: string;
  container: string;
}

/** As the backend takes it: what is left empty is found there. */
export function adoptOf(asked: Asked): Adopt {
  const said = Object.entries(asked).map(([key, text]) => [key, text.trim()] as const);
  return Object.fromEntries(said.filter(([, text]) => text !== "")) as unknown as Adopt;
}

/** What contradicts itself in what is asked for; null when nothing does. */
export function contradiction(asked: Asked): string | null {
  const named = [asked.route, asked.virtual_service, asked.ingress].filter((name) => name.trim() !== "");
  return named.length > 1 ? "A route, a VirtualService or an Ingress carries the traffic: one of them" : null;
}

/** The rights that are missing, those for the way back first. */
export function urgent(missing: MissingRight[]): MissingRight[] {
  return missing.toSorted((a, b) => Number(b.for_the_way_back) - Number(a.for_the_way_back));
}

/** That traffic cannot be taken back; null when it can or nobody knows. */
export function alarm(view: ClusterView): string | null {
  if (view.can_take_back !== false) return null;
  return "The way back is shut: traffic cannot be taken back without these rights.";
}

/** A context and the namespace in it, as both are written everywhere. */
export function placeWords(place: { context: string; namespace?: string | null }): string {
  return `${place.context} / ${place.namespace ?? "the context’s own namespace"}`;
}
