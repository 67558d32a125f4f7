/** Press and hold: fires once after 700 ms without a break, and says how far it is. */

export const HOLD_MS = 700;

export interface HoldPort {
  progress: (share: number) => void;
  fire: () => void;
}

export interface Hold {
  begin(): void;
  /** Letting go, leaving, Esc: nothing happens. */
  cancel(): void;
  readonly held: boolean;
}

export function hold(port: HoldPort, ms = HOLD_MS): Hold {
  let since: number | null = null;
  let frame = 0;
  const end = () => {
    since = null;
    cancelAnimationFrame(frame);
    port.progress(0);
  };
  const step = () => {
    if (since === null) return;
    const share = Math.min(1, (performance.now() - since) / ms);
    if (share < 1) {
      port.progress(share);
      frame = requestAnimationFrame(step);
      return;
    }
    end();
    port.fire();
  };
  return {
    begin() {
      if (since !== null) return;
      since = performance.now();
      frame = requestAnimationFrame(step);
    },
    cancel() {
      if (since !== null) end();
    },
    get held() {
      return since !== null;
    },
  };
}
