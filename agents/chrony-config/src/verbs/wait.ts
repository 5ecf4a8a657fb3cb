import { type AgentContext, type Argv, command } from '@kios/agent';
import {
  awaitClock,
  type ClockFault,
  insanityOf,
  isSynced,
  MAX_ERROR_SECONDS,
  readClock,
} from '@kios/clock';
import { EXIT, KiosError } from '@kios/errors';
import { STATE } from '@kios/node-state';

import { askServers, checkServers, type ServerArgs } from '../edge/clock/ask-servers.ts';
import { floorOf } from '../edge/clock/floor-flags.ts';
import { FLOOR_FLAGS, STATE_FLAG } from './flags.ts';

interface WaitArgs extends ServerArgs {
  readonly mode: 'sane' | 'synced';
  readonly floor: string;
  readonly saved: string;
  readonly state: string;
  readonly timeout: number;
  readonly maxError: number;
}

function judge({ mode, maxError }: WaitArgs, floor: number): ClockFault | undefined {
  const clock = readClock();
  const insanity = insanityOf(clock.now, floor);
  if (insanity !== undefined) return { why: insanity, isSane: false };
  if (mode === 'sane' || isSynced(clock, maxError)) return undefined;
  return { why: 'it is not synchronised', isSane: true };
}

const timeoutError = ({ mode, timeout }: WaitArgs, { why }: ClockFault): KiosError =>
  new KiosError('KIOS_CLOCK', `get a ${mode} clock within ${timeout} s: ${why}`, {
    exitCode: EXIT.unavailable,
    remedy: 'Give the node a time server (DHCP option 42 or time.yaml) or set its hardware clock.',
  });

async function waitForClock(args: WaitArgs, { log, signal }: AgentContext): Promise<void> {
  const { mode, state, timeout, maxError } = args;
  checkServers(args);
  const floor = await floorOf(args);
  const started = performance.now();
  const fault = await awaitClock(
    {
      judge: async () => Promise.resolve(judge(args, floor)),
      stateFile: state,
      ask: async (until) => askServers(args, floor, until),
      maxError,
      timeoutMs: timeout > 0 ? timeout * 1000 : Infinity,
      onWait: (why) => log.warn({ ev: 'clock.wait', mode, why }),
    },
    signal,
  );
  if (fault !== undefined) throw timeoutError(args, fault);
  log.info({ ev: `clock.${mode}`, ms: Math.round(performance.now() - started) });
}

/** An init container of any pod that needs the time. */
export const wait = command({
  command: 'wait',
  describe: 'Wait until the clock can be trusted',
  isReadOnly: true,
  builder: (args: Argv) =>
    args.options({
      mode: {
        choices: ['sane', 'synced'] as const,
        default: 'sane' as const,
        describe: 'sane: certificates can be checked; synced: a time source disciplines the clock',
      },
      ...FLOOR_FLAGS,
      state: STATE_FLAG,
      timeout: {
        type: 'number',
        default: 0,
        describe: 'Seconds to wait; 0 waits without limit',
      },
      'max-error': {
        type: 'number',
        default: MAX_ERROR_SECONDS,
        describe: 'Seconds that a synced clock may be off',
      },
      server: {
        type: 'string',
        array: true,
        default: [],
        describe:
          'IP address of a time server to ask where no chronyd runs; repeatable, those of the leases by default',
      },
      'net-dir': { type: 'string', default: STATE.netDir, describe: 'Folder of the leases' },
    }),
  run: waitForClock,
});
