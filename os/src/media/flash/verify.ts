import { EXIT, KiosError } from '@kios/errors';

import { decodeGpt, diskGuid } from '../../build/formats/gpt.ts';
import type { BlockDevice } from '../device/block-device.ts';
import { applyOverlays, fitImage } from '../image/head.ts';
import { imageError } from '../image/image-error.ts';
import { HEAD } from '../units.ts';
import { checkPart } from './check.ts';
import { fingerprint, isZero } from './fingerprint.ts';
import type { OpenImage } from './write.ts';

/** Only a check right after the flash finds a bad medium for sure. */
const CHANGED_OR_BAD =
  'If it was configured or used in a PC since, that is why; else try another card reader or port, then another medium.';

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Is told the bytes that were compared. */
  readonly done: (bytes: number) => void;
}

/** Returns what the table in a disk's first bytes says of the partitions, without their identifiers. */
const places = (head: Buffer): string =>
  JSON.stringify(decodeGpt(head)?.map(({ type, offset }) => [type, offset]));

/** Whether a disk has the image's partitions, but identifiers of its own: those that init gives at the first boot. */
function hasBooted(image: OpenImage, found: Buffer): boolean {
  const [wanted, own] = [diskGuid(image.first), diskGuid(found)];
  return (
    wanted !== undefined &&
    own !== undefined &&
    wanted !== own &&
    places(image.first) === places(found)
  );
}

/** Tells apart the media that are no faulty copies, because they are none. */
function checkState(device: BlockDevice, image: OpenImage, found: Buffer): void {
  if (isZero(found))
    throw new KiosError(
      'KIOS_FLASH_UNFINISHED',
      `verify ${device.disk.path}: its flash was not finished, so nothing starts from it`,
      { exitCode: EXIT.data, remedy: 'Flash it again.' },
    );
  if (hasBooted(image, found))
    throw new KiosError(
      'KIOS_FLASH_VERIFY',
      `verify ${device.disk.path}: a node has started from it and changed it`,
      { exitCode: EXIT.data, remedy: 'Flash it again if it is to be as the image is.' },
    );
}

/** Compares a medium with the image that it was flashed with, and returns the size of the image. */
export async function verifyImage(
  device: BlockDevice,
  image: OpenImage,
  { signal, done }: VerifyOptions,
): Promise<number> {
  const { overlays, head, backup } = fitImage(image.first.subarray(0, HEAD), device.bytes);
  const all = [...overlays, ...(backup === undefined ? [] : [backup]), { offset: 0, bytes: head }];
  checkState(device, image, await device.read(0, HEAD));
  const compare = (at: number, data: Buffer): Promise<void> =>
    checkPart(device, fingerprint(at, data), image.head.partitions, CHANGED_OR_BAD);
  let at = 0;
  const next = async (block: Buffer): Promise<void> => {
    signal.throwIfAborted();
    applyOverlays(block, at, all);
    await compare(at, block);
    at += block.length;
    done(at);
  };
  await next(image.first);
  for await (const block of image.rest) await next(block);
  const wanted = image.head.bytes ?? image.head.needed;
  if (at < wanted) throw imageError(image.name, `it ends after ${at} of ${wanted} bytes`);
  if (backup !== undefined) await compare(backup.offset, backup.bytes);
  return at;
}
