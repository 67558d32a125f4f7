/** Checks that ship and what each of them finds, as a plain browser plays them. */
import type { CheckStatus } from "./generated";

export interface Shipped {
  name: string;
  about: string;
  yaml: string;
}

const shipped = (name: string, about: string, validate: string): Shipped => ({
  name,
  about,
  yaml: `checks: ${name}\nabout: ${about}\nvalidate:\n${validate}`,
});

export const SHIPPED: Shipped[] = [
  shipped(
    "quality",
    "The team's own gate",
    `  - name: quality gates
    description: The team's own tests pass
    command: [make, check]
    timeout: 4m
    retries: 0
`,
  ),
  shipped(
    "security",
    "The release's program and what it is given",
    `  - name: program
    description: A file that only its owner can change
    inspect: program
    timeout: 30s
    retries: 0
  - name: no secrets in the open
    description: Nothing it is given looks like a secret
    inspect: secrets
    timeout: 5s
    retries: 0
`,
  ),
  shipped(
    "performance-baseline",
    "Stable now against the newest kept baseline",
    `  - name: performance baseline
    description: Stable is about as fast as it was
    baseline: { name: newest }
    timeout: 10s
    retries: 0
    critical: false
`,
  ),
  shipped(
    "dependencies",
    "The services it needs are ready and not taken back",
    `  - name: dependencies
    description: Each service it needs has a ready instance
    dependencies: []
    timeout: 5s
    retries: 3
`,
  ),
];

type Found = Pick<CheckStatus, "looks_at" | "why" | "tail"> & { passes: boolean };

const well = (looks_at: string, why: string, tail = ""): Found => ({ looks_at, why, tail, passes: true });
const ill = (looks_at: string, why: string, tail = ""): Found => ({ looks_at, why, tail, passes: false });

const RAN = `cargo test --all
running 214 tests
test basket::totals_add_up ... ok
test basket::rounding_is_fair ... ok
test result: ok. 214 passed; 0 failed; finished in 3.81s`;
const BROKE = `cargo test --all
running 214 tests
test basket::totals_add_up ... FAILED
---- basket::totals_add_up ----
left: 1203, right: 1204
test result: FAILED. 213 passed; 1 failed; finished in 3.77s
make: *** [check] Error 101`;

/** What a check finds of a release; of one whose version says “bad”, its tests fail. */
export function foundBy(check: string, version: string, baselines: number): Found {
  switch (check) {
    case "quality gates":
      return version.includes("bad")
        ? ill("make check", "it ended with 2", BROKE)
        : well("make check", "it ended with 0", RAN);
    case "program":
      return well("the release's program", "target/release/checkout, 4.1 MiB, sha256 51d2c5d1");
    case "no secrets in the open":
      return well("arguments and environment", "nothing looks like a secret");
    case "performance baseline":
      return baselines > 0
        ? well("stable against the baseline newest", "p95 18.1 ms, was 16.6 ms")
        : ill("stable against the baseline newest", "no baseline of it is kept");
    case "dependencies":
      return well("the services it needs", "profile and search are ready");
    default:
      return well(check, "it ended with 0");
  }
}
