import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

const MAIN = path.join(import.meta.dirname, 'tcp-flow-main.ts');
const PORT = 7777;

/**
 * Starts one TCP connection between two namespaces with steady traffic. Each line of the returned process is an echo;
 * it ends when the connection breaks.
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
