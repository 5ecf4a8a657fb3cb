import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { Netns } from './netns.ts';
import type { RunningProcess } from './running-process.ts';

/** Starts chronyd with these configuration lines. It leaves the system clock alone and writes only its own files. */
export async function startChronyd(
  netns: Netns,
  configuration: readonly string[],
): Promise<RunningProcess> {
  const folder = await mkdtemp(path.join(netns.folder, 'chronyd-'));
  const file = path.join(folder, 'chrony.conf');
  const own = [`pidfile ${folder}/pid`, `bindcmdaddress ${folder}/chronyd.sock`, 'cmdport 0'];
  await writeFile(file, `${[...own, ...configuration].join('\n')}\n`);
  const chronyd = netns.start('chronyd', ['-d', '-x', '-u', 'root', '-f', file]);
  await chronyd.expect('starting');
  return chronyd;
}
