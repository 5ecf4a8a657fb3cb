import { EXIT, KiosError } from '@kios/errors';

import type { PlacedPartition } from '../../build/formats/gpt.ts';
import type { BlockDevice } from '../device/block-device.ts';
import { HEAD } from '../units.ts';
import { type Fingerprint, firstDifference } from './fingerprint.ts';

/** Names the part of a disk that holds a byte. */
export function placeName(at: number, partitions: readonly PlacedPartition[]): string {
  const inside = partitions.find(({ offset, bytes }) => at >= offset && at < offset + bytes);
  if (inside !== undefined) return `partition ${inside.label}`;
  return at < HEAD ? 'the partition table' : 'no partition';
}

const BAD_MEDIUM =
  'Try another card reader or port, then another medium: nearly always one of them is bad.';

/** Compares a part of the medium with the image. A fault names the first byte of its page. */
export async function checkPart(
  device: BlockDevice,
  part: Fingerprint,
  partitions: readonly PlacedPartition[],
  remedy = BAD_MEDIUM,
): Promise<void> {
  if ((await device.digest(part.at, part.bytes)) === part.digest) return;
  const wrong = firstDifference(part, await device.read(part.at, part.bytes));
  const fault =
    wrong === undefined
      ? `the ${part.bytes} bytes from byte ${part.at} on read differently each time`
      : `it differs from the image from byte ${wrong} on, in ${placeName(wrong, partitions)}`;
  throw new KiosError('KIOS_FLASH_VERIFY', `verify ${device.disk.path}: ${fault}`, {
    exitCode: EXIT.data,
    remedy,
  });
}
