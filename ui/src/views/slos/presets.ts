/** The objectives to begin with, by the names that the backend has for them. */
export const PRESETS = [
  { name: "availability-burn", title: "99.95 % of answers are good, alerts by the pace of the budget" },
  { name: "availability", title: "99.95 % of answers are good, alerts by what an hour or four are below" },
  { name: "latency", title: "95 % of requests are answered within 100 ms" },
  { name: "uptime", title: "99.95 % of the minutes of a month work" },
] as const;

export type Preset = (typeof PRESETS)[number]["name"];

/** What the editor begins with where there is no file. */
export const EXAMPLE = `# What is promised, and to whom.
objectives:
  - name: availability
    service: shop
    about: answers that are not the shop's fault to have failed
    target: 99.95%
    period: 30d
    indicator:
      ratio:
        bad: http_requests_total{service="shop",code=~"5.."}
        total: http_requests_total{service="shop"}
`;
