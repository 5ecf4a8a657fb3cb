import type { Path, Report } from '../fault.ts';
import type { Link } from '../model/model.ts';
import type { NetplanCommon, NetplanNetwork, Section } from '../schema/netplan.ts';

export const SECTION_OF: Readonly<Record<Link['kind'], Section>> = {
  ethernet: 'ethernets',
  vlan: 'vlans',
  bond: 'bonds',
  bridge: 'bridges',
};

/** All that a check may look at. */
export interface Context {
  readonly links: readonly Link[];
  /** Ids of all links that the document has, also of those that are too faulty for `links`. */
  readonly ids: ReadonlyMap<string, Section>;
  /** Links of which something was left out, as `id` and `id.key`: nothing follows from what they lack. */
  readonly damaged: ReadonlySet<string>;
  readonly raw: NetplanNetwork;
  readonly report: Report;
}

export const pathTo = (link: Link, ...rest: Path): Path => [
  'network',
  SECTION_OF[link.kind],
  link.id,
  ...rest,
];

export const rawOf = ({ raw }: Context, link: Link): NetplanCommon =>
  raw[SECTION_OF[link.kind]]?.[link.id] ?? {};
