// Records what the pages of objectives are tested with, from a training ground of its own:
// `node record-slos.mjs DECKWATCHCTL FILE`. Takes about three minutes, most of it traffic.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [program, file] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "deckwatch-slos-"));
const run = (...args) =>
  execFileSync(program, ["--data", folder, "--training", "--json", ...args], { encoding: "utf8" });
const recordings = [];
function record(request, params, as = params) {
  const at = new Date().toISOString();
  const answer = JSON.parse(run("call", request, JSON.stringify(params)));
  recordings.push({ request, params: as, at, answer });
  return answer;
}

/** Whole minutes of traffic are counted, so one drill alone is too short. */
const DRILLS = ["good canary", "bad canary", "good canary"];
try {
  for (const drill of DRILLS) {
    const played = spawn(program, ["--data", folder, "training", "drill", drill], { stdio: "ignore" });
    await new Promise((done) => played.on("exit", done));
  }
  const presets = ["availability-burn", "latency", "uptime"];
  for (const name of presets) {
    const { yaml } = record("slo.preset", { name, service: "checkout" });
    execFileSync(program, ["--data", folder, "--training", "slo", "import", "-"], { input: yaml });
  }
  const { text } = record("slo.file", {});
  record("slo.check", { yaml: text }, {});
  record("slo.list", {});
  for (const name of presets) record("slo.show", { service: "checkout", name });
  record("slo.read", { yaml: record("slo.preset", { name: "latency", service: "search" }).yaml }, {});
  record("slo.rules", {});
  writeFileSync(file, JSON.stringify(recordings).replaceAll(folder, "/home/ana/deckwatch"));
  console.log(`${recordings.length} answers in ${file}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
