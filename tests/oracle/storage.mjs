// Loads a config as running services do: `node storage.mjs file PATH` by the package's file storage,
// `node storage.mjs redis URL [PREFIX]` by its Redis storage. Prints what was loaded as one line of JSON.
import { FileStorageAdapter } from '@backendkit-labs/auto-learning';
import { RedisStorageAdapter } from '@backendkit-labs/auto-learning/adapters/redis';
import { createClient } from 'redis';

const [kind, place, keyPrefix] = process.argv.slice(2);

function loaded(storage) {
  const result = storage.loadConfig();
  if (!result.ok) throw result.error;
  return result.value;
}

if (kind === 'file') {
  console.log(JSON.stringify(loaded(new FileStorageAdapter(place))));
} else {
  const client = createClient({ url: place });
  await client.connect();
  const storage = new RedisStorageAdapter(client, keyPrefix === undefined ? {} : { keyPrefix });
  await storage.loadConfigAsync();
  console.log(JSON.stringify(loaded(storage)));
  await client.quit();
}
