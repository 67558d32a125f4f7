/** Words and marks for where a rollout stands. Pure: it reads what the backend says and decides nothing. */
import type {
  BakedBy,
  Mark,
  PauseReason,
  Phase,
  RolloutRow,
  RolloutStatus,
  RolloutView,
  Stage,
  StepStatus,
} from "@/host";
import {
  count,
  duration,
  inWords,
  ms,
  once,
  plural,
  share,
  spanMs,
  spanWords,
  stampUtc,
  weight,
} from "@/lib/format";
import { holder } from "./tasks";

export interface Standing {
  word: string;
  mark: Mark;
}

const REASONS: Record<PauseReason, string> = {
  person: "by a person",
  planned: "by its plan",
  inconclusive: "no verdict",
  "no-data": "no data",
  "judge-error": "judge failed",
  trouble: "trouble",
  "foreign-write": "written by others",
};

const PHASES: Record<Exclude<Phase, { paused: unknown }>, Standing> = {
  pending: { word: "Waiting to begin", mark: "moving" },
  progressing: { word: "Progressing", mark: "moving" },
  "rolling-back": { word: "Rolling back", mark: "bad" },
  promoted: { word: "Promoted", mark: "good" },
  "rolled-back": { word: "Rolled back", mark: "warn" },
  aborted: { word: "Aborted", mark: "warn" },
  superseded: { word: "Superseded", mark: "no-data" },
  failed: { word: "Failed", mark: "bad" },
};

export function paused(phase: Phase): PauseReason | null {
  return typeof phase === "object" ? phase.paused : null;
}

export function phaseOf(phase: Phase): Standing {
  return typeof phase === "object"
    ? { word: `Paused, ${REASONS[phase.paused]}`, mark: "warn" }
    : PHASES[phase];
}

export function isOver(phase: Phase): boolean {
  return typeof phase === "string" && !["pending", "progressing", "rolling-back"].includes(phase);
}

/** Only a decision ends it: the plan's pause and a person's are ended by resuming. */
export function asks(phase: Phase): boolean {
  const reason = paused(phase);
  return reason !== null && !["person", "planned", "foreign-write"].includes(reason);
}

function baked(by: BakedBy): Standing {
  switch (by.by) {
    case "pass":
      return { word: "Pass", mark: "good" };
    case "no-harm":
      return { word: "no harm seen", mark: "good" };
    case "unjudged":
      return { word: "not judged", mark: "good" };
    case "broken-glass":
      return { word: "overridden", mark: "warn" };
  }
}

const STAGES: Record<Exclude<Stage, "bake">, Standing> = {
  capacity: { word: "bringing up", mark: "moving" },
  traffic: { word: "writing traffic", mark: "moving" },
  gate: { word: "waits at its gates", mark: "warn" },
};

function baking(verdict: RolloutStatus["verdict"]): Standing {
  switch (verdict) {
    case "pass":
      return { word: "Pass", mark: "good" };
    case "fail":
      return { word: "Fail", mark: "bad" };
    case "error":
      return { word: "cannot be judged", mark: "bad" };
    case "no-data":
      return { word: "no data yet", mark: "no-data" };
    case "inconclusive":
      return { word: "judging", mark: "moving" };
    case null:
      return { word: "baking", mark: "moving" };
  }
}

export function stepStanding(step: StepStatus, status: RolloutStatus): Standing {
  if (step.current) {
    const reason = paused(status.phase);
    if (reason !== null) return { word: `paused, ${REASONS[reason]}`, mark: "warn" };
    if (status.phase === "rolling-back") return { word: "going back", mark: "bad" };
    if (status.phase === "pending" || status.waits_until != null) return { word: "waits", mark: "moving" };
    return status.stage === "bake" ? baking(status.verdict) : STAGES[status.stage];
  }
  if (step.done) return baked(step.done);
  if (step.skipped) return { word: "skipped", mark: "no-data" };
  if (!isOver(status.phase)) return { word: "to come", mark: "no-data" };
  const here = status.steps[status.step] === step;
  if (here && status.verdict === "fail") return { word: "Fail", mark: "bad" };
  return { word: here && status.phase !== "promoted" ? "ended here" : "not reached", mark: "no-data" };
}

/** Whom a step gives the candidate to: “25 %”, “2 of 3 instances”, “by name”. */
export function shareOf(step: StepStatus, status: RolloutStatus): string {
  if (status.strategy === "audience" && step.weight === 0) return "by name";
  if (status.strategy === "audience" && step.weight === 100) return "everyone";
  if (step.instances == null) return weight(step.weight);
  return `${count(step.instances)} of ${count(status.steps.at(-1)?.instances)}`;
}

/** The same where it has to say of what: “25 % of traffic”, “2 of 3 instances”. */
export function reachOf(step: StepStatus, status: RolloutStatus): string {
  if (step.instances != null) return `${shareOf(step, status)} instances`;
  return `${weight(step.weight)} of ${status.strategy === "audience" ? "the people" : "traffic"}`;
}

