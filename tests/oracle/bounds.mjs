// Says whether a config can run: `node bounds.mjs CONFIG` hands the values to the breaker and the bulkhead as the package's
// adapters do, and calls through both. Prints true or false.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { CircuitBreaker } = require('@backendkit-labs/circuit-breaker');
const { Bulkhead } = require('@backendkit-labs/bulkhead');

const config = JSON.parse(process.argv[2]);

async function runs() {
  try {
    const breaker = new CircuitBreaker({ name: 'oracle' });
    breaker.updateConfig(config.circuitBreaker);
    const bulkhead = new Bulkhead({ name: 'oracle', maxConcurrentCalls: 10, maxQueueSize: 0, rejectWhenFull: true });
    bulkhead.updateConfig(config.bulkhead);
    return await breaker.execute(() => bulkhead.execute(async () => true));
  } catch {
    return false;
  }
}

const result = await runs();
console.log(JSON.stringify(result === true || result?.value === true));
