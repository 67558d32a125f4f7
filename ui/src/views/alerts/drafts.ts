/** What is being written, kept while the window is open: by environment and file. */
export const drafts = new Map<string, string>();
/** The unit tests of a file, likewise. */
export const testDrafts = new Map<string, string>();