/** How many people that are, those by name where it is them alone; null where it is not known. */
export function peopleOf(step: StepStatus, status: RolloutStatus): number | null {
  return step.weight === 0 && status.audience ? status.audience.listed : step.people;
}

/** What its track says beside that. */
export function shareNote(step: StepStatus, i: number, status: RolloutStatus): string {
  if (step.instances != null) return `batch ${i + 1} · ${weight(step.weight)}`;
  // When it begins is more than its track has room for; the schedule says both.
  if (status.strategy !== "audience" || (step.not_before != null && !step.done)) return "";
  const people = peopleOf(step, status);
  return people == null ? "" : plural(people, "person", "people");
}

/** 22 Nov 09:00 UTC */
function shortUtc(at: string): string {
  const [day = "", clock = ""] = stampUtc(at).split(" ");
  const month = new Date(`${day}T00:00:00Z`).toLocaleString("en", { month: "short", timeZone: "UTC" });
  return `${Number(day.slice(8))}\u00a0${month} ${clock.slice(0, 5)}\u00a0UTC`;
}

/** How much of its bar a step has: all of it once it is over, while it bakes the part of its least time. */
export function stepShare(step: StepStatus, status: RolloutStatus): number {
  if (!step.current) return step.done ? 1 : 0;
  if (status.stage === "gate" || step.done) return 1;
  if (status.stage !== "bake") return 0;
  const least = spanMs(step.bake_min);
  return least > 0 ? Math.min(1, spanMs(status.in_step_for) / least) : 1;
}

/** Under a step's weight: how far its bake is, or what it took. */
export function stepTimes(step: StepStatus, status: RolloutStatus): string {
  if (step.current && status.waits_until != null) return `from ${shortUtc(status.waits_until)}`;
  if (step.current && status.stage === "bake") {
    const passed = spanMs(status.in_step_for);
    return passed < spanMs(step.bake_min)
      ? `bake ${duration(passed)} of ${spanWords(step.bake_min)}`
      : `${duration(passed)}, at most ${spanWords(step.bake_max)}`;
  }
  if (step.current) return `since ${spanWords(status.in_step_for)}`;
  if (step.took !== null && spanMs(step.took) > 0) return `took ${spanWords(step.took)}`;
  if (step.took !== null) return "no bake";
  if (step.skipped || isOver(status.phase)) return "";
  if (step.not_before != null) return `from ${shortUtc(step.not_before)}`;
  return spanMs(step.bake_min) > 0 ? `at least ${spanWords(step.bake_min)}` : "no bake";
}

/** A reason that begins with the word it stands beside says it twice: “aborted: too slow” is “too slow”. */
export function without(reason: string, word: string): string {
  const [lead = "", ...rest] = reason.split(": ");
  return lead.toLowerCase() === word.toLowerCase() ? rest.join(": ") : reason;
}

/**
 * A row's note. Which step is meant stands in the row, and of a moment the day and the time are enough:
 * the sentence is longer than its column where the window is narrow.
 */
