import path from 'node:path';

import type { Logger } from '@kios/agent';

import type { Settings } from '../core/settings/settings.ts';
import { type ApiServer, openApiServer } from '../edge/cluster/api-server.ts';
import type { Board } from '../edge/diagnosis/board.ts';
import type { OnPlaced } from '../edge/files/transaction.ts';
import { type ClockPorts, type ClockTrust, waitForClock } from '../edge/node/clock.ts';

export interface JoinContext {
  readonly settings: Settings;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Keys of `isFirst`: hashes of the inputs that were logged, and names of what is done once. */
  readonly reported?: Set<string>;
  /** When steps of the join were reached, in seconds of CLOCK_BOOTTIME. */
  readonly timeline?: Map<string, number>;
  /** Where joining and diagnosis tell one another what they know. */
  readonly board?: Board;
  /** For tests: cuts the run off between two files. */
  readonly onPlaced?: OnPlaced;
  /** For tests: replaces the connection to the API server. */
  readonly openApi?: (endpoint: string) => ApiServer;
  /** For tests: replaces the kernel's clock and the time servers. */
  readonly clock?: ClockPorts;
}

/** Opens the API server at `endpoint`, with the host's name servers. */
export function apiOf({ settings, signal, openApi }: JoinContext, endpoint: string): ApiServer {
  const resolvConf = path.join(settings.run, 'net/resolv.conf');
  return openApi?.(endpoint) ?? openApiServer(endpoint, resolvConf, signal);
}

/** Returns whether this process asks for `key` the first time, so that a retry does not repeat what depends on it. */
export function isFirst({ reported }: JoinContext, key: string): boolean {
  if (reported?.has(key) === true) return false;
  reported?.add(key);
  return true;
}

/**
 * Waits until certificates can be judged by the clock. Once it has waited in vain for the whole `--clock-timeout`, and
 * has said so, this process goes by a guess at once.
 */
export async function waitForTime(context: JoinContext): Promise<ClockTrust> {
  const { settings, log, reported } = context;
  const key = 'clock';
  const timeoutMs = reported?.has(key) === true ? 0 : settings.clockTimeoutSeconds * 1000;
  const clock = await waitForClock(context, timeoutMs);
  if (clock.trust === 'guessed' && isFirst(context, key)) {
    const { why } = clock;
    log.warn({ ev: 'clock.unsynced', code: 'KIOS_BOOTSTRAP_CLOCK', why, console: true });
  }
  return clock.trust;
}
