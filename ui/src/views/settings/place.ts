/** What is typed about an environment in a cluster, as the settings keep it. Pure. */
import type { Class, ClusterPlace, ContextRow, Environment, MetricsSource } from "@/host";

/** The queries where nothing else is said; the backend fills in the same. */
export const RESPONSES = 'sum by (pod, code) (http_requests_total{namespace="$namespace"})';
export const SECONDS = 'sum by (pod, le) (http_request_duration_seconds_bucket{namespace="$namespace"})';

export interface TypedPlace {
  name: string;
  folder: string;
  class: Class;
  readOnly: boolean;
  kubeconfig: string;
  context: string;
  namespace: string;
  url: string;
  ca: string;
  token: string;
  responses: string;
  seconds: string;
}

export const EMPTY: TypedPlace = {
  name: "",
  folder: "",
  class: "staging",
  readOnly: false,
  kubeconfig: "",
  context: "",
  namespace: "",
  url: "",
  ca: "",
  token: "",
  responses: RESPONSES,
  seconds: SECONDS,
};

/** An environment that is there, to be changed. */
export function typedOf({ name, folder, read_only, cluster, ...rest }: Environment): TypedPlace {
  const metrics = cluster?.metrics;
  return {
    name,
    folder,
    class: rest.class,
    readOnly: read_only,
    kubeconfig: cluster?.kubeconfig ?? "",
    context: cluster?.context ?? "",
    namespace: cluster?.namespace ?? "",
    url: metrics?.url ?? "",
    ca: metrics?.ca ?? "",
    token: metrics?.token ?? "",
    responses: metrics?.responses ?? RESPONSES,
    seconds: metrics?.seconds ?? SECONDS,
  };
}

/** What the form does not ask for stays as it was. */
function metricsOf(typed: TypedPlace, before?: MetricsSource): MetricsSource | null {
  const [url, ca, token] = [typed.url.trim(), typed.ca.trim(), typed.token.trim()];
  if (url === "") return null;
  return {
    url,
    ...(before?.user && { user: before.user }),
    ...(ca !== "" && { ca }),
    ...(token !== "" && { token }),
    responses: typed.responses.trim(),
    seconds: typed.seconds.trim(),
  };
}

/** What is left empty is left out: the backend has its own word for it. */
export function placeOf(typed: TypedPlace, before?: MetricsSource): ClusterPlace {
  const [kubeconfig, namespace] = [typed.kubeconfig.trim(), typed.namespace.trim()];
  const metrics = metricsOf(typed, before);
  return {
    ...(kubeconfig !== "" && { kubeconfig }),
    context: typed.context,
    ...(namespace !== "" && { namespace }),
    ...(metrics && { metrics }),
  };
}

export function environmentOf(typed: TypedPlace, before: Environment | null): Environment {
  return {
    name: typed.name.trim(),
    folder: typed.folder.trim(),
    class: typed.class,
    colour: before?.colour ?? "slate",
    read_only: typed.readOnly,
    cluster: placeOf(typed, before?.cluster?.metrics),
    ...(before?.metrics && { metrics: before.metrics }),
  };
}

const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const absolute = (path: string) => /^(\/|[A-Za-z]:[\\/])/.test(path);

/** What is wrong, by field; those that may be left empty are right when they are. */
export function wrongIn(typed: TypedPlace, names: string[]): Partial<Record<keyof TypedPlace, string>> {
  const path = (text: string) =>
    text.trim() === "" || absolute(text.trim()) ? undefined : "the whole path, from the root";
  const wrong: Partial<Record<keyof TypedPlace, string | undefined>> = {
    name: names.includes(typed.name.trim()) ? "there is one of this name already" : undefined,
    folder: path(typed.folder),
    kubeconfig: path(typed.kubeconfig),
    ca: path(typed.ca),
    namespace:
      typed.namespace.trim() === "" || NAMESPACE.test(typed.namespace.trim())
        ? undefined
        : "lower-case letters, digits and - alone; at most 63",
    url:
      typed.url.trim() === "" || /^(https?|service):\/\/./.test(typed.url.trim())
        ? undefined
        : "begins with http://, https:// or service://",
    responses: typed.url.trim() !== "" && typed.responses.trim() === "" ? "it is needed" : undefined,
  };
  return Object.fromEntries(Object.entries(wrong).filter(([, why]) => why !== undefined));
}

const LABELS: Partial<Record<keyof TypedPlace, string>> = {
  name: "Name",
  folder: "Data folder",
  kubeconfig: "Kubeconfig",
  namespace: "Namespace",
  url: "Prometheus",
  ca: "Certificate authority",
  responses: "Responses",
};

/** What is missing or wrong first, in words; null when it can be saved. */
export function lacking(typed: TypedPlace, names: string[]): string | null {
  if (typed.name.trim() === "") return "Give it a name";
  if (typed.folder.trim() === "") return "Name its data folder";
  if (typed.context === "") return "Choose a context";
  const [first] = Object.entries(wrongIn(typed, names)) as [keyof TypedPlace, string][];
  return first ? `${LABELS[first[0]] ?? first[0]}: ${first[1]}` : null;
}

/** The contexts to choose from; one that is chosen stays, also where the file does not name it. */
export function contextOptions(
  rows: ContextRow[] | null,
  chosen: string,
): { value: string; title: string }[] {
  const found = (rows ?? []).map(({ name, cluster, namespace, current }) => ({
    value: name,
    title: `${name} · ${cluster} · ${namespace}${current ? " (current)" : ""}`,
  }));
  const first = { value: "", title: rows === null ? "reading…" : "choose one" };
  const absent = chosen !== "" && !found.some(({ value }) => value === chosen);
  const kept = { value: chosen, title: rows === null ? chosen : `${chosen} (not in this file)` };
  return [first, ...(absent ? [kept] : []), ...found];
}

/** Production in a cluster begins read-only: somebody opens it on purpose. */
export function readOnlyFor(next: Class, inCluster: boolean, now: boolean): boolean {
  return now || (inCluster && next === "production");
}
