import path from 'node:path';

import { type Logger, readIfThere, writeAtomic } from '@kios/agent';
import type { Fault } from '@kios/network-config';
import type { NetworkStatus as Published } from '@kios/node-state';

import type { Lack } from '../../core/network/static/model.ts';

/** How the host stands to its network file, for `status`, for people, and in part for other programs. */
export interface NetworkStatus extends Published {
  /** The file that is there; absent when there is none. */
  readonly file?: string | undefined;
  /** `good`, `trial`, `taken-back`, `refused`, or `fault` when the file that is there was not taken. */
  readonly outcome: string;
  /** Ids of the links that are kept as a file says; absent when every card uses DHCP. */
  readonly links?: readonly string[] | undefined;
  /** Faults of the file that is there. */
  readonly faults: readonly Fault[];
  /** What comes by itself: a card, a carrier, an address that is still probed. */
  readonly waiting: readonly Lack[];
  /** What cannot be as the file says. */
  readonly obstacles: readonly Lack[];
}

/** It is no lease, and those are the files of that folder whose names end in `.json`. */
const fileIn = (runDir: string): string => path.join(runDir, 'network.status');

/** Publishes the status. It costs nothing but itself when the folder is full. */
export async function writeNetworkStatus(
  runDir: string,
  status: NetworkStatus,
  log: Logger,
): Promise<void> {
  try {
    await writeAtomic(fileIn(runDir), `${JSON.stringify(status)}\n`);
  } catch (err) {
    log.warn({ ev: 'publish.fail', err });
  }
}

/** Reads the status as text of JSON; undefined on a host that has no network file. */
export const readNetworkStatus = (runDir: string): Promise<string | undefined> =>
  readIfThere(fileIn(runDir));
