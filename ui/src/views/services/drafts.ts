/** Definitions that are being written, kept while the window is open: by environment and service. */
export const drafts = new Map<string, string>();
