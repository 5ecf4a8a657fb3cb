/**
 * Approves the first certificates of nodes that prove what they have started, and denies all others (README.md). Run it
 * with --systems FOLDER --machines FILE; --once looks a single time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { errorCode, KiosError, sentence } from '@kios/errors';

import { Approver, type Log } from './approver.ts';
import { openRequests } from './cluster.ts';

const PAUSE_MS = 5000;

const log: Log = (ev, fields) => {
  process.stdout.write(
    `${JSON.stringify({ t: new Date(), agent: 'attestation', ev, ...fields })}\n`,
  );
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      systems: { type: 'string', default: '/lists/systems' },
      machines: { type: 'string', default: '/lists/machines/machines.yaml' },
      once: { type: 'boolean', default: false },
    },
  });
  const approver = new Approver(values, openRequests(), log);
  for (;;) {
    try {
      await approver.pass();
    } catch (error) {
      if (!(error instanceof KiosError)) throw error;
      log('failed', { code: errorCode(error), err: sentence(error), remedy: error.remedy });
      if (values.once) process.exitCode = error.exitCode;
    }
    if (values.once) return;
    await sleep(PAUSE_MS);
  }
}

process.once('SIGTERM', () => process.exit(0));
void main();
