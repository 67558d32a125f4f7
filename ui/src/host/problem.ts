import type { Problem } from "./generated";

export type { Problem };

/** Whatever was thrown, as a problem: the backend's own keep their code, anything else is `window.broken`. */
export function asProblem(thrown: unknown): Problem {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    const { code, message } = thrown;
    if (typeof code === "string" && typeof message === "string") {
      return { code, message, detail: "detail" in thrown ? thrown.detail : undefined };
    }
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "window.broken", message };
}

/** Not allowed now, as opposed to broken. */
export function isRefusal(problem: Problem): boolean {
  return problem.code.startsWith("refused.");
}

/** The first matching prefix speaks; a problem's own `detail.instead` is better still. */
const ADVICE: [prefix: string, advice: string][] = [
  [
    "platform.unreachable",
    "Traffic is not affected. On this machine: start the node (Ctrl K, “Start the node”). In a cluster: Services says why it does not answer.",
  ],
  ["platform.", "Read the platform's own words; a rollback does not need what is broken here."],
  ["journal.", "Rolling back works all the same. The Journal view says what to do."],
  ["service.unknown", "Choose a service from the list; it may have been removed meanwhile."],
  ["rollout.none", "Start a rollout of this service to see it here."],
  ["window.offline", "Traffic is not affected, and deckwatchctl works without this window."],
];

/** What the reader can do about it; null when the message says all there is. */
export function advice(problem: Problem): string | null {
  const { detail } = problem;
  if (
    typeof detail === "object" &&
    detail !== null &&
    "instead" in detail &&
    typeof detail.instead === "string"
  ) {
    return detail.instead;
  }
  return ADVICE.find(([prefix]) => problem.code.startsWith(prefix))?.[1] ?? null;
}

/** For pasting into a ticket. */
export function problemText(problem: Problem): string {
  const detail = problem.detail == null ? "" : `\n${JSON.stringify(problem.detail, null, 2)}`;
  return `${problem.code}: ${problem.message}${detail}`;
}
