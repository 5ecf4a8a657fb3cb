import { type AgentContext, type Argv, command, sleep } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import { isSane } from '@kios/node-state';

import { readClock, readFloor } from '../edge/clock/read-clock.ts';
import { FLOOR_FLAG } from './flags.ts';

interface WaitArgs {
  readonly mode: 'sane' | 'synced';
  readonly floor: string;
  readonly timeout: number;
  readonly maxError: number;
}

const LOOK_MS = 250;
const REMIND_MS = 30_000;

/** Polls the clock itself, so that it needs no other agent. */
async function waitForClock(args: WaitArgs, { log, signal }: AgentContext): Promise<void> {
  const floor = await readFloor(args.floor);
  const started = performance.now();
  let reminded = started;
  for (;;) {
    const clock = readClock();
    const isSynced = clock.synchronised && clock.maxErrorSeconds <= args.maxError;
    const isEnough = isSane(clock.now, floor) && (args.mode === 'sane' || isSynced);
    if (isEnough) {
      log.info({ ev: `clock.${args.mode}`, ms: Math.round(clock.steady - started) });
      return;
    }
    if (args.timeout > 0 && clock.steady - started > args.timeout * 1000) {
      throw new KiosError('KIOS_CLOCK', `get a ${args.mode} clock within ${args.timeout} s`, {
        exitCode: EXIT.unavailable,
        remedy:
          'Give the node a time server (DHCP option 42 or time.yaml) or set its hardware clock.',
      });
    }
    if (clock.steady - reminded > REMIND_MS) {
      log.warn({ ev: 'clock.wait', mode: args.mode, now: new Date(clock.now).toISOString() });
      reminded = clock.steady;
    }
    await sleep(LOOK_MS, signal);
  }
}

/** An init container of any pod that needs the time. */
export const wait = command({
  command: 'wait',
  describe: 'Wait until the clock can be trusted',
  builder: (args: Argv) =>
    args.options({
      mode: {
        choices: ['sane', 'synced'] as const,
        default: 'sane' as const,
        describe: 'sane: certificates can be checked; synced: a time source disciplines the clock',
      },
      floor: FLOOR_FLAG,
      timeout: {
        type: 'number',
        default: 0,
        describe: 'Seconds to wait; 0 waits without limit',
      },
      'max-error': {
        type: 'number',
        default: 1,
        describe: 'Seconds that a synced clock may be off',
      },
    }),
  run: waitForClock,
});
