import { rm } from 'node:fs/promises';

import { createEgressProxy } from './egress-proxy.ts';
import { readForwards } from './forwards.ts';

/** `egress-proxy-main.ts SOCKET TABLE`: serves until SIGTERM. */
const [socket = '', table = ''] = process.argv.slice(2);

const server = createEgressProxy(
  () => readForwards(table),
  (line) => void process.stdout.write(`${new Date().toISOString()} ${line}\n`),
);
process.once('SIGTERM', () => process.exit(0));
process.umask(0o177);
await rm(socket, { force: true });
server.listen(socket);
