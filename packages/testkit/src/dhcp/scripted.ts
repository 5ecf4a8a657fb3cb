import path from 'node:path';

import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';
import type { Rule } from './rules.ts';

/** Starts a server on `srv0` that follows the rules. Its log names the rule that matched each message. */
export async function startScripted(netns: Netns, rules: readonly Rule[]): Promise<RunningProcess> {
  // Clients without an address are answered by broadcast, which needs a route.
  await netns.exec('ip', 'route', 'replace', '255.255.255.255/32', 'dev', 'srv0');
  const main = path.join(import.meta.dirname, 'scripted-main.ts');
  const server = netns.start(process.execPath, [main, JSON.stringify(rules)]);
  await server.expect('listening');
  return server;
}
