import { isMap, type Tree, type TreeMap } from '../document/tree.ts';
import { type Path, pathKey } from '../fault.ts';
import type { Section } from '../schema/netplan.ts';
import { contains, parseCidr, parseIp, prefixOf } from '../values/ip.ts';

/** A netplan tree in the making, which remembers the places in the file that its values come from. */
export class Conversion {
  readonly #network: TreeMap = { version: '2' };
  readonly #origins = new Map<string, Path>();

  get tree(): Tree {
    return { network: this.#network };
  }

  /** Sets a value below a link; a list grows by it. */
  link(section: Section, id: string, origin: Path): LinkConversion {
    const links = (this.#network[section] ??= {});
    const link: Tree = isMap(links) ? (links[id] ??= {}) : {};
    const path = ['network', section, id];
    if (!this.#origins.has(pathKey(path))) this.#origins.set(pathKey(path), origin);
    return new LinkConversion(isMap(link) ? link : {}, path, this.#origins);
  }

  /** The place in the file that a place in the netplan tree, or the nearest one above it, comes from. */
  origin(path: Path): Path {
    for (let length = path.length; length > 0; length -= 1) {
      const found = this.#origins.get(pathKey(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return [];
  }
}

export class LinkConversion {
  readonly #link: TreeMap;
  readonly #path: Path;
  readonly #origins: Map<string, Path>;

  constructor(link: TreeMap, path: Path, origins: Map<string, Path>) {
    this.#link = link;
    this.#path = path;
    this.#origins = origins;
  }

  /** Sets a key, or one in maps below it. */
  set(keys: readonly string[], value: Tree | undefined, origin: Path): void {
    const last = keys.at(-1);
    if (value === undefined || last === undefined) return;
    const map = this.#mapAt(keys.slice(0, -1));
    map[last] = value;
    this.#origins.set(pathKey([...this.#path, ...keys]), origin);
  }

  /** Adds to a list. */
  add(keys: readonly string[], value: Tree, origin: Path): void {
    const last = keys.at(-1) ?? '';
    const map = this.#mapAt(keys.slice(0, -1));
    const list = (map[last] ??= []);
    if (!Array.isArray(list)) return;
    this.#origins.set(pathKey([...this.#path, ...keys, list.length]), origin);
    list.push(value);
  }

  #mapAt(keys: readonly string[]): TreeMap {
    let at = this.#link;
    for (const key of keys) {
      const inner = (at[key] ??= {});
      if (!isMap(inner)) return {};
      at = inner;
    }
    return at;
  }

  get hasAddresses(): boolean {
    const { dhcp4, dhcp6, addresses } = this.#link;
    return dhcp4 !== undefined || dhcp6 !== undefined || addresses !== undefined;
  }

  get routes(): readonly TreeMap[] {
    const { routes } = this.#link;
    return Array.isArray(routes) ? routes.filter(isMap) : [];
  }

  get addresses(): readonly string[] {
    const { addresses } = this.#link;
    return Array.isArray(addresses) ? addresses.filter((one) => typeof one === 'string') : [];
  }
}

/** Joins an address and a mask, which may be `255.255.255.0`, `24` or missing. */
export function withMask(address: string, mask: string | undefined): string {
  if (mask === undefined || address.includes('/')) return address;
  return `${address}/${prefixOf(mask) ?? mask}`;
}

/** A key for a gateway in no network of its link. These formats have no word for it, and their readers add it. */
export function onLink(gateway: string | undefined, addresses: readonly string[]): TreeMap {
  const via = parseIp(gateway ?? '');
  const networks = addresses.map((address) => parseCidr(address));
  if (via === undefined || !networks.some((one) => one?.family === via.family)) return {};
  const isInside = networks.some((one) => one !== undefined && contains(one, via));
  return isInside || gateway?.startsWith('fe80:') === true ? {} : { 'on-link': 'true' };
}

/** The destination of a route: `default` if it is every address. */
export function destination(network: string | undefined, mask: string | undefined): string {
  if (network === undefined) return 'default';
  const joined = withMask(network, mask);
  return joined.endsWith('/0') && parseIp(joined.slice(0, -2))?.value === 0n ? 'default' : joined;
}
