import path from 'node:path';

import type { Logger } from '@kios/agent';
import {
  awaitClock,
  type ClockFault,
  type FloorFiles,
  insanityOf,
  isSynced,
  leasedTimeServers,
  readClock,
  readFloor,
  type Reading,
  type Witnessed,
} from '@kios/clock';
import { isSane } from '@kios/node-state';

import { BootstrapError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readBoot } from './host.ts';

/** What is asked about the time, besides files. */
export interface ClockPorts {
  readonly read: () => Reading;
  /** Asks time servers, which are IP addresses; undefined when three samples do not agree. */
  readonly ask: (
    asking: { readonly servers: readonly string[]; readonly floor: number },
    signal: AbortSignal,
  ) => Promise<Witnessed | undefined>;
}

const KERNEL: ClockPorts = {
  read: readClock,
  ask: async (asking, signal) => {
    const { agreedOffset } = await import('@kios/clock/sntp');
    return agreedOffset(asking, signal);
  },
};

export interface ClockWaiter {
  readonly settings: Settings;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** For tests: replaces the kernel's clock and the time servers. */
  readonly clock?: ClockPorts;
}

/**
 * `right`: certificates can be judged. `guessed`: it is no later than the true time, which nobody has confirmed. What
 * it takes for expired has expired, and what it takes for valid may have expired since.
 */
export type ClockTrust = 'right' | 'guessed';

/** A clock that has been waited for. */
export type AwaitedClock =
  | { readonly trust: 'right' }
  /** `why` is a clause that begins with `it`. */
  | { readonly trust: 'guessed'; readonly why: string };

const floorOf = async ({ run, etc }: Settings): Promise<number> => {
  const files: FloorFiles = {
    host: path.join(run, 'host/host.json'),
    boot: path.join(run, 'boot.json'),
    release: path.join(etc, 'kios/release.json'),
  };
  return readFloor(files);
};

/** Returns the time to judge certificates by: the clock's, or the earliest possible one while the clock is wrong. */
export async function certificateTime(settings: Settings): Promise<number> {
  const floor = await floorOf(settings);
  const now = Date.now();
  return isSane(now, floor) ? now : floor;
}

async function judge(settings: Settings, { read }: ClockPorts): Promise<ClockFault | undefined> {
  const clock = read();
  const insanity = insanityOf(clock.now, await floorOf(settings));
  if (insanity !== undefined) return { why: insanity, isSane: false };
  const isGuessed = (await readBoot(settings))?.clockFloored === true;
  if (!isGuessed || isSynced(clock)) return undefined;
  return { why: 'it was guessed at boot and is not synchronised yet', isSane: true };
}

/**
 * Waits until certificates can be judged by the clock, for `timeoutMs` at most: a network without time servers must not
 * keep a node out. A clock that is certainly wrong does, with a KIOS_BOOTSTRAP_CLOCK.
 */
export async function waitForClock(
  { settings, log, signal, clock = KERNEL }: ClockWaiter,
  timeoutMs: number,
): Promise<AwaitedClock> {
  const fault = await awaitClock(
    {
      judge: async () => judge(settings, clock),
      stateFile: path.join(settings.run, 'time/state.json'),
      ask: async (until) => {
        const servers = await leasedTimeServers(path.join(settings.run, 'net'));
        return clock.ask({ servers, floor: await floorOf(settings) }, until);
      },
      timeoutMs,
      onWait: (why) => log.info({ ev: 'clock.wait', why, seconds: timeoutMs / 1000 }),
    },
    signal,
  );
  if (fault === undefined) return { trust: 'right' };
  if (!fault.isSane)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_CLOCK',
      `judge certificates by the clock: ${fault.why}`,
    );
  return { trust: 'guessed', why: fault.why };
}
