const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const IPV4 = /^\d+(?:\.\d+){3}$/;

/**
 * Returns the RFC 1123 form of a name: lower case, with `-` for `_` and spaces; undefined when it has none. Names that
 * look like IP addresses are rejected: clouds and certificates would treat them as addresses.
 */
export function normaliseNodeName(name: string): string | undefined {
  const clean = name
    .replaceAll('\0', '')
    .trim()
    .toLowerCase()
    .replaceAll(/[_\s]/g, '-')
    .replace(/\.$/, '');
  const fits = clean.length <= 253 && clean.split('.').every((label) => LABEL.test(label));
  return fits && !IPV4.test(clean) ? clean : undefined;
}

export interface NameSources {
  /** From the certificate this node already has: a node never changes its name by itself. */
  readonly joined?: string | undefined;
  /** From a client certificate in the document. */
  readonly certificate?: string | undefined;
  readonly document?: string | undefined;
  readonly provider?: string | undefined;
  readonly dhcp?: string | undefined;
  /** The first 12 hexadecimal digits of a hash over the hardware's unique id. */
  readonly hardware: string;
}

export interface ChosenName {
  readonly name: string;
  readonly by: 'joined' | 'certificate' | 'document' | 'provider' | 'dhcp' | 'hardware';
}

/**
 * Chooses the node's name from the first source that has a usable one; `auto` in the document leaves it to the sources
 * after it. `localhost` is skipped, because DHCP servers hand it out.
 */
export function chooseNodeName(sources: NameSources): ChosenName {
  const order = [
    ['joined', sources.joined],
    ['certificate', sources.certificate],
    ['document', sources.document === 'auto' ? undefined : sources.document],
    ['provider', sources.provider],
    ['dhcp', sources.dhcp],
  ] as const;
  for (const [by, given] of order) {
    const name = given === undefined ? undefined : normaliseNodeName(given);
    if (name !== undefined && name.split('.')[0] !== 'localhost') return { name, by };
  }
  return { name: `kios-${sources.hardware}`, by: 'hardware' };
}
