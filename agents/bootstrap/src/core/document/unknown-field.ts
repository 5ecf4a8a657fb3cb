import { nearest } from '@kios/network-config/names';

/** Says that a name is not known, with the known one that was most likely meant. */
export function unknownName(name: string, known: readonly string[], what: string): string {
  const close = nearest(name, known);
  return close === undefined ? `is not ${what}` : `is not ${what}; the nearest is ${close}`;
}

export const unknownField = (name: string, known: readonly string[]): string =>
  unknownName(name, known, 'a known field');
