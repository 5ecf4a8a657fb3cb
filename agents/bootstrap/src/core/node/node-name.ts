const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const IPV4 = /^\d+(?:\.\d+){3}$/;
/** kubelet puts the whole name into the label `kubernetes.io/hostname`, and a label's value ends here. */
const LONGEST = 63;

const clean = (name: string): string =>
  name.replaceAll('\0', '').trim().toLowerCase().replaceAll(/[_\s]/g, '-').replace(/\.$/, '');

/**
 * Returns the RFC 1123 form of a name: lower case, with `-` for `_` and spaces; undefined when no node can have it.
 * Names that look like IP addresses are rejected: clouds and certificates would treat them as addresses.
 */
export function normaliseNodeName(name: string): string | undefined {
  const tidy = clean(name);
  const fits = tidy.length <= LONGEST && tidy.split('.').every((label) => LABEL.test(label));
  return fits && !IPV4.test(tidy) ? tidy : undefined;
}

/** Returns why no node can have this name; undefined when one can. `otherwise` is the reason of any but its length. */
export function nodeNameFault(name: string, otherwise = 'is not a DNS name'): string | undefined {
  if (normaliseNodeName(name) !== undefined) return undefined;
  const { length } = clean(name);
  return length > LONGEST
    ? `has ${length} characters; a node's name may have ${LONGEST}`
    : otherwise;
}

/** The origins of a name, the strongest first. */
const ORIGINS = ['joined', 'certificate', 'document', 'provider', 'file', 'dhcp'] as const;
type Origin = (typeof ORIGINS)[number];

/**
 * `joined`: from the certificate this node already has, because a node never changes its name by itself. `certificate`:
 * from a client certificate in the document. `file`: from /etc/hostname, where someone chose it before.
 */
export type NameSources = Readonly<Partial<Record<Origin, string | undefined>>> & {
  /** The name that init derives from the machine; undefined while init has another. */
  readonly derived: string | undefined;
};

/** A name that was shortened or left out. */
export interface UnusableName {
  readonly by: Origin;
  readonly given: string;
  readonly why: string;
}

export interface ChosenName {
  /** Undefined when init will derive it at kubelet's next start. */
  readonly name: string | undefined;
  readonly by: Origin | 'init';
  readonly unusable: readonly UnusableName[];
}

/** Names of machines that nobody named: DHCP servers hand out the first, images had the second. */
const isNobodys = (name: string, by: Origin): boolean =>
  /^localhost\d?(?:\.|$)/.test(name) || (name === 'kios' && (by === 'file' || by === 'dhcp'));

/** Returns the first label of a name that is too long: the domain behind it is the same for all machines of a site. */
function shorten(name: string): string | undefined {
  const tidy = clean(name);
  return tidy.length > LONGEST ? normaliseNodeName(tidy.split('.', 1)[0] ?? '') : undefined;
}

/**
 * Returns the form in which a node can have a name. Nobody can correct what a provider or a DHCP server says before the
 * node is there, so their names are shortened where all others are left out.
 */
function usable(by: Origin, given: string): string | undefined {
  const isRemote = by === 'provider' || by === 'dhcp';
  const name = normaliseNodeName(given) ?? (isRemote ? shorten(given) : undefined);
  return name === undefined || isNobodys(name, by) ? undefined : name;
}

/**
 * Chooses the node's name from the first source that has a usable one; `auto` in the document leaves it to the sources
 * after it.
 */
export function chooseNodeName(sources: NameSources): ChosenName {
  const unusable: UnusableName[] = [];
  for (const by of ORIGINS) {
    const given = sources[by];
    if (given === undefined || (by === 'document' && given === 'auto')) continue;
    const why = nodeNameFault(given);
    if (why !== undefined) unusable.push({ by, given, why });
    const name = usable(by, given);
    if (name !== undefined) return { name, by, unusable };
  }
  return { name: sources.derived, by: 'init', unusable };
}

/**
 * Returns the name to write to /etc/hostname; undefined leaves it to init. A name that init derives is written only
 * when the machine of a joined node begins to give it another.
 */
export function hostnameToWrite(
  { name, by }: Pick<ChosenName, 'name' | 'by'>,
  now: { readonly file: string | undefined; readonly derived: string | undefined },
): string | undefined {
  if (by === 'init') return undefined;
  return by === 'joined' && now.file === undefined && now.derived === name ? undefined : name;
}
