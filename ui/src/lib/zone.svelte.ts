/** The zone that local times are shown in: the reader's choice, else the machine's own. */
const KEPT = "deckwatch.zone";

/** Whether this browser knows the zone; a name from a settings file may be anything. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function kept(): string | null {
  try {
    const name = localStorage.getItem(KEPT);
    return name !== null && isZone(name) ? name : null;
  } catch {
    return null;
  }
}

let chosen = $state(kept());

/** Null: the machine's own. A rune. */
export function timeZone(): string | null {
  return chosen;
}

export function setTimeZone(name: string | null): void {
  chosen = name !== null && isZone(name) ? name : null;
  try {
    if (chosen === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, chosen);
  } catch {
    // Where nothing can be kept the choice holds until the window closes.
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** Asking for the offset costs more than all else that a time needs. */
const KEEP = 2000;

function formatOf(zone: string | null): Intl.DateTimeFormat {
  const key = zone ?? "";
  const found = formats.get(key);
  if (found) return found;
  const made = new Intl.DateTimeFormat("en-GB", {
    ...(zone !== null && { timeZone: zone }),
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  formats.set(key, made);
  return made;
}

/** No zone has ever moved its clocks between two quarters of an hour. */
const QUARTER = 15 * 60_000;
const offsets = new Map<string, number>();

/** Milliseconds that clocks there are ahead of UTC. */
function offset(at: number, zone: string | null): number {
  const quarter = Math.floor(at / QUARTER) * QUARTER;
  const key = `${zone ?? ""} ${quarter}`;
  const found = offsets.get(key);
  if (found !== undefined) return found;
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(quarter)
      .map(({ type, value }) => [type, Number(value)]),
  ) as Record<"year" | "month" | "day" | "hour" | "minute" | "second", number>;
  const { year, month, day, hour, minute, second } = parts;
  const ahead = Date.UTC(year, month - 1, day, hour, minute, second) - quarter;
  if (offsets.size >= KEEP) offsets.clear();
  offsets.set(key, ahead);
  return ahead;
}

/** The day and the time there: ["2026-11-20", "15:32:07"]. */
export function inZone(at: number, zone: string | null = timeZone()): [day: string, time: string] {
  const there = new Date(at + offset(at, zone)).toISOString();
  return [there.slice(0, 10), there.slice(11, 19)];
}
