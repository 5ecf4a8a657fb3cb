import * as v from 'valibot';

import { askLogs } from '../../../src/checks/acceptance/logs.ts';
import type { Kubectl } from '../../../src/lab/kubectl.ts';

const RawLine = v.object({ t: v.string() });

/** The times of init's first line in this boot. */
interface LogTimes {
  /** As the line was written, RFC 3339. */
  readonly written: string;
  /** As the node shows it when it is asked for its logs, in ms since the epoch. */
  readonly shown: number;
  /** Whether init says later that the clock was stepped. */
  readonly stepped: boolean;
}

/** Reads how a node tells the time of a line that it wrote before its clock was right. */
export async function logTimes(kubectl: Kubectl, nodeName: string): Promise<LogTimes> {
  const raw = await askLogs(kubectl, nodeName, { query: 'kios/init.log' });
  const { t } = v.parse(RawLine, JSON.parse(raw.split('\n', 1)[0] ?? ''));
  const [line = ''] = (await askLogs(kubectl, nodeName, { query: 'init', boot: '0' })).split('\n');
  if (!line.includes(t)) throw new Error(`the first line is another one: ${line}`);
  const [month, day, time] = line.split(' ');
  return {
    written: t,
    shown: Date.parse(`${month} ${day} ${new Date().getUTCFullYear()} ${time?.slice(0, 8)} UTC`),
    stepped: raw.includes('"ev":"clock.stepped"'),
  };
}
