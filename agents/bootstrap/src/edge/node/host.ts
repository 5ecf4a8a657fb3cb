import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { DirectoryWatch, type Logger } from '@kios/agent';
import {
  BootState,
  HostState,
  isSane,
  KubeletState,
  type Lease,
  readLeases,
  readStateIfThere,
  TimeState,
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

async function clockFault(settings: Settings): Promise<string | undefined> {
  const boot = await readBoot(settings);
  if (boot === undefined) return undefined;
  if (!isSane(Date.now(), Date.parse(boot.buildTime))) return 'it is before the build of the image';
  if (!boot.clockFloored) return undefined;
  const time = await readStateIfThere(TimeState, path.join(settings.run, 'time/state.json'));
  return time?.synced === true ? undefined : 'it was guessed at boot and is not synchronised yet';
}

/**
 * Waits until the clock is good enough to check certificates, but at most `--clock-timeout`: a network without time
 * servers must not keep a node out. A wrong clock then fails in TLS, before anything is written or the token sent.
 */
export async function waitForClock(
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  using changes = new DirectoryWatch([path.join(settings.run, 'time')]);
  const deadline = performance.now() + settings.clockTimeoutSeconds * 1000;
  for (let waited = false; ; waited = true) {
    const why = await clockFault(settings);
    if (why === undefined) return;
    const left = deadline - performance.now();
    if (left <= 0) {
      log.warn({ ev: 'clock.unsynced', code: 'KIOS_BOOTSTRAP_CLOCK', why });
      return;
    }
    if (!waited) log.info({ ev: 'clock.wait', why, seconds: settings.clockTimeoutSeconds });
    await changes.wait(left, signal);
  }
}
