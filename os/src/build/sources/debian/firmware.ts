import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import type { Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import type { Origin } from '../../formats/tree.ts';
import { extract, fetchDebian } from './archive.ts';
import { FIRMWARE, type FirmwareChoice, type FirmwareName } from './firmware-names.ts';

/** A package, unpacked. */
export interface FirmwarePackage {
  readonly name: FirmwareName;
  /** Folder of its files, as drivers name them. */
  readonly folder: string;
  /** The package with the text of its licences. */
  readonly origin: Origin;
  readonly microcode: FirmwareChoice['microcode'];
}

/** Fetches the packages of these names. */
export async function fetchFirmware(
  names: readonly FirmwareName[],
  arch: Arch,
  progress: Progress,
): Promise<FirmwarePackage[]> {
  if (names.length === 0) return [];
  const chosen = names.toSorted().map((name) => ({ name, ...(FIRMWARE[name] as FirmwareChoice) }));
  const foreign = chosen.find(({ microcode }) => microcode !== undefined && arch !== 'amd64');
  if (foreign !== undefined)
    throw new KiosError('KIOS_CLI_USAGE', `build for ${arch} with ${foreign.name}`, {
      exitCode: EXIT.usage,
      remedy: 'Leave it out: microcode is for processors of amd64.',
    });
  const packages = chosen.map((choice) => choice.package);
  const debs = await fetchDebian({ arch, packages, progress, archive: 'non-free-firmware' });
  return Promise.all(
    chosen.map(async ({ name, package: wanted, microcode }) => {
      const deb = debs.find((each) => each.name === wanted)!;
      const root = await extract([deb]);
      const licence = path.join(root, 'usr/share/doc', deb.name, 'copyright');
      return {
        name,
        folder: path.join(root, 'usr/lib/firmware'),
        origin: {
          name: deb.name,
          version: deb.version,
          kind: 'deb',
          sha256: deb.sha256,
          licence: await readFile(licence, 'utf8'),
        },
        microcode,
      };
    }),
  );
}
