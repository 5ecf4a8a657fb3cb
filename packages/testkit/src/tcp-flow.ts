import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

const MAIN = path.join(import.meta.dirname, 'tcp-flow-main.ts');
const PORT = 7777;

/**
 * One TCP connection between two namespaces with something on it all the time. The answered process ends when the connection breaks;
 * while it goes on each new line is an echo.
 */
export async function startTcpFlow(
  from: Netns,
  to: Netns,
  address: string,
): Promise<RunningProcess> {
  const server = to.start(process.execPath, [MAIN, 'serve', String(PORT)]);
  await server.expect('listening');
  const client = from.start(process.execPath, [MAIN, 'dial', address, String(PORT)]);
  await client.expect('echoed');
  return client;
}
