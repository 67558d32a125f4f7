/** What the palette offers: actions, services, rollouts. */
import type { BridgeView } from "@/host";
import { type Action, grouped, perform, titleOf, whyOff } from "@/lib/actions";
import { go, goTo, to } from "@/lib/router.svelte";
import { viewOf } from "@/views";
import { ranked } from "./rank";

export interface Entry {
  id: string;
  kind: "action" | "service" | "rollout";
  title: string;
  /** Beside it: the group, or where it stands. */
  note: string;
  keys: string | null;
  /** Why it is off. */
  why: string | null;
  run: () => void;
}

function ofAction(a: Action): Entry {
  return {
    id: `action:${a.id}`,
    kind: "action",
    title: titleOf(a),
    note: a.group,
    keys: a.keys?.[0] ?? null,
    why: whyOff(a),
    run: () => perform(a),
  };
}

/** Only once something is typed: else each service would stand there twice. */
function ofRevisions(bridge: BridgeView): Entry[] {
  return bridge.services.rows.map(({ service }) => ({
    id: `revisions:${service}`,
    kind: "service",
    title: `${service}: revisions`,
    note: "what was promoted, and undo",
    keys: null,
    why: null,
    run: () => goTo(`${to("services", service)}?tab=revisions`),
  }));
}

function ofBridge(bridge: BridgeView): Entry[] {
  const rollouts = bridge.moving.map((m): Entry => {
    const note = `${m.from ?? "nothing"} to ${m.to}, ${m.standing}`;
    const run = () => go("rollouts", m.service);
    return {
      id: `rollout:${m.service}`,
      kind: "rollout",
      title: m.service,
      note,
      keys: null,
      why: null,
      run,
    };
  });
  const services = bridge.services.rows.map((s): Entry => {
    const note = s.why ?? s.stable ?? "no release yet";
    const run = () => go("services", s.service);
    return {
      id: `service:${s.service}`,
      kind: "service",
      title: s.service,
      note,
      keys: null,
      why: null,
      run,
    };
  });
  // Where a view is not there, nothing leads to it.
  return [...(viewOf("rollouts") ? rollouts : []), ...(viewOf("services") ? services : [])];
}

/** With nothing typed: what can be done now, then where things are, then what is off. */
export function entries(wanted: string, bridge: BridgeView | null): Entry[] {
  const listed = [...grouped().values()].flat().filter((a) => !a.unlisted);
  const [on, off] = [true, false].map((on) => listed.map(ofAction).filter((e) => (e.why === null) === on));
  const revisions = bridge && wanted.trim() !== "" && viewOf("services") ? ofRevisions(bridge) : [];
  const all = [...(on ?? []), ...(bridge ? ofBridge(bridge) : []), ...revisions, ...(off ?? [])];
  return ranked(
    wanted,
    all,
    (entry) => `${entry.title} ${entry.kind === "action" ? entry.note : entry.kind}`,
  );
}
