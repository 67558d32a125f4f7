/** Words and marks for what stands in a service. */
import type { InstancePhase, Mark, Phase, Role } from "@/host";

export const ROLES: Record<Role, string> = {
  stable: "stable",
  candidate: "candidate",
  previous: "previous",
  free: "free",
};

export const INSTANCES: Record<InstancePhase, { word: string; mark: Mark }> = {
  starting: { word: "starting", mark: "moving" },
  ready: { word: "ready", mark: "good" },
  unready: { word: "not ready", mark: "warn" },
  "back-off": { word: "backing off", mark: "bad" },
  draining: { word: "draining", mark: "moving" },
  stopped: { word: "stopped", mark: "no-data" },
};

const PHASES: Record<Exclude<Phase, { paused: unknown }>, { word: string; mark: Mark }> = {
  pending: { word: "waiting to begin", mark: "moving" },
  progressing: { word: "progressing", mark: "moving" },
  "rolling-back": { word: "rolling back", mark: "warn" },
  promoted: { word: "promoted", mark: "good" },
  "rolled-back": { word: "rolled back", mark: "bad" },
  aborted: { word: "aborted", mark: "warn" },
  superseded: { word: "superseded", mark: "no-data" },
  failed: { word: "failed", mark: "bad" },
};

/** How a rollout stands, or ended. */
export function phaseWords(phase: Phase): { word: string; mark: Mark } {
  return typeof phase === "string" ? PHASES[phase] : { word: "paused", mark: "warn" };
}
