import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { type PresentLink, sysctlKey, type Sysctls } from '../../core/network/static/model.ts';
import { SETTINGS } from '../../core/network/static/settings.ts';

/** Where the kernel has its settings of IPv6, a folder for each link. */
export const CONF = '/proc/sys/net/ipv6/conf';

/** Reads the settings of links; undefined where there are none, because nothing is mounted there. */
export function readSysctls(links: readonly PresentLink[], folder: string): Sysctls | undefined {
  if (!existsSync(folder)) return undefined;
  const values = links.flatMap((link) =>
    SETTINGS.map(
      (name) => [sysctlKey(link.name, name), readSysctl(folder, link.name, name)] as const,
    ),
  );
  return new Map(values.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
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
