/** Validations in words. Pure: whether one counts is the backend's to say, and is only read here. */
import type {
  CheckStanding,
  CheckStatus,
  IntentId,
  Mark,
  ValidationStanding,
  ValidationStatus,
} from "@/host";
import { duration, inWords, ms, plural, spanMs, spanWords } from "@/lib/format";

export const STANDINGS: Record<CheckStanding, { word: string; mark: Mark; tone: string }> = {
  waiting: { word: "waiting", mark: "no-data", tone: "mute" },
  running: { word: "running", mark: "moving", tone: "moving" },
  retrying: { word: "trying again", mark: "warn", tone: "warn" },
  passed: { word: "passed", mark: "good", tone: "good" },
  warning: { word: "warning", mark: "warn", tone: "warn" },
  failed: { word: "failed", mark: "bad", tone: "bad" },
  "not-done": { word: "not done", mark: "no-data", tone: "mute" },
};

/** By which what a check printed is asked for. */
export interface CheckOutput {
  intent: IntentId;
  name: string;
}

const ENDED: Record<ValidationStanding, string | null> = {
  running: null,
  finished: null,
  "timed-out": "its time was over",
  cancelled: "it was cancelled",
  lost: "whoever ran it is gone",
};

/** Checks of which nothing more is to be learnt. */
export function settled(checks: CheckStatus[]): number {
  return checks.filter(({ standing }) => ["passed", "warning", "failed"].includes(standing)).length;
}

/** What a validation came to, in one line. */
export function verdictOf(status: ValidationStatus): { mark: Mark; words: string; why: string | null } {
  const { release, standing, can_deploy, outcome } = status;
  if (standing === "running") {
    return { mark: "moving", words: `${release} is being checked`, why: null };
  }
  const why = ENDED[standing];
  if (!can_deploy) return { mark: "bad", words: `${release} may not go out`, why };
  return outcome === "warnings"
    ? { mark: "warn", words: `${release} may go out, with warnings`, why }
    : { mark: "good", words: `${release} may go out`, why };
}

/** How the newest validation stands to what is typed. */
export interface Proof {
  kind: "reading" | "none" | "other" | "running" | "failed" | "passed";
  /** What there is to say; empty when it may go out. */
  words: string;
}

export interface Meant {
  version: string;
  /** Of the plan's text as it is typed; null while it is reckoned. */
  digest: string | null;
}

export function proofOf(newest: ValidationStatus | null | undefined, meant: Meant): Proof {
  const release = meant.version === "" ? "this release" : meant.version;
  if (newest === undefined) return { kind: "reading", words: "What was checked is being read" };
  if (newest === null) {
    return { kind: "none", words: `${release} has not been checked by this plan: run the checks` };
  }
  const running = newest.standing === "running";
  const ran = `The newest checks ${running ? "are being" : "were"} run`;
  // Earlier ones may count all the same: only the backend has them all.
  const rest = `If no earlier ones count for ${release}, the start is refused.`;
  if (meant.version !== "" && newest.release !== meant.version) {
    return { kind: "other", words: `${ran} for ${newest.release}, not for ${release}. ${rest}` };
  }
  if (meant.digest !== null && newest.plan_digest !== meant.digest) {
    return { kind: "other", words: `${ran} by plan ${newest.plan} with another text. ${rest}` };
  }
  if (running) return { kind: "running", words: `${release} is being checked` };
  if (newest.can_deploy) return { kind: "passed", words: "" };
  const said = [ENDED[newest.standing], ...newest.reasons].filter((one) => one !== null);
  return { kind: "failed", words: `${release} may not go out: ${inWords(said.join("; "))}` };
}

/** Why a start would be sent in vain; null where only the backend can tell, or where nothing is lacking. */
export function lackOf({ kind, words }: Proof): string | null {
  return kind === "passed" || kind === "other" ? null : words;
}

/** “attempt 2 of 4”, where there is more than one to be had. */
export function attemptsOf({ attempt, retries }: CheckStatus): string {
  return attempt > 0 && retries > 0 ? `attempt ${attempt} of ${retries + 1}` : "";
}

/** “took 4 s”, “for 12 s”; nothing of one whose turn has not come. */
export function timeOf({ standing, started_at, took }: CheckStatus, now: number): string {
  if (standing === "running" && started_at !== null) {
    return `for ${duration(Math.max(0, now - ms(started_at)))}`;
  }
  if (took === null) return "";
  return spanMs(took) === 0 ? "took no time" : `took ${spanWords(took)}`;
}

/** “3 of 5 checks have ended” */
export function progressOf(checks: CheckStatus[]): string {
  return `${settled(checks)} of ${plural(checks.length, "check")} ended`;
}
