/** What a definition's text says about itself, before the backend reads it. */

/** To begin with. Its words are those of docs/services.md. */
export const EXAMPLE = `service: checkout
listen: 127.0.0.1:8080        # where clients reach it: loopback only
command: [./checkout, --port, "{port}", --version, "{version}"]
env:
  LOG_PREFIX: "{slot}/{instance}"
folder: /srv/checkout
instances: 2
readiness:
  path: /ready                # asked with GET; 2xx and 3xx are yes
  interval: 1s
  timeout: 500ms
stop:
  drain: 10s
  grace: 5s
`;

/** Each field at the margin with everything under it, as written. */
export function fields(yaml: string): Map<string, string> {
  const result = new Map<string, string>();
  let name: string | null = null;
  for (const line of yaml.split("\n")) {
    const found = /^([a-z_]+)\s*:/.exec(line)?.[1];
    if (found) name = found;
    const bare = line.replace(/(^|\s)#.*$/, "").trimEnd();
    if (name !== null && bare !== "") result.set(name, `${result.get(name) ?? ""}${bare}\n`);
  }
  return result;
}

export function nameIn(yaml: string): string | null {
  const written = /^service\s*:\s*["']?([^"'\s#]+)/m.exec(yaml)?.[1];
  return written ?? null;
}

/** These count from an instance's next start; everything else counts at once. */
const AT_START = new Set(["command", "env", "folder"]);

export interface Changed {
  atOnce: string[];
  atStart: string[];
}

export function changed(before: string, after: string): Changed {
  const [a, b] = [fields(before), fields(after)];
  const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
  return {
    atOnce: names.filter((name) => !AT_START.has(name)),
    atStart: names.filter((name) => AT_START.has(name)),
  };
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** As docs/services.md tells it: what a reader looks for first stands first. */
const ORDER = [
  "service",
  "listen",
  "command",
  "env",
  "folder",
  "instances",
  "readiness",
  "stop",
  "restart",
  "routing",
  "sticky",
  "client_header",
  "needs",
  "request_timeout",
  "output_lines",
];

/** A definition as the backend writes it, its fields in the order in which they are told. */
export function ordered(yaml: string): string {
  const all = fields(yaml);
  const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return [...all]
    .toSorted(([a], [b]) => place(a) - place(b))
    .map(([, text]) => text)
    .join("");
}
