import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere } from '@kios/agent';

import { parseCommandLine } from '../../core/providers/command-line.ts';
import { detectProvider, type DmiFacts } from '../../core/providers/detect.ts';
import { type NoCloudSeed, parseNoCloudSeed } from '../../core/providers/nocloud.ts';
import type { ProviderName } from '../../core/providers/provider.ts';
import type { Settings } from '../../core/settings/settings.ts';

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
}

export const FW_CFG = 'qemu_fw_cfg/by_name/opt/kios/config/raw';

async function readDmi({ sysfs }: Settings): Promise<DmiFacts> {
  const read = async (name: string): Promise<string> => {
    const file = path.join(sysfs, 'class/dmi/id', name);
    // A machine without this firmware table has no such folder; some files can be read by root only.
    return ((await readIfThere(file).catch(() => undefined)) ?? '').trim();
  };
  return {
    sysVendor: await read('sys_vendor'),
    productName: await read('product_name'),
    productSerial: await read('product_serial'),
    productUuid: (await read('product_uuid')).toLowerCase(),
    chassisAssetTag: await read('chassis_asset_tag'),
  };
}

const exists = async (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function findSeeds({ seedDir }: Settings): Promise<readonly string[]> {
  const at = async (...files: readonly string[]): Promise<boolean> =>
    (await Promise.all(files.map(async (file) => exists(path.join(seedDir, file))))).includes(true);
  const labels = [];
  if (await at('cidata/meta-data', 'cidata/user-data')) labels.push('cidata');
  if (await at('config-2/openstack/latest/meta_data.json')) labels.push('config-2');
  return labels;
}

/** Reads the platform. Precedence: flag, then kernel command line, then detection. */
export async function readPlatform(settings: Settings): Promise<Platform> {
  const dmi = await readDmi(settings);
  const line = parseCommandLine((await readIfThere(settings.cmdline)) ?? '');
  const named = settings.provider === 'auto' ? line.provider : settings.provider;
  const found = detectProvider({
    dmi,
    seeds: await findSeeds(settings),
    hasFwCfg: await exists(path.join(settings.firmware, FW_CFG)),
  });
  const hash = createHash('sha256').update(JSON.stringify(dmi));
  return {
    provider: named ?? found.provider,
    by: named === undefined ? found.by : 'setting',
    isExplicit: named !== undefined,
    seed: line.seed ?? parseNoCloudSeed(dmi.productSerial),
    configUrl: line.configUrl,
    dmi,
    machine: hash.digest('hex').slice(0, 32),
  };
}
