/** The form that sends a release out, reachable from everywhere. */
export const starting = $state<{ open: boolean; service: string | null }>({ open: false, service: null });

/** With a service it is chosen already. */
export function startRollout(service: string | null = null): void {
  starting.service = service;
  starting.open = true;
}

export function closeStart(): void {
  starting.open = false;
}
