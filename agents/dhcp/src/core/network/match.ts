import type { LinkState } from '@kios/netlink/virtual-links';
import type { Match } from '@kios/network-config';

/** A link and what only its device in sysfs says. */
export interface Present extends LinkState {
  /** Whether a device is behind it. Bridges, tunnels and pods' veth ends have none. */
  readonly isHardware: boolean;
  readonly driver: string | undefined;
  /** Place of the device, such as `pci-0000:02:00.0`. */
  readonly path: string | undefined;
}

/** Classes of characters in sets, but for those that no name has. */
const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'a-zA-Z',
  digit: '0-9',
  alnum: 'a-zA-Z0-9',
  lower: 'a-z',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
};

const literal = (sign: string): string => sign.replace(/[\\\]^[-]/, String.raw`\$&`);

/** Returns the inside of a set. A range that begins behind its end holds nothing. */
const setOf = (inside: string): string =>
  (inside.match(/\[:\w+:\]|[\s\S]-[\s\S]|[\s\S]/g) ?? [])
    .map((part) => {
      const [from = '', , to] = part;
      if (part.startsWith('[:') && part.length > 3) return CLASSES[part.slice(2, -2)] ?? '';
      if (to === undefined) return literal(from);
      return from <= to ? `${literal(from)}-${literal(to)}` : '';
    })
    .join('');

/** Turns a pattern with `*`, `?` and `[…]` (fnmatch(3)) into an expression for the whole text. */
function expressionOf(pattern: string): RegExp {
  const parts = pattern.match(/\*|\?|\[[!^]?\]?(?:\[:\w+:\]|[^\]])*\]|[\s\S]/g) ?? [];
  const source = parts.map((part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length === 1) return part.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);
    const [, not = '', set = ''] = /^\[([!^]?)([\s\S]*)\]$/.exec(part) ?? [];
    return `[${not && '^'}${setOf(set)}]`;
  });
  return new RegExp(`^(?:${source.join('')})$`, 's');
}

const fits = (pattern: string, text: string | undefined): boolean =>
  text !== undefined && expressionOf(pattern).test(text);

/** Returns the hardware address that stays the same while the link is in a bond. */
export const macOf = ({ permanentMac, mac }: LinkState): string => permanentMac ?? mac;

/** The loopback has no device, and is meant only by its name. */
const isCard = (card: Present, name: string | undefined): boolean =>
  card.isHardware || (name === 'lo' && card.name === name);

/**
 * Returns whether a card is meant: everything that is given has to match. A card that has got its `set-name` goes on
 * matching, though its name does not.
 */
export function matches(
  { macaddress, drivers, name, path }: Match,
  setName: string | undefined,
  card: Present,
): boolean {
  if (!isCard(card, name)) return false;
  if (macaddress !== undefined && macaddress.toLowerCase() !== macOf(card)) return false;
  if (path !== undefined && !fits(path, card.path)) return false;
  if (drivers.length > 0 && !drivers.some((driver) => fits(driver, card.driver))) return false;
  return name === undefined || fits(name, card.name) || card.name === setName;
}
