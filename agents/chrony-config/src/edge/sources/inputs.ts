import { type Logger, type SettingFault, SettingFaults } from '@kios/agent';
import { readSettingsFile, type SettingsRead } from '@kios/agent/settings-file';
import {
  PlatformState,
  readLeases,
  readLeases6,
  readStateIfThere,
  StateError,
} from '@kios/node-state';

import type { Inputs, LeaseServers } from '../../core/sources/plan-sources.ts';
import { TimeConfig } from '../../core/sources/time-config.ts';
import { type Layout, readLeasedServers } from '../chronyd/config-files.ts';

export interface InputArgs {
  readonly config: string;
  readonly netDir: string;
  readonly platformDir: string;
}

export type ReadInputs = Omit<Inputs, 'resolved'> & {
  readonly errors: readonly StateError[];
  /** Parts of `time.yaml` that do not count. */
  readonly faults: readonly SettingFault[];
};

/** Reads `time.yaml`. A slip in it must not cost the node its clock. */
export const readConfig = async (args: InputArgs): Promise<SettingsRead<TimeConfig>> =>
  readSettingsFile(TimeConfig, args.config, 'docs/time.md');

export const settingFaults = (log: Logger): SettingFaults =>
  new SettingFaults('KIOS_TIME_SETTING', log);

async function readPlatform(dir: string): Promise<string | StateError | undefined> {
  try {
    return (await readStateIfThere(PlatformState, `${dir}/platform.json`))?.platform;
  } catch (error) {
    if (error instanceof StateError) return error;
    throw error;
  }
}

/**
 * Returns the leases, and the previous servers of links that have none now, when there is no lease at all or not every
 * lease file is readable: such a node keeps the time sources it had.
 */
function withLastKnown(
  leases: readonly LeaseServers[],
  isCertain: boolean,
  before: ReadonlyMap<string, readonly string[]>,
): LeaseServers[] {
  if (isCertain && leases.length > 0) return [...leases];
  const known = new Set(leases.map(({ link }) => link));
  const kept = [...before]
    .filter(([link]) => !known.has(link))
    .map(([link, ntp]) => ({ link, ntp }));
  return [...leases, ...kept].toSorted((a, b) => (a.link < b.link ? -1 : 1));
}

/** Reads the servers of each link; those of IPv4 come first. */
async function readServers(
  dir: string,
): Promise<{ readonly leases: readonly LeaseServers[]; readonly errors: readonly StateError[] }> {
  const [ipv4, ipv6] = [await readLeases(dir), await readLeases6(dir)];
  const servers = new Map<string, readonly string[]>();
  for (const { if: link, ntp } of [...ipv4.leases, ...ipv6.leases]) {
    servers.set(link, [...(servers.get(link) ?? []), ...ntp]);
  }
  const leases = [...servers].map(([link, ntp]) => ({ link, ntp }));
  return { leases, errors: [...ipv4.errors, ...ipv6.errors] };
}

/** Reads everything that determines the sources. A file that cannot be read counts as missing and is in `errors`. */
export async function readInputs(args: InputArgs, layout: Layout): Promise<ReadInputs> {
  const { leases, errors } = await readServers(args.netDir);
  const platform = await readPlatform(args.platformDir);
  const before = await readLeasedServers(layout);
  const { settings, faults } = await readConfig(args);
  return {
    config: settings,
    faults,
    leases: withLastKnown(leases, errors.length === 0, before),
    platform: platform instanceof StateError ? undefined : platform,
    errors: platform instanceof StateError ? [...errors, platform] : errors,
  };
}
