/** What was promoted to the services of a plain browser, made by hand. */
import type { Actor, Revision, RevisionStanding } from "./generated";
import { DAY, iso } from "./mock-scenes";

const ANA: Actor = { kind: "person", id: "ana@bridge-7", identity: "operating-system" };
const uuid = (n: number) => `01a20000-0000-7000-8000-${String(n).padStart(12, "0")}`;

function revision(
  number: number,
  standing: RevisionStanding,
  at: number,
  over: Partial<Revision> = {},
): Revision {
  return {
    number,
    release: { version: `v${number}` },
    rollout: uuid(700 + number),
    plan: number === 1 ? "first" : "canary-5-25-100",
    author: ANA,
    promoted_at: iso(at),
    standing,
    undo_to: null,
    ...over,
  };
}
export function revisionsOf(service: string, now: number): Revision[] {
  const ago = (days: number) => now - days * DAY;
  switch (service) {
    case "search":
      return [revision(2, "serving", ago(0.01)), revision(1, "kept", ago(3))];
    case "checkout":
      return [revision(2, "serving", ago(0.01)), revision(1, "past", ago(3))];
    case "basket":
      return [
        revision(5, "serving", ago(2), {
          release: { version: "v3", env: { BASKET_LIMIT: "40", BASKET_TTL: "30m" } },
          undo_to: 3,
        }),
        revision(4, "taken-back", ago(2.2), { release: { version: "v3.1", env: { BASKET_LIMIT: "80" } } }),
        revision(3, "past", ago(9), { release: { version: "v3", env: { BASKET_LIMIT: "40" } } }),
        revision(2, "past", ago(23), {
          release: { version: "v2", command: ["./basket", "--port", "{port}", "--legacy"] },
          author: { ...ANA, id: "ben@bridge-9" },
        }),
        revision(1, "past", ago(60)),
      ];
    case "mail":
      return [revision(7, "serving", ago(12)), revision(6, "past", ago(31))];
    case "news":
      return [
        revision(11, "serving", ago(4.2), { author: { ...ANA, id: "chidi@bridge-2" } }),
        revision(10, "past", ago(18)),
        revision(9, "taken-back", ago(18.4)),
        revision(8, "past", ago(40)),
      ];
    default:
      return [revision(1, "serving", ago(3))];
  }
}
