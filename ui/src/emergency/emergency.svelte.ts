/** The way back, reachable from everywhere. */
export const emergency = $state<{ open: boolean; service: string | null }>({ open: false, service: null });

/** With a service it is chosen already. */
export function openEmergency(service: string | null = null): void {
  emergency.service = service;
  emergency.open = true;
}

export function closeEmergency(): void {
  emergency.open = false;
}
