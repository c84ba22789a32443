// Runs calls through the published @backendkit-labs/circuit-breaker under a simulated clock.
// usage: node breaker.mjs < CASES.jsonl
//   A case a line: {"options": the package's own, "calls": [{"start": ms, "durationMs", "ok"}, ...]}, ordered by start.
// Prints one line per case: {"rows": [[admitted, state after the start], ... one per call, in order of start], "opens"}.
// At one instant: ends of calls with a duration, then starts, then ends of calls without one.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

let clock = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) { if (args.length) super(...args); else super(clock); }
  static now() { return clock; }
};
const { CircuitBreaker } = createRequire(import.meta.url)('@backendkit-labs/circuit-breaker');
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function run({ options, calls }) {
  let opens = 0;
  const onStateChange = (_, to) => { if (to === 'open') opens++; };
  const breaker = new CircuitBreaker({ name: 'oracle', ...options, onStateChange });
  const events = calls.flatMap((call, i) => [
    { at: call.start, kind: 1, i }, { at: call.start + call.durationMs, kind: call.durationMs === 0 ? 2 : 0, i },
  ]).sort((a, b) => a.at - b.at || a.kind - b.kind || a.i - b.i);
  const pending = new Map(), rows = [];
  for (const { at, kind, i } of events) {
    clock = at;
    if (kind === 1) {
      let admitted = false;
      breaker.execute(() => {
        admitted = true;
        return new Promise((resolve, reject) => pending.set(i, { resolve, reject }));
      }).catch(() => {});
      await settle();
      rows[i] = [admitted, breaker.getState()];
    } else if (pending.has(i)) {
      const { resolve, reject } = pending.get(i);
      pending.delete(i);
      if (calls[i].ok) resolve(); else reject(new Error('failed'));
      await settle();
    }
  }
  return { rows, opens };
}

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  console.log(JSON.stringify(await run(JSON.parse(line))));
}
