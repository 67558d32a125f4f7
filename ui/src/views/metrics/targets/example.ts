/** What the editor begins with where there is no file yet: it names nothing. */
export const EXAMPLE = `# What is scraped and probed here. This machine is measured without being named.
#
# scrape:
#   - job: shop
#     targets: ["127.0.0.1:9100", "https://shop.example/metrics"]
#     interval: 15s
#     auth: {bearer: shop-token}        # the name of a secret
#
# probes:
#   - probe: shop-home
#     component: shop
#     http: {url: "https://shop.example/"}
#     expect: {status: 200, latency: 300ms, certificate_days: 14}
#   - probe: database
#     tcp: {address: "127.0.0.1:5432"}
`;
