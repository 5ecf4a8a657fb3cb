import { readFile } from 'node:fs/promises';
import path from 'node:path';

import {
  BootState,
  HostState,
  KubeletState,
  type Lease,
  readLeases,
  readStateIfThere,
} from '@kios/node-state';

import { primaryLease } from '../../core/node/node-ip.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** Returns the seconds of CLOCK_BOOTTIME. */
export async function bootSeconds(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'latin1')).split(' ', 1)[0]);
}

/** Reads this boot as init saw it. */
export async function readBoot(settings: Settings): Promise<BootState | undefined> {
  return readStateIfThere(BootState, path.join(settings.run, 'boot.json'));
}

export async function readBootId(settings: Settings): Promise<string> {
  const boot = await readBoot(settings);
  return boot?.bootId ?? (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
}

export async function readKubelet(settings: Settings): Promise<KubeletState | undefined> {
  return readStateIfThere(KubeletState, path.join(settings.run, 'kubelet.json'));
}

/** Reads what init knows of the machine: its name, and where its state lies. */
export async function readHost(settings: Settings): Promise<HostState | undefined> {
  return readStateIfThere(HostState, path.join(settings.run, 'host/host.json'));
}

/** Reads the lease in use; undefined while there is none. */
export async function readPrimaryLease(settings: Settings): Promise<Lease | undefined> {
  return primaryLease((await readLeases(path.join(settings.run, 'net'))).leases);
}
