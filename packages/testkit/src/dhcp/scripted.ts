import path from 'node:path';

import type { Netns } from '../netns.ts';
import type { RunningProcess } from '../running-process.ts';
import type { Rule } from './rules.ts';

/** A server on `srv0` that does what the rules say. Its log names the rule that answered each message. */
export async function startScripted(netns: Netns, rules: readonly Rule[]): Promise<RunningProcess> {
  // A server that speaks to who has no address yet needs a way to everybody.
  await netns.exec('ip', 'route', 'replace', '255.255.255.255/32', 'dev', 'srv0');
  const main = path.join(import.meta.dirname, 'scripted-main.ts');
  const server = netns.start(process.execPath, [main, JSON.stringify(rules)]);
  await server.expect('listening');
  return server;
}
