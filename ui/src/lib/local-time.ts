/** A moment that a person types, in the zone that local times are shown in. Pure but for that zone. */
import { inZone } from "./zone.svelte";

export interface Typed {
  /** Milliseconds since the epoch; null when nothing is typed, or what is typed is no time. */
  at: number | null;
  /** What is wrong; null when nothing is. */
  mistake: string | null;
}

const DAY = 86_400_000;
const MINUTE = 60_000;
const FORM = /^(?:(\d{4})-(\d\d?)-(\d\d?)[ T])?(\d\d?):(\d\d)$/;
const EXPECTED = "09:00, or 2026-11-22 09:00";

/** What clocks in the zone show at that moment, as if it were UTC. */
function shown(at: number): number {
  const [day, time] = inZone(at);
  return Date.parse(`${day}T${time}Z`);
}

/** When clocks in the zone show that; where they show it twice, one of the two. */
function when(wall: number): number {
  let at = wall;
  // The offset there is only known once one is near: the second look is right but for the hour that
  // clocks leave out.
  for (let look = 0; look < 2; look += 1) at += wall - shown(at);
  return at;
}

/** `09:00` is the first such time after that moment, `2026-11-22 09:00` that one, wherever it lies. */
export function momentAfter(text: string, after: number): Typed {
  const bare = text.trim();
  if (bare === "") return { at: null, mistake: null };
  const found = FORM.exec(bare);
  const mistake = `a time is expected: ${EXPECTED}`;
  if (!found) return { at: null, mistake };
  const [, year, month, day, hour, minute] = found.map((part) => (part === undefined ? null : Number(part)));
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59) return { at: null, mistake };
  if (year == null) {
    const midnight = Math.floor(shown(after) / DAY) * DAY;
    const wall = midnight + (hour ?? 0) * 60 * MINUTE + (minute ?? 0) * MINUTE;
    const at = when(wall);
    return { at: at > after ? at : when(wall + DAY), mistake: null };
  }
  const wall = Date.UTC(year, (month ?? 1) - 1, day ?? 1, hour ?? 0, minute ?? 0);
  if (new Date(wall).getUTCDate() !== day || new Date(wall).getUTCMonth() !== (month ?? 1) - 1)
    return { at: null, mistake: "there is no such day" };
  return { at: when(wall), mistake: null };
}

/** The same of a moment that has to be to come. */
export function momentOf(text: string, now: number): Typed {
  const found = momentAfter(text, now);
  return found.at !== null && found.at <= now ? { at: null, mistake: "it is past" } : found;
}
