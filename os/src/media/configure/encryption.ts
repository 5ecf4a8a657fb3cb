import { EXIT, KiosError } from '@kios/errors';

import { readSections } from '../../build/formats/uki.ts';
import { findBootFile } from '../../build/image/boot-file.ts';
import { SIGNATURE_SECTION } from '../../build/secure-boot/measurement-key.ts';
import { ADDON, ENCRYPT } from './boot-folder.ts';
import type { Partition } from './partition.ts';
import { type Change, isThereAfter } from './plan.ts';

async function whyNot(
  partition: Pick<Partition, 'read'>,
  changes: readonly Change[],
  present: readonly string[],
): Promise<string | undefined> {
  if (isThereAfter(changes, present, ADDON))
    return 'a TPM opens no partition where words for the kernel are added';
  const efi = findBootFile(present)?.file;
  if (efi === undefined) return 'its machine has no TPM';
  const isSigned = readSections(await partition.read(efi)).some(
    ({ name }) => name === SIGNATURE_SECTION,
  );
  return isSigned ? undefined : 'its system was built without --pcr-key';
}

/** Refuses changes after which a medium would ask for an encrypted data partition that its node could not make. */
export async function refuseUnencryptable(
  partition: Pick<Partition, 'read' | 'file'>,
  changes: readonly Change[],
  present: readonly string[],
): Promise<void> {
  const concerns = changes.some(({ name }) => [ENCRYPT, ADDON].includes(name));
  if (!concerns || !isThereAfter(changes, present, ENCRYPT)) return;
  const why = await whyNot(partition, changes, present);
  if (why === undefined) return;
  throw new KiosError('KIOS_MEDIUM_ENCRYPT', `have ${partition.file} encrypt its data: ${why}`, {
    exitCode: EXIT.data,
    remedy: 'Take an image of ./kios build --pcr-key, and leave --kernel-argument out.',
  });
}
