// Runs calls through the published @backendkit-labs/bulkhead under a simulated clock.
// usage: node bulkhead.mjs < CASES.jsonl
//   A case a line: {"options": the package's own, "calls": [{"start": ms, "durationMs"}, ...]}, ordered by start.
// Prints one line per case: [when the call ran or null, ... one per call].
// At one instant: ends of calls that take time, then waits that run out, then starts, then ends of calls that take none.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const END = 0, WAIT_OVER = 1, START = 2, INSTANT_END = 3;

let clock = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  static now() { return clock; }
};
const realSetImmediate = setImmediate;
const settle = () => new Promise((resolve) => realSetImmediate(resolve));

// A queue of what is to come; the package's own timers land in it, too.
let coming = [], nextId = 0;
function plan(at, kind, action) {
  const id = ++nextId;
  coming.push({ at, kind, id, action });
  return id;
}
globalThis.setTimeout = (action, ms) => plan(clock + ms, WAIT_OVER, action);
globalThis.clearTimeout = (id) => { coming = coming.filter((event) => event.id !== id); };

const { Bulkhead } = createRequire(import.meta.url)('@backendkit-labs/bulkhead');

async function run({ options, calls }) {
  const bulkhead = new Bulkhead({ name: 'oracle', rejectWhenFull: true, ...options });
  const ran = calls.map(() => null);
  coming = [];
  calls.forEach((call, i) => plan(call.start, START, () => {
    bulkhead.execute(() => {
      ran[i] = clock;
      return new Promise((resolve) => plan(clock + call.durationMs, call.durationMs === 0 ? INSTANT_END : END, resolve));
    }).catch(() => {});
  }));
  while (coming.length > 0) {
    const next = coming.reduce((a, b) => ((a.at - b.at || a.kind - b.kind || a.id - b.id) <= 0 ? a : b));
    coming = coming.filter((event) => event !== next);
    clock = next.at;
    next.action();
    await settle();
  }
  return ran;
}

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  console.log(JSON.stringify(await run(JSON.parse(line))));
}
