import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

import type { Reporter } from './scripts.ts';

/** Writes one event to init's console. */
export function report(
  { root, agent, socket }: Reporter,
  ev: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const up = Number(readFileSync(`${root}/proc/uptime`, 'utf8').split(' ')[0]);
  const line = JSON.stringify({ agent, ev, up, ...fields });
  const connection = connect(socket, () => connection.end(`${line}\n`));
}
