/** How many dialogs stand open, so that keys know whom they belong to. */
let open = $state(0);

export function modalOpen(): boolean {
  return open > 0;
}

/** Returns its undoing. */
export function modalOpened(): () => void {
  open += 1;
  let closed = false;
  return () => {
    if (!closed) open -= 1;
    closed = true;
  };
}
