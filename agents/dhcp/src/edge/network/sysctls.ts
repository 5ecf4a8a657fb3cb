import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { type PresentLink, sysctlKey, type Sysctls } from '../../core/network/static/model.ts';
import { SETTINGS } from '../../core/network/static/settings.ts';

/** Where the kernel has its settings of IPv6, a folder for each link. */
export const CONF = '/proc/sys/net/ipv6/conf';

/** Reads the settings of links, and whether they can be written: a container's own /proc/sys can only be read. */
export function readSysctls(
  links: readonly PresentLink[],
  folder: string,
): { readonly sysctls: Sysctls; readonly canWrite: boolean } {
  const sysctls = new Map<string, string>();
  let canWrite = false;
  for (const { name } of links) {
    for (const setting of SETTINGS) {
      const value = readSysctl(folder, name, setting);
      if (value === undefined) continue;
      sysctls.set(sysctlKey(name, setting), value);
      canWrite ||= isWritable(path.join(folder, name, setting));
    }
  }
  return { sysctls, canWrite };
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Reads one setting; undefined where the kernel does not have it. */
export function readSysctl(folder: string, link: string, setting: string): string | undefined {
  try {
    return readFileSync(path.join(folder, link, setting), 'latin1').trim();
  } catch (error) {
    // So the kernel says that it has no secret yet.
    const isUnset = error instanceof Error && 'code' in error && error.code === 'EIO';
    return isUnset ? '' : undefined;
  }
}

/** Writes one setting. The kernel takes or refuses it as a whole. */
export const writeSysctl = (folder: string, link: string, setting: string, value: string): void =>
  writeFileSync(path.join(folder, link, setting), value);
