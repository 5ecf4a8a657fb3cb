import { createHash } from 'node:crypto';
import path from 'node:path';

import { readIfThere } from '@kios/agent';
import { HostState, readStateIfThere } from '@kios/node-state';

import { parseCommandLine } from '../../core/providers/command-line.ts';
import { detectProvider, type DmiFacts } from '../../core/providers/detect.ts';
import {
  dmiFilesOf,
  fillSeed,
  type NoCloudSeed,
  parseNoCloudSeed,
} from '../../core/providers/nocloud.ts';
import type { ProviderName } from '../../core/providers/provider.ts';
import {
  foreignVolumes,
  type IgnoredVolume,
  isSeedOf,
  type Volume,
} from '../../core/providers/seed-trust.ts';
import type { Settings } from '../../core/settings/settings.ts';
import type { KeptSeed } from './seed-cache.ts';
import { exists, type Past, readVolumes } from './volumes.ts';

/** The machine's identity, as far as it is known without a network. */
export interface Platform {
  readonly provider: ProviderName;
  readonly by: string;
  /** The provider was named, so it is asked even when the local documents would suffice. */
  readonly isExplicit: boolean;
  readonly seed: NoCloudSeed | undefined;
  /** A document on a web server that the kernel's command line names. */
  readonly configUrl: string | undefined;
  readonly dmi: DmiFacts;
  /** Stays with the machine and changes when its disk is copied to another one. */
  readonly machine: string;
  /** The seed volumes that count. */
  readonly volumes: readonly Volume[];
  /** The content of the only one of them, kept since the node joined by it, because it is not mounted. */
  readonly kept: KeptSeed | undefined;
  readonly ignored: readonly IgnoredVolume[];
  /** The instance id with which this machine was configured. It stands in for one that cannot be read. */
  readonly lastInstanceId: string | undefined;
}

export const FW_CFG = 'qemu_fw_cfg/by_name/opt/kios/config/raw';

async function readDmiValue({ sysfs }: Settings, name: string): Promise<string> {
  const file = path.join(sysfs, 'class/dmi/id', name);
  // A machine without this firmware table has no such folder; some files can be read by root only.
  return ((await readIfThere(file).catch(() => undefined)) ?? '').trim();
}

async function readDmi(settings: Settings): Promise<DmiFacts> {
  const read = async (name: string): Promise<string> => readDmiValue(settings, name);
  return {
    sysVendor: await read('sys_vendor'),
    productName: await read('product_name'),
    productSerial: await read('product_serial'),
    productUuid: (await read('product_uuid')).toLowerCase(),
    chassisAssetTag: await read('chassis_asset_tag'),
  };
}

/** Returns the seed that the command line or the firmware names, for this machine. */
async function readNoCloudSeed(
  settings: Settings,
  seed: NoCloudSeed | undefined,
): Promise<NoCloudSeed | undefined> {
  if (seed === undefined) return undefined;
  const values = dmiFilesOf(seed).map(async (name): Promise<[string, string]> => [
    name,
    await readDmiValue(settings, name),
  ]);
  return fillSeed(seed, new Map(await Promise.all(values)));
}

/** The hash by init is of what stays the same under new firmware; not every machine has it. */
async function readMachine({ run }: Settings, dmi: DmiFacts): Promise<string> {
  const host = await readStateIfThere(HostState, path.join(run, 'host/host.json'));
  const hash = createHash('sha256').update(JSON.stringify(dmi));
  return host?.machine ?? hash.digest('hex').slice(0, 32);
}

/** Reads the words of a person's file, which init passes on, and the kernel's command line, which precedes them. */
async function readArguments({ run, cmdline }: Settings): Promise<string> {
  const files = [path.join(run, 'host/arguments'), cmdline];
  return (await Promise.all(files.map(readIfThere))).map((text) => (text ?? '').trim()).join(' ');
}

/**
 * Reads the platform. Precedence: flag, then kernel command line, then detection. Nothing is read from a volume that
 * does not count.
 */
export async function readPlatform(
  settings: Settings,
  past: Past = { origin: undefined, isMember: false },
): Promise<Platform> {
  const dmi = await readDmi(settings);
  const line = parseCommandLine(await readArguments(settings));
  const named = settings.provider === 'auto' ? line.provider : settings.provider;
  const machine = await readMachine(settings, dmi);
  const choice = { machine, named, reEvaluate: settings.reEvaluate };
  const { trusted, distrusted, kept } = await readVolumes(settings, choice, past);
  const found = detectProvider({
    dmi,
    seeds: trusted.map(({ label }) => label),
    hasFwCfg: await exists(path.join(settings.firmware, FW_CFG)),
  });
  const { provider, by } = named === undefined ? found : { provider: named, by: 'setting' };
  const foreign = named === undefined ? foreignVolumes(trusted, found) : [];
  return {
    provider,
    by,
    isExplicit: named !== undefined,
    seed: await readNoCloudSeed(settings, line.seed ?? parseNoCloudSeed(dmi.productSerial)),
    configUrl: line.configUrl,
    dmi,
    machine,
    volumes: trusted.filter(({ label }) => isSeedOf(label, provider)),
    kept,
    ignored: [...distrusted, ...foreign],
    lastInstanceId: past.origin?.machine === machine ? past.instanceId : undefined,
  };
}