export function rowNote({ note, phase }: RolloutRow): string {
  const [, day, time] = /^step \d+ begins at (\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC$/.exec(note) ?? [];
  if (day && time) return `begins ${shortUtc(`${day}T${time}:00Z`)}`;
  return inWords(without(note, phaseOf(phase).word));
}

/** How a rollout that is over ended, in a sentence. */
export function endingWords(status: RolloutStatus): string {
  const { release, from, phase } = status;
  const reason = without(once(status.ending), phaseOf(phase).word);
  const why = reason ? `: ${reason}` : "";
  switch (phase) {
    case "promoted":
      return `${release} has all traffic and is stable now${why}.`;
    case "rolled-back":
      return `Traffic went back to ${from ?? "what served before"}${why}.`;
    case "aborted":
      return `It was given up${why}.`;
    case "superseded":
      return `A newer rollout took its place${why}.`;
    case "failed":
      return `It failed${why}.`;
    default:
      return "";
  }
}

/** What is asked of a person when a rollout is held and does not go on by itself. */
const QUESTIONS: Record<PauseReason, string> = {
  person: "A person held it here. Resume it, promote it, or roll back?",
  planned: "The plan stops here until a person decides: resume, or roll back?",
  inconclusive: "No verdict within the maximum bake: promote, retry or roll back?",
  "no-data": "Nothing was measured within the maximum bake: promote, retry or roll back?",
  "judge-error": "The judge could not work with what was measured: promote, retry or roll back?",
  trouble: "Something in the rollout did not work: retry, or roll back?",
  "foreign-write": "Somebody else wrote the traffic meanwhile: look first, then resume or roll back?",
};

export function question(status: RolloutStatus): string | null {
  const reason = paused(status.phase);
  if (reason === null) return null;
  if (holder(status)) return "A critical task holds it: retry, go on without it, or give up?";
  if (reason === "planned" && status.timed_pause)
    return "The plan pauses here for a while and goes on by itself.";
  return QUESTIONS[reason];
}

/** A step that waits for its day: what stands until then. */
function waiting(status: RolloutStatus): string {
  if (status.step === 0) return `${status.release} waits for its time; nothing is touched before.`;
  const before = status.steps[status.step - 1];
  const stands = before ? ` ${status.release} stays at ${shareOf(before, status)}.` : "";
  return `Step ${status.step + 1} of ${status.steps.length} waits for its day.${stands}`;
}

/** “begins in 13 h 2 min”; null while nothing is waited for. */
export function countdown(status: RolloutStatus, now: number): string | null {
  if (status.waits_until == null) return null;
  const left = ms(status.waits_until) - now;
  return left > 0 ? `begins in ${duration(left)}` : "begins now";
}

/** What is happening now, in a sentence, while nothing is asked of anybody. */
export function goingOn(status: RolloutStatus): string {
  const step = status.steps[status.step];
  const place = `step ${status.step + 1} of ${status.steps.length}`;
  if (status.waits_until != null) return waiting(status);
  if (status.phase === "pending") return "It begins as soon as somebody drives it.";
  const running = status.tasks.find((task) => task.standing === "running" && task.place.at === "after");
  if (running)
    return `${status.release} has all traffic; ${running.name} is run before it counts as promoted.`;
  if (!step) return "Its last step has ended; roles are changed next.";
  switch (status.stage) {
    case "capacity":
      return `${status.release} is being brought up for ${place}.`;
    case "traffic":
      return `${step.weight} % ${status.audience ? "of the people are being led to it" : "of traffic is being written"} for ${place}.`;
    case "bake":
      if (step.weight === 0 && status.audience)
        return `${status.release} answers ${plural(status.audience.listed, "person", "people")} by name and nobody else, ${place}.`;
      if (step.weight === 0)
        return `${status.release} stands ready and answers none of its users yet, ${place}.`;
      if (step.instances != null)
        return `${status.release} answers with ${shareOf(step, status)} instances, batch ${status.step + 1} of ${status.steps.length}.`;
      if (status.audience && step.weight < 100)
        return `${status.release} answers ${step.weight} % of the people, ${place}.`;
      return `${status.release} answers ${step.weight} % of requests, ${place}.`;
    case "gate":
      return `${place} has baked; it waits at its gates.`;
  }
}

const named = (names: string[]) =>
  names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : (names[0] ?? "");

/** What a bake of which the least time is over still lacks; null where nothing is lacking. */
function bakeLacks(status: RolloutStatus): string | null {
  const open = (status.answer?.metrics ?? []).filter((m) => m.critical && m.verdict !== "pass");
  const names = (limit: boolean) =>
    named(open.filter((m) => (m.detail.kind === "limit") === limit).map((m) => m.name));
  const [compared, limited] = [names(false), names(true)];
  const waits = [
    ...(compared === "" ? [] : [`a verdict on ${compared} against ${status.from ?? "what served before"}`]),
    ...(limited === "" ? [] : [`enough measured for the limit of ${limited}`]),
  ];
  if (waits.length > 0) return waits.join(", and ");
  const judged = status.verdict !== null && status.verdict !== "pass";
  return judged ? "the judge’s verdict" : null;
}

/** What is waited for once every least time is over. */
export function waitsFor(status: RolloutStatus): string {
  const late = (what: string) => `It could be over by now; it waits for ${what}.`;
  if (status.driver === null) return late("somebody to drive it");
  const task = status.tasks.find((one) => one.standing === "running" && one.place.at !== "during");
  if (task) return late(`the task ${task.name}`);
  if (status.steps[status.step] === undefined) return late("roles to be changed");
  switch (status.stage) {
    case "capacity":
      return late("its instances to come up");
    case "traffic":
      return late("its traffic to be written");
    case "gate": {
      const closed = status.gates.filter(({ open }) => !open).map(({ name }) => name);
      return closed.length > 0
        ? late(`${closed.length > 1 ? "gates" : "the gate"} ${named(closed)}`)
        : late("its gates");
    }
    case "bake": {
      const lacks = bakeLacks(status);
      if (lacks !== null) return late(lacks);
      return status.verdict === "pass"
        ? "Its bake is over with a Pass: it goes on by itself."
        : "Its bake is over and nothing is judged in this step: it goes on by itself.";
    }
  }
}

/** How both do, whoever judges or not: “v3 fails 4.3 % of its requests, v2 0.00 %.” */
export function failing({ status, candidate, stable }: RolloutView): string {
  const { release, from } = status;
  if (candidate.errors == null) return `Of ${release} nothing was measured lately.`;
  const beside = stable.errors == null ? "" : `, ${from ?? "stable"} ${share(stable.errors)}`;
  return `${release} fails ${share(candidate.errors)} of its requests${beside}.`;
}
