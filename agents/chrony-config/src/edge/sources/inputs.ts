import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { type Logger, type SettingFault, SettingFaults } from '@kios/agent';
import { readSettingsFile, type SettingsRead } from '@kios/agent/settings-file';
import { errorCode } from '@kios/errors';
import {
  PlatformState,
  readLeases,
  readLeases6,
  readStateIfThere,
  StateError,
} from '@kios/node-state';

import { fileIn, readExtra } from '../../core/chronyd/extra.ts';
import type { LeaseServers } from '../../core/sources/origins.ts';
import type { Inputs } from '../../core/sources/source-draft.ts';
import { isOperatorFile, TimeConfig } from '../../core/sources/time-config.ts';
import { type Layout, readLeasedServers } from '../chronyd/config-files.ts';
import { readFamilies, readHypervisorClock } from './node-facts.ts';

export interface InputArgs {
  readonly config: string;
  /** Folder of files that time.yaml may name. */
  readonly operatorDir: string;
  readonly netDir: string;
  readonly platformDir: string;
  readonly allowPublicPool: 'auto' | 'true' | 'false';
  /** Folders in which the kernel shows precision clocks and their devices. */
  readonly ptpClass: string;
  readonly ptpDevices: string;
}

/** The file of keys, and a text that changes with its content. */
export interface Keys {
  readonly path: string;
  readonly digest: string;
}

export type ReadInputs = Omit<Inputs, 'resolved'> & {
  readonly errors: readonly StateError[];
  /** Parts of `time.yaml` that do not count. */
  readonly faults: readonly SettingFault[];
  readonly keys: Keys | undefined;
  /** Lines for the end of chrony.conf. */
  readonly extra: readonly string[];
};

const PAGE = 'docs/time.md';

/** What is checked of `time.yaml` beyond its schema. */
function readFurther(settings: TimeConfig, { config: file, operatorDir }: ConfigArgs) {
  const extra = readExtra(settings.extra, operatorDir);
  const faults: SettingFault[] = extra.faults.map(({ line, why }) => ({
    file,
    path: `extra.${line}`,
    why,
    remedy: `Correct it, or leave it out; ${PAGE} has all directives.`,
  }));
  const { keys, ...others } = settings;
  if (keys === undefined || isOperatorFile(keys.path, operatorDir))
    return { settings, faults, extra: extra.lines };
  const why = `is not a file below ${operatorDir}`;
  faults.push({
    file,
    path: 'keys.path',
    why,
    remedy: 'Move it there: chronyd sees no other folder.',
  });
  return { settings: others, faults, extra: extra.lines };
}

type ConfigArgs = Pick<InputArgs, 'config' | 'operatorDir'>;

/** Reads `time.yaml`. A slip in it must not cost the node its clock. */
export async function readConfig(
  args: ConfigArgs,
): Promise<SettingsRead<TimeConfig> & { readonly extra: readonly string[] }> {
  const { settings, faults } = await readSettingsFile(TimeConfig, args.config, PAGE);
  const further = readFurther(settings, args);
  return { ...further, faults: [...faults, ...further.faults] };
}

/** Returns a text that changes with the content of a file, and tells nothing of it. */
const digestOf = async (file: string): Promise<string> =>
  hash('sha256', await readFile(file)).slice(0, 16);

/** Reads the file of keys, which is as secret as its folder: only a digest leaves this function. */
async function readKeys(file: string): Promise<Keys | SettingFault> {
  try {
    return { path: file, digest: await digestOf(file) };
  } catch (error) {
    const why = `cannot be read: ${errorCode(error) ?? String(error)}`;
    return { file, path: '(top)', why, remedy: 'Write it beside time.yaml, for root alone.' };
  }
}

/**
 * Puts the digest of a file before each line that names one, so that chronyd starts again when the file has changed. A
 * file may come later than the line.
 */
async function withDigests(lines: readonly string[]): Promise<string[]> {
  const marked = lines.map(async (line) => {
    const file = fileIn(line);
    if (file === undefined) return [line];
    const digest = await digestOf(file).catch((error: unknown) => errorCode(error) ?? 'unreadable');
    return [`# ${file} ${digest}`, line];
  });
  return (await Promise.all(marked)).flat();
}

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

const PUBLIC_POOL = { auto: 'auto', true: true, false: false } as const;

/** Reads everything that determines the sources. A file that cannot be read counts as missing and is in `errors`. */
export async function readInputs(args: InputArgs, layout: Layout): Promise<ReadInputs> {
  const { leases, errors } = await readServers(args.netDir);
  const platform = await readPlatform(args.platformDir);
  const before = await readLeasedServers(layout);
  const { settings, faults, extra } = await readConfig(args);
  const keys = settings.keys === undefined ? undefined : await readKeys(settings.keys.path);
  const isRead = keys !== undefined && 'digest' in keys;
  return {
    config: settings,
    faults: keys === undefined || isRead ? faults : [...faults, keys],
    extra: await withDigests(extra),
    keys: isRead ? keys : undefined,
    hasKeys: isRead,
    clock: await readHypervisorClock(args.ptpClass, args.ptpDevices),
    families: await readFamilies(),
    publicPool: PUBLIC_POOL[args.allowPublicPool],
    leases: withLastKnown(leases, errors.length === 0, before),
    platform: platform instanceof StateError ? undefined : platform,
    errors: platform instanceof StateError ? [...errors, platform] : errors,
  };
}
