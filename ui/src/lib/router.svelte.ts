/** Where one is, kept in the address after `#/`: `rollouts/checkout?tab=events`. */

export interface Place {
  /** The view's id. */
  view: string;
  /** What follows it, decoded: `["checkout"]`. */
  rest: string[];
  query: URLSearchParams;
}

export const HOME = "bridge";

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  const [view, ...rest] = path.split("/").filter(Boolean).map(decoded);
  return { view: view ?? HOME, rest, query: new URLSearchParams(query) };
}

/** `to("rollouts", "checkout")` is `#/rollouts/checkout`. */
export function to(view: string, ...rest: string[]): string {
  return `#/${[view, ...rest].map(encodeURIComponent).join("/")}`;
}

let place = $state.raw(placeOf(typeof window === "undefined" ? "" : window.location.hash));

export function here(): Place {
  return place;
}

/** `go("rollouts", "checkout")` */
export function go(view: string, ...rest: string[]): void {
  goTo(to(view, ...rest));
}

/** Takes an address with or without `#/`, as deep links bring it. */
export function goTo(address: string): void {
  const hash = `#/${address.replace(/^#?\/?/, "")}`;
  if (window.location.hash !== hash) window.location.hash = hash;
  place = placeOf(hash);
}

/** Changes the query in place, leaving no step in the history. */
export function setQuery(changes: Record<string, string | null>): void {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const words = query.toString();
  const hash = to(place.view, ...place.rest) + (words ? `?${words}` : "");
  window.history.replaceState(window.history.state, "", hash);
  place = { ...place, query };
}

/** Follows the address. Returns its undoing. */
export function startRouter(): () => void {
  const follow = () => (place = placeOf(window.location.hash));
  follow();
  window.addEventListener("hashchange", follow);
  return () => window.removeEventListener("hashchange", follow);
}
