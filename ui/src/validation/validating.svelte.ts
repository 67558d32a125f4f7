/** The checks of the plan in the form: what it declares, what was run of it, and running it. */
import { host, type CheckStatus, type Problem, type Start, type ValidationStatus } from "@/host";
import { command } from "@/lib/command.svelte";
import { live } from "@/lib/live.svelte";
import { type Declared, declaredIn, notRun } from "./declared";
import { lackOf, type Proof, proofOf } from "./words";

export interface Asked {
  service: string;
  version: string;
  yaml: string;
}

export interface Validating {
  /** The plan asks for checks. */
  readonly any: boolean;
  /** The newest validation, where it is of this release and this plan. */
  readonly newest: ValidationStatus | null;
  /** Those of the validation, else those that the plan declares. */
  readonly checks: CheckStatus[];
  readonly proof: Proof;
  readonly lack: string | null;
  /** Something of this service is being checked, by whomever. */
  readonly running: boolean;
  /** It is seen to run, so that it can be cancelled. */
  readonly seen: boolean;
  /** Of what is known: another one is another answer to whether a start is allowed. */
  readonly key: string;
  readonly busy: boolean;
  readonly cancelling: boolean;
  /** What could not be read, run or cancelled. */
  readonly problem: Problem | null;
  run(start: Start): Promise<void>;
  cancel(): Promise<void>;
}

/** SHA-256 of a text, as hexadecimal digits; null where the window cannot reckon it. */
async function digestOf(text: string): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Checks that ship, as far as they were asked for; one that does not come is named all the same. */
function shipped(declared: () => Declared[]): () => Record<string, Declared[]> {
  let known = $state.raw<Record<string, Declared[]>>({});
  const asked = new Set<string>();
  $effect(() => {
    for (const one of declared()) {
      if (!("preset" in one) || asked.has(one.preset)) continue;
      asked.add(one.preset);
      host.ask("checks.show", { name: one.preset }).then(
        ({ name, yaml }) => (known = { ...known, [name]: declaredIn(yaml) }),
        () => undefined,
      );
    }
  });
  return () => known;
}

/** Call it while a component is being set up. */
export function validating(asked: () => Asked): Validating {
  const declared = $derived(declaredIn(asked().yaml));
  const any = $derived(declared.length > 0);
  const presets = shipped(() => declared);
  const seen = live("validation.show", () => {
    const { service } = asked();
    return any && service !== "" ? { service } : null;
  });
  const running = command("validation.run");
  const cancelling = command("validation.cancel");

  let digest = $state.raw<{ yaml: string; is: string | null } | null>(null);
  $effect(() => {
    const { yaml } = asked();
    if (any) void digestOf(yaml).then((is) => (digest = { yaml, is }));
  });
  const known = $derived(digest !== null && digest.yaml === asked().yaml);

  // Null is an answer here: nothing was ever checked. Only a time says that one has come.
  const answer = $derived(seen.at === null || !known ? undefined : seen.answer);
  const proof = $derived(proofOf(answer, { version: asked().version, digest: digest?.is ?? null }));
  const newest = $derived(
    proof.kind === "running" || proof.kind === "failed" || proof.kind === "passed" ? (answer ?? null) : null,
  );

  return {
    get any() {
      return any;
    },
    get newest() {
      return newest;
    },
    get checks() {
      return newest?.checks ?? notRun(declared, presets());
    },
    get proof() {
      return proof;
    },
    get lack() {
      // What cannot be read is not held against a start: the backend asks itself.
      return any && seen.problem === null ? lackOf(proof) : null;
    },
    get running() {
      return running.busy || seen.answer?.standing === "running";
    },
    get seen() {
      return seen.answer?.standing === "running";
    },
    get key() {
      return `${seen.answer?.validation} ${seen.answer?.standing}`;
    },
    get busy() {
      return running.busy;
    },
    get cancelling() {
      return cancelling.busy;
    },
    get problem() {
      return running.problem ?? cancelling.problem ?? seen.problem;
    },
    async run(start) {
      cancelling.forget();
      await running.send(start);
    },
    async cancel() {
      await cancelling.send({ service: asked().service });
    },
  };
}
