import { rename, rm, writeFile } from 'node:fs/promises';

import { sha256 } from '../../workstation/digest.ts';
import { replace } from '../image/artefacts.ts';
import type { BootProgram } from '../image/stub.ts';
import type { Enrolment } from './enrolment.ts';
import type { Signer } from './signer.ts';

/** What makes an image that machines with Secure Boot start. */
export interface SecureBoot {
  readonly signer: Signer;
  /** The keys that the medium brings for machines in setup mode. */
  readonly enrolment: Enrolment | undefined;
}

/** Returns what of it makes another image: nothing without it, so that unsigned images stay what they are. */
export function secureBootInputs(secureBoot: SecureBoot | undefined): readonly unknown[] {
  if (secureBoot === undefined) return [];
  const { signer, enrolment = new Map<string, Buffer>() } = secureBoot;
  return [signer.fingerprint, [...enrolment].map(([name, bytes]) => [name, sha256(bytes)])];
}

/** Writes an EFI file, signed where that is asked for. Its unsigned bytes are the same in both cases. */
export async function writeEfi(
  file: string,
  unsigned: Uint8Array,
  secureBoot: SecureBoot | undefined,
): Promise<void> {
  if (secureBoot === undefined) return replace(file, unsigned);
  const from = `${file}.unsigned`;
  try {
    await writeFile(from, unsigned);
    await secureBoot.signer.signFile(from, `${file}.tmp`);
    await rename(`${file}.tmp`, file);
  } finally {
    await rm(from, { force: true });
  }
}

/** Returns a program as it lies on the medium. Its origin is that of the program before it was signed. */
export async function signedProgram(
  program: BootProgram,
  scratch: string,
  secureBoot: SecureBoot | undefined,
): Promise<BootProgram> {
  if (secureBoot === undefined) return program;
  const { bytes, origin } = program;
  return { origin, bytes: await secureBoot.signer.sign(`${origin.name}.efi`, bytes, scratch) };
}
