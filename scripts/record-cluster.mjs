// Records what `deckwatchctl` says of a lively namespace on the tests' control plane, so that the
// window's Cluster page can be run and tested without one:
// `record-cluster.mjs CONTROL-PLANE DECKWATCHCTL FILE`.
//
// basket is in the middle of a canary and its candidate was scaled by hand, catalogue's selector was
// changed from elsewhere, search crashes, profile's image cannot be had, report fits no node.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const [program, ctlProgram, to] = process.argv.slice(2);
if (!to) {
  console.error("record-cluster.mjs CONTROL-PLANE DECKWATCHCTL FILE");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "deckwatch-record-"));
const plane = spawn(program, ["up", "--dir", join(folder, "plane")], { stdio: ["pipe", "pipe", "ignore"] });
let agent;

const ctl = (...args) =>
  execFileSync(ctlProgram, ["--data", join(folder, "data"), "--json", ...args], {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    stdio: ["ignore", "pipe", "inherit"],
  });
const shop = (...args) => ctl("-e", "shop", ...args);
const call = (name, params) => JSON.parse(shop("call", name, JSON.stringify(params)));

async function until(what, holds) {
  for (let tries = 0; tries < 240; tries += 1) {
    if (await holds()) return;
    await pause(500);
  }
  throw new Error(`${what}: not after two minutes`);
}

function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const workload = (name, more, labels = {}, resources = { cpu: "50m" }) =>
  JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "shop", labels: { app: name } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...labels } },
        spec: {
          containers: [
            {
              name,
              image: `registry.test/${name}:3.1.0`,
              env: [
                { name: "MODE", value: "fast" },
                { name: "DB_PASSWORD", value: "not to be seen" },
              ],
              resources: { requests: resources },
            },
            ...more,
          ],
        },
      },
    },
  });

/** One merge patch as somebody else. */
function edit(kubeconfig, path, patch, manager) {
  const text = readFileSync(kubeconfig, "utf8");
  const part = (pattern) => pattern.exec(text)?.[1] ?? "";
  const url = new URL(`${path}?fieldManager=${manager}`, part(/server: (\S+)/));
  const asked = request(url, {
    method: "PATCH",
    ca: Buffer.from(part(/certificate-authority-data: (\S+)/), "base64"),
    headers: {
      authorization: `Bearer ${part(/name: admin\n\s+user:\n\s+token: (\S+)/)}`,
      "content-type": "application/merge-patch+json",
    },
  });
  return new Promise((done, failed) => {
    asked.on("error", failed);
    asked.on("response", (answer) => {
      answer.resume();
      answer.on("end", () => (answer.statusCode === 200 ? done() : failed(new Error(`${path}: ${answer.statusCode}`))));
    });
    asked.end(JSON.stringify(patch));
  });
}

const STANDING = `plan: standing
strategy: canary
steps:
  - { weight: 10, bake: { min: 1h, max: 2h }, analysis: false }
  - { weight: 100, bake: { min: 1s, max: 60s }, analysis: false }
analysis: { metrics: [] }
on_error: hold
rollback_window: 10m
baseline: 0s
rehearse_every: 30s
deadlines: { capacity: 60s, traffic: 30s }
`;

