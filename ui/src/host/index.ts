/**
 * The only door to the backend. Everything the window shows came through `ask` or `watch`, and
 * everything it does goes out through `ask`.
 */
import type { Problem, Progress, RollBack, RollBackAnswer, Requests } from "./generated";

export type { Problem } from "./generated";
export type * from "./generated";

export type RequestName = keyof Requests;
export type QueryName = { [N in RequestName]: Requests[N]["kind"] extends "query" ? N : never }[RequestName];
export type CommandName = Exclude<RequestName, QueryName>;
export type Params<N extends RequestName> = Requests[N]["params"];
export type Answer<N extends RequestName> = Requests[N]["result"];

/**
 * `answer` replaces what one has; `more` appends, `skipped` of it could not be kept up with;
 * `problem` leaves the last answer standing.
 */
export type Frame<A> =
  | { kind: "answer"; at: number; answer: A }
  | { kind: "more"; at: number; answer: A; skipped?: number }
  | { kind: "problem"; at: number; problem: Problem };

/** Live rollouts of one environment that nobody else would drive. */
export interface Driven {
  environment: string;
  rollouts: number;
}

export interface WindowPort {
  /** A `deckwatch://` link was opened: the part after the scheme. Returns stop. */
  onDeepLink(seen: (path: string) => void): () => void;
  /** A menu or tray entry was chosen: the id of an action. Returns stop. */
  onMenu(chosen: (action: string) => void): () => void;
  /** The window is being closed while rollouts are driven from it. Returns stop. */
  onCloseAsked(asked: (driven: Driven[]) => void): () => void;
  /** Answers that. Rejects with a `Problem`. */
  close(how: "quit" | "hide" | "hand-to-agent"): Promise<void>;
  /** Asks for a file to write; null when nothing was chosen. Absent where there is no desktop. */
  saveFile?(title: string, name: string): Promise<string | null>;
  /** Asks for a folder or a file to read; null when nothing was chosen. */
  openFile?(title: string, folder?: boolean): Promise<string | null>;
}

export interface Host {
  kind: "tauri" | "mock";
  /** Rejects with a `Problem`. */
  ask<N extends RequestName>(name: N, params: Params<N>): Promise<Answer<N>>;
  /** Calls `seen` now and at every change. Returns stop. */
  watch<N extends QueryName>(name: N, params: Params<N>, seen: (frame: Frame<Answer<N>>) => void): () => void;
  /** `rollback`, telling what is done while it is done. Rejects with a `Problem`. */
  rollBack(params: RollBack, progress: (step: Progress) => void): Promise<RollBackAnswer>;
  window: WindowPort;
}

/** Chosen once, before anything is mounted. */
export let host: Host;

export function useHost(chosen: Host): void {
  host = chosen;
}

export async function startHost(): Promise<void> {
  if ("__TAURI_INTERNALS__" in window) {
    useHost((await import("./tauri")).tauriHost());
  } else {
    useHost((await import("./mock")).mockFromAddress(window.location.search));
  }
}
