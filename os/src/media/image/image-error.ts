import { EXIT, KiosError } from '@kios/errors';

/** Describes an image that cannot be flashed. `fault` is a clause after a colon. */
export const imageError = (
  name: string,
  fault: string,
  remedy = 'Download the image again, or make it with ./kios build.',
): KiosError =>
  new KiosError('KIOS_FLASH_IMAGE', `read the disk image ${name}: ${fault}`, {
    exitCode: EXIT.data,
    remedy,
  });
