import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';

import { type Device, type Devices, modaliases } from '../../core/devices/device.ts';

/** Folders read before other work has its turn: a server has thousands. */
const BATCH = 64;

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // A device may disappear while it is read.
    return '';
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function entries(dir: string) {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

async function* onBuses(sys: string): AsyncGenerator<Device> {
  let count = 0;
  for (const bus of list(`${sys}/bus`)) {
    const devices = `${sys}/bus/${bus}/devices`;
    for (const device of list(devices)) {
      if (++count % BATCH === 0) await turn();
      const folder = `${devices}/${device}`;
      const alias = read(`${folder}/modalias`).trim();
      if (alias !== '') yield { path: folder, aliases: [alias] };
    }
  }
}

/** Yields all devices, depth first, without following links. */
async function* walk(top: string): AsyncGenerator<Device> {
  const pending = [top];
  for (let folder = pending.pop(), count = 1; folder !== undefined; folder = pending.pop()) {
    if (count++ % BATCH === 0) await turn();
    const aliases = new Set<string>();
    const folders: string[] = [];
    for (const entry of entries(folder)) {
      if (entry.isDirectory()) folders.push(`${folder}/${entry.name}`);
      else if (entry.name === 'uevent')
        for (const alias of modaliases(read(`${folder}/uevent`))) aliases.add(alias);
      else if (entry.name === 'modalias') aliases.add(read(`${folder}/modalias`).trim());
    }
    aliases.delete('');
    if (aliases.size > 0) yield { path: folder, aliases: [...aliases] };
    pending.push(...folders.toReversed());
  }
}

function driverOf(device: string): string | undefined {
  try {
    return path.basename(readlinkSync(`${device}/driver`));
  } catch {
    return undefined;
  }
}

/** Fails where sysfs shows no devices: it is not mounted, or it is masked. */
export function requireSysfs(sys = '/sys'): void {
  if (list(`${sys}/devices`).length > 0) return;
  throw new KiosError('KIOS_SYSFS', `find devices in ${sys}/devices: it is empty or missing`, {
    exitCode: EXIT.system,
    remedy: 'Mount sysfs there, as a container has it by default.',
  });
}

/** Returns the devices that sysfs shows at `sys`. */
export function sysfsDevices(sys = '/sys'): Devices {
  return {
    onBuses: () => onBuses(sys),
    all: () => walk(`${sys}/devices`),
    driverOf,
    awaitingFirmware: () => list(`${sys}/class/firmware`).filter((name) => name !== 'timeout'),
  };
}
