import { EXIT, KiosError } from '@kios/errors';
import { nearest } from '@kios/network-config/names';

/** The error for a name that no module of the image has. */
export function unknownModule(name: string, known: readonly string[]): KiosError {
  const close = nearest(name, known);
  return new KiosError('KIOS_MODULE_UNKNOWN', `load ${name}: this image has no such module`, {
    exitCode: EXIT.data,
    ...(close !== undefined && { remedy: `Name ${close}, if that was meant.` }),
  });
}
