import { open, readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import path from 'node:path';

import { errorCode } from '@kios/errors';

import { familiesOf } from '../../core/network/families.ts';
import { type HypervisorClock, isHypervisorClock } from '../../core/sources/hypervisor-clock.ts';
import type { Families } from '../../core/sources/source-draft.ts';

/** Reads a table of the kernel's network; one of a family that the kernel lacks is empty. */
const readTable = async (name: string): Promise<string> =>
  readFile(`/proc/net/${name}`, 'utf8').catch(() => '');

/** Returns the families by which time servers may be reached. */
export async function readFamilies(): Promise<Families> {
  const tables = { ipv4: await readTable('route'), ipv6: await readTable('ipv6_route') };
  const addresses = Object.entries(networkInterfaces()).flatMap(([link, all = []]) =>
    all.filter(({ internal }) => !internal).map((each) => ({ link, ...each })),
  );
  return familiesOf(addresses, tables);
}

async function openFault(device: string): Promise<string | undefined> {
  try {
    await (await open(device, 'r')).close();
    return undefined;
  } catch (error) {
    return `the pod cannot open ${device}: ${errorCode(error) ?? String(error)}`;
  }
}

/**
 * Returns the hypervisor's clock, where the machine has one. There is no udev that would give its device a name of its
 * own. A container sees devices only where its manifest brings them, and this one stands for chronyd's.
 */
export async function readHypervisorClock(
  classDir: string,
  deviceDir: string,
): Promise<HypervisorClock | undefined> {
  for (const each of await readdir(classDir).catch(() => [])) {
    const file = path.join(classDir, each, 'clock_name');
    const name = (await readFile(file, 'utf8').catch(() => '')).trim();
    if (!isHypervisorClock(name)) continue;
    const device = path.join(deviceDir, each);
    return { name, device, fault: await openFault(device) };
  }
  return undefined;
}
