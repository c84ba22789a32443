// Replays request patterns through the published @backendkit-labs/auto-learning package under a
// simulated clock: one JSON line per feedback cycle and a last line with the final config.
// usage: node run.mjs PATTERNS.jsonl [OPTIONS.json]   prints the lines
//        node run.mjs --batch FOLDER                  for each NAME.jsonl (NAME.options.json) there writes NAME.expected.jsonl
//   PATTERNS.jsonl: one {"timestamp": epoch ms, "method", "path", "statusCode", "durationMs"} a line, in log order
//   OPTIONS.json: {"intervalMs", "origin", "anomalyConfig", "tunerConfig", "loopConfig", "initialConfig", "limits"}
// Cycles fall at origin + k * intervalMs (origin: the smallest of the first 1,000 timestamps, floored to intervalMs);
// every pattern with timestamp <= the cycle's time is recorded before it. The last cycle is the first at or after the
// last pattern.
import { readdirSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const RealDate = Date;
let clock = 0;
globalThis.Date = class extends RealDate {
  constructor(...args) { if (args.length === 0) super(clock); else super(...args); }
  static now() { return clock; }
};

const { AutoLearningCore, InMemoryStorage } = createRequire(import.meta.url)('@backendkit-labs/auto-learning');

function countAnomalies(reports) {
  const tally = {};
  for (const a of reports) {
    const key = `${a.method} ${a.endpoint} ${a.metric} ${a.severity}`;
    tally[key] = (tally[key] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(tally).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function replay(patterns, options) {
  const intervalMs = options.intervalMs ?? 60_000;
  // `learn` writes "no limit" as 0.
  const maxPatterns = options.limits?.maxPatterns === 0 ? Infinity : options.limits?.maxPatterns ?? 10_000;
  const storage = new InMemoryStorage({ ...options.limits, maxPatterns });
  if (options.initialConfig) storage.saveConfig(options.initialConfig);
  const found = [];
  const saveAnomaly = storage.saveAnomaly.bind(storage);
  storage.saveAnomaly = (report) => { found.push(report); return saveAnomaly(report); };

  const first = Math.min(...patterns.slice(0, 1000).map((p) => p.timestamp));
  clock = options.origin ?? Math.floor(first / intervalMs) * intervalMs;
  const { anomalyConfig, tunerConfig, loopConfig } = options;
  const core = AutoLearningCore.create({ storage, anomalyConfig, tunerConfig, loopConfig });

  const lines = [];
  async function cycle() {
    found.length = 0;
    const result = await core.runOnce();
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    const { patternsProcessed, anomaliesFound, configChanges } = result.value;
    lines.push(JSON.stringify({
      cycleEnd: new RealDate(clock).toISOString(), patternsProcessed, anomaliesFound,
      anomalies: countAnomalies(found), configChanges, config: core.getCurrentConfig(),
    }));
  }

  let next = clock + intervalMs;
  for (const p of patterns) {
    while (p.timestamp > next) { clock = next; await cycle(); next += intervalMs; }
    const r = core.recordPattern({ ...p, timestamp: new RealDate(p.timestamp) });
    if (!r.ok) throw new Error(JSON.stringify(r.error));
  }
  clock = next;
  await cycle();
  lines.push(JSON.stringify({ finalConfig: core.getCurrentConfig() }));
  return lines.join('\n') + '\n';
}

async function replayFiles(patternsFile, optionsFile) {
  const options = optionsFile && existsSync(optionsFile) ? JSON.parse(readFileSync(optionsFile, 'utf8')) : {};
  const patterns = readFileSync(patternsFile, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
  if (patterns.length === 0) throw new Error(`${patternsFile}: no patterns`);
  return replay(patterns, options);
}

const [, , patternsFile, second] = process.argv;
if (patternsFile === '--batch') {
  const names = readdirSync(second).filter((n) => n.endsWith('.jsonl') && !n.endsWith('.expected.jsonl')).sort();
  for (const name of names) {
    const stem = join(second, name.slice(0, -'.jsonl'.length));
    writeFileSync(`${stem}.expected.jsonl`, await replayFiles(`${stem}.jsonl`, `${stem}.options.json`));
  }
} else {
  process.stdout.write(await replayFiles(patternsFile, second));
}
