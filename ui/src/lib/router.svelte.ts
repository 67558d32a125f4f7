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

/** Whether one may leave for this address: something is being written where one is. */
type Leave = (address: string) => boolean;
let leave: Leave | null = null;

/** Asked before one goes elsewhere; a change of the query alone is no leaving. Returns its undoing. */
export function beforeLeaving(asked: Leave): () => void {
  leave = asked;
  return () => {
    if (leave === asked) leave = null;
  };
}

const pathOf = ({ view, rest }: Place) => to(view, ...rest);

function mayGo(hash: string): boolean {
  return leave === null || pathOf(placeOf(hash)) === pathOf(place) || leave(hash);
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
  if (!mayGo(hash)) return;
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
  const moved = () => {
    if (mayGo(window.location.hash)) return void follow();
    const words = place.query.toString();
    const back = pathOf(place) + (words ? `?${words}` : "");
    window.history.replaceState(window.history.state, "", back);
  };
  follow();
  window.addEventListener("hashchange", moved);
  return () => window.removeEventListener("hashchange", moved);
}
