import { readFile } from 'node:fs/promises';

import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { programDigest } from '../formats/authenticode.ts';
import { measureSections } from '../formats/measurement.ts';
import { readSections } from '../formats/uki.ts';
import { buildGuard } from '../image/guard.ts';
import { readLoader } from '../image/stub.ts';
import type { MeasurementKey } from './measurement-key.ts';

/** What a machine measures of a build, by which others know the system (docs/attestation.md). */
export interface MeasuredBuild {
  /** SHA-256 of the public key whose owner has signed what a TPM measures of `kios.efi`. */
  readonly key: string;
  /** PCR 11 as systemd's stub leaves it. */
  readonly pcr11: string;
  /** Digests in PCR 4: of the guard, systemd-boot, the system and its kernel. */
  readonly programs: readonly string[];
}

/**
 * Measures what was built. A signature changes no digest of a program: the lengths of all are multiples of eight, so
 * signing fills nothing up.
 */
export async function measureBuild(
  efiFile: string,
  arch: Arch,
  key: MeasurementKey,
  progress: Progress,
): Promise<MeasuredBuild> {
  const efi = await readFile(efiFile);
  const sections = readSections(efi);
  const kernel = Buffer.from(sections.find(({ name }) => name === '.linux')?.content ?? []);
  const guard = await buildGuard(arch, progress);
  const loader = await readLoader(arch, progress);
  return {
    key: key.fingerprint,
    pcr11: measureSections(sections).toString('hex'),
    programs: [guard.bytes, loader.bytes, efi, kernel].map((program) =>
      programDigest(program).toString('hex'),
    ),
  };
}
