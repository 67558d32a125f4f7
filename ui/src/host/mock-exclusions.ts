/** Times that do not count, in memory for a plain browser. */
import type { Exclude, Excluded, Problem, SlosView, Withdraw } from "./generated";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LONGEST = 400;

export interface MadeExclusions {
  acts: Record<string, (params: never) => unknown>;
  own: Record<string, (params: never) => unknown>;
}

/** `seeded`: some are there already, one of them in the file. */
export function mockExclusions(
  recorded: (name: string) => unknown,
  now: () => number,
  actor: () => string,
  seeded: boolean,
): MadeExclusions {
  const iso = (at: number) => new Date(at).toISOString();
  const refuse = (code: string, message: string): never => {
    throw { code: `exclusion.${code}`, message } satisfies Problem;
  };
  let made = 0;
  const newId = () => `01990000-0000-7000-8000-${String((made += 1)).padStart(12, "0")}`;
  const one = (
    objective: string | null,
    ago: number,
    long: number,
    reason: string,
    inFile = false,
  ): Excluded => {
    const from = Math.floor((now() - ago) / MINUTE) * MINUTE;
    const said = { id: newId(), author: actor(), at: iso(from + long + 9 * MINUTE) };
    const written = { id: null, author: "mara", at: null };
    return {
      ...(inFile ? written : said),
      service: "checkout",
      objective,
      from: iso(from),
      to: iso(from + long),
      reason,
    };
  };
  let all: Excluded[] = seeded
    ? [
        one("availability-burn", 3 * DAY, 40 * MINUTE, "load test, announced on Monday"),
        one(null, 9 * DAY, 2 * HOUR, "the database moved to the new machines"),
        one("availability-burn", 16 * DAY, 26 * HOUR, "the payment provider was down", true),
      ]
    : [];
  const said = (reason: string): string => {
    const bare = reason.trim();
    const { length } = new TextEncoder().encode(bare);
    if (length === 0) refuse("reason", "say why: whoever reads the budget later wants to know");
    if (length > LONGEST) refuse("reason", `the reason has ${length} bytes; ${LONGEST} is the most`);
    return bare;
  };

  return {
    acts: {
      "slo.exclude": ({ service, objective, from, to, reason }: Exclude) => {
        const words = said(reason);
        if (Date.parse(from) >= Date.parse(to)) refuse("invalid", "it ends before it begins");
        const { rows } = recorded("slo.list") as SlosView;
        const meant = rows.filter(
          (row) => row.service === service && (objective === undefined || row.name === objective),
        );
        if (meant.length === 0)
          refuse("invalid", `${service} has no objective ${objective ?? "that could be meant"}`);
        all = [
          ...all,
          {
            id: newId(),
            service,
            objective: objective ?? null,
            from,
            to,
            reason: words,
            author: actor(),
            at: iso(now()),
          },
        ];
        const names = meant.map((row) => `${row.service}/${row.name}`).join(", ");
        return { done: `${from} to ${to} does not count for ${names}` };
      },
      "slo.withdraw": ({ id, reason }: Withdraw) => {
        said(reason);
        const found = all.find((excluded) => excluded.id === id);
        if (!found) return refuse("unknown", "no exclusion of this id counts");
        all = all.filter((excluded) => excluded !== found);
        return { done: `${found.from} to ${found.to} counts again for ${found.service}` };
      },
    },
    own: {
      "slo.exclusions": () => all.toSorted((a, b) => Date.parse(b.from) - Date.parse(a.from)),
    },
  };
}
