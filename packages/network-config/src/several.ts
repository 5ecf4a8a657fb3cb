import { formatPath } from './fault.ts';
import type { EthernetLink, NetworkConfig } from './model/model.ts';
import { isPattern } from './values/names.ts';

/** What of a link only one card can have. */
function singular({ addresses, macaddress, setName }: EthernetLink): string[] {
  return [
    ...(addresses.length > 0 ? ['addresses'] : []),
    ...(macaddress === undefined ? [] : ['macaddress']),
    ...(setName === undefined ? [] : ['set-name']),
  ];
}

/** Returns whether more than one card can be meant. Only what belongs to a single one tells it from others. */
const isOpen = ({ match: { macaddress, name, path } }: EthernetLink): boolean =>
  macaddress === undefined && [name, path].every((text) => text === undefined || isPattern(text));

/**
 * Names the links of a file that is correct which get something that only one card can have, but are matched by what
 * several cards of a machine may share. On a machine with one such card they are right, so these are no faults.
 */
export const severalCards = ({ links }: NetworkConfig): { path: string; what: string }[] =>
  links.flatMap((link) => {
    if (link.kind !== 'ethernet' || !isOpen(link)) return [];
    const keys = singular(link);
    return keys.length === 0
      ? []
      : [
          {
            path: formatPath(['network', 'ethernets', link.id]),
            what: `may match several cards, of which only one can have its ${keys.join(' and ')}`,
          },
        ];
  });
