/** From a filter to what it filters, in the same panel: blurred, the focus would be nowhere. */
export function toRows(from: HTMLElement): void {
  const rows = from.closest("section")?.querySelector<HTMLElement>("[role=grid], [role=log]");
  if (rows) rows.focus();
  else from.blur();
}
