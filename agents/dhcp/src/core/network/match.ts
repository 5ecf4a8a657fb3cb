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

/** Turns a pattern with `*`, `?` and `[…]` (fnmatch(3)) into an expression for the whole text. */
function expressionOf(pattern: string): RegExp {
  const parts = pattern.match(/\*|\?|\[[!^]?\]?[^\]]*\]|[\s\S]/g) ?? [];
  const source = parts.map((part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length === 1) return part.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);
    const [, not = '', set = ''] = /^\[([!^]?)([\s\S]*)\]$/.exec(part) ?? [];
    return `[${not && '^'}${set.replaceAll(/[\\\]^]/g, String.raw`\$&`)}]`;
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
