import { nearest } from '@kios/network-config/names';

/** The number of names that are compared with the known ones: the comparison is costly, and more are no slips. */
const FEW = 20;

/**
 * Says that a name is not known, with the known one that was most likely meant. `earlier` is the number of unknown
 * names before it.
 */
export function unknownName(
  name: string,
  known: readonly string[],
  { what = 'a known field', earlier = 0 }: { readonly what?: string; readonly earlier?: number },
): string {
  const close = earlier < FEW ? nearest(name, known) : undefined;
  return close === undefined ? `is not ${what}` : `is not ${what}; the nearest is ${close}`;
}
