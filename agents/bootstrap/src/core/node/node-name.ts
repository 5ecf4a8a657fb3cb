const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const IPV4 = /^\d+(?:\.\d+){3}$/;

/**
 * The RFC 1123 form of a name somebody gave this machine, or undefined when there is none: lower case, `_` and spaces as `-`.
 * A name that reads as an address is none: clouds and certificates take it for one.
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
  /** Of the certificate this node already has: a node never changes its name by itself. */
  readonly joined?: string | undefined;
  /** Of a client certificate that the document brings. */
  readonly certificate?: string | undefined;
  readonly document?: string | undefined;
  readonly provider?: string | undefined;
  readonly dhcp?: string | undefined;
  /** First 12 hexadecimal digits of a hash over what is unique in the hardware. */
  readonly hardware: string;
}

export interface ChosenName {
  readonly name: string;
  readonly by: 'joined' | 'certificate' | 'document' | 'provider' | 'dhcp' | 'hardware';
}

/** The node's name; `auto` in the document means the sources below it. DHCP servers hand out `localhost`, which names nobody. */
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