async function play(kubeconfig) {
  const apply = (...files) => execFileSync(program, ["apply", "--kubeconfig", kubeconfig, ...files], { stdio: "ignore" });
  apply(...["00-shop", "basket", "cart", "catalogue"].map((name) => `tests/cluster/demo/${name}.yaml`));
  const side = { name: "proxy", image: "registry.test/proxy:1.0" };
  apply(
    file("search.yaml", workload("search", [side], { "deckwatch.test/fault": "crash-loop" })),
    file("profile.yaml", workload("profile", [], { "deckwatch.test/fault": "image-pull" })),
    file("report.yaml", workload("report", [], {}, { cpu: "900" })),
  );
  ctl("environment", "add", "shop", "--class", "staging", "--context", "admin", "--namespace", "shop", "--kubeconfig", kubeconfig);
  const adopted = (...args) => {
    try {
      shop("cluster", "adopt", ...args);
      return true;
    } catch {
      return false;
    }
  };
  await until("basket is adopted", () => adopted("basket", "--route", "basket"));
  await until("catalogue is adopted", () => adopted("catalogue"));
  agent = spawn(ctlProgram, ["--data", join(folder, "data"), "-e", "shop", "agent", "--leash"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const plan = file("standing.plan.yaml", STANDING);
  shop("rollout", "start", "basket", "42", "--image", "registry.test/basket:42", "--plan-file", plan);
  await until("the candidate has its share", () => {
    const { observation } = call("services.show", { service: "basket" });
    return observation.traffic.weights.green === 10;
  });
  const apps = "/apis/apps/v1/namespaces/shop/deployments";
  await edit(kubeconfig, `${apps}/basket-green`, { spec: { replicas: 3 } }, "kubectl-edit");
  await edit(kubeconfig, "/api/v1/namespaces/shop/services/catalogue", { spec: { selector: { tier: "front" } } }, "argocd-controller");
  // Long enough for a crash loop to have been seen, and for the scheduler to have given up.
  await pause(25_000);
}

/** What a pod prints, as a container runtime writes it. */
function printed(lines, from) {
  const at = (n) => new Date(from + n * 731).toISOString().replace("Z", "000000Z");
  return lines.map((line, n) => `${at(n)} stdout F ${line}\n`).join("");
}

async function logs(kubeconfig, pod) {
  const now = Date.now();
  const running = file(
    "printed",
    printed(
      ["listening on 8080", "cache warmed in 812 ms", "GET /basket 200 3.1 ms", "GET /basket 200 2.8 ms",
        "POST /basket/items 201 9.4 ms", "upstream catalogue: 1 retry", "GET /basket 200 3.0 ms"],
      now - 6_000,
    ),
  );
  const before = file("before", printed(["listening on 8080", "out of memory: the heap is full", "exiting with 137"], now - 90_000));
  const object = {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Logs",
    metadata: { name: pod, namespace: "shop" },
    spec: { logs: [{ logsFile: running, previousLogsFile: before, follow: true }] },
  };
  execFileSync(program, ["apply", "--kubeconfig", kubeconfig, file("logs.yaml", JSON.stringify(object))], { stdio: "ignore" });
  await until("the pod prints", () => {
    try {
      return call("cluster.logs", { pod }).length > 0;
    } catch {
      return false;
    }
  });
}

async function take(kubeconfig) {
  const taken = [];
  const keep = (name, params) => {
    const answer = call(name, params);
    taken.push({ request: name, params, at: new Date().toISOString(), answer });
    return answer;
  };
  const all = { limit: 500 };
  const { rows: objects } = keep("cluster.objects", all);
  const { rows: pods } = keep("cluster.pods", all);
  keep("cluster.events", all);
  const shown = [
    ...objects.filter(({ service, standing }) => service !== null || standing === "bad"),
    ...pods.filter(({ standing, slot }) => standing === "bad" || slot === "green").map(({ name }) => ({ kind: "Pod", name })),
  ];
  for (const { kind, name } of shown) {
    keep("cluster.yaml", { kind, name });
    if (kind !== "Pod") keep("cluster.diff", { kind, name });
  }
  keep("cluster.yaml", { kind: "HTTPRoute", name: "basket", managed: true });
  const pod = pods.find(({ slot }) => slot === "green").name;
  await logs(kubeconfig, pod);
  const answer = keep("cluster.logs", { pod });
  taken.at(-1).answer = answer.slice(0, -2);
  taken.at(-1).more = [answer.slice(-2)];
  keep("cluster.logs", { pod, previous: true });
  return taken;
}

try {
  const lines = createInterface({ input: plane.stdout });
  const kubeconfig = await new Promise((done, failed) => {
    lines.on("line", (line) => line.startsWith("ready KUBECONFIG=") && done(line.split("=")[1]));
    lines.on("close", () => failed(new Error("the control plane did not come up")));
  });
  await play(kubeconfig);
  const taken = await take(kubeconfig);
  // A page asks with its window; which part of a list was recorded says nothing about it.
  for (const one of taken) delete one.params.limit;
  writeFileSync(to, JSON.stringify(taken));
  console.log(`${taken.length} answers`);
} finally {
  agent?.stdin.end();
  plane.stdin.end();
  await pause(2_000);
  rmSync(folder, { recursive: true, force: true });
}
