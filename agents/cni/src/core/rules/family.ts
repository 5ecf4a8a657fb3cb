import { parseIpv4, parseIpv6 } from '@kios/bytes';

import { type Attribute, differs, equals, FIELD, load, loadMeta, META } from './expressions.ts';

/** What the rules for one family of addresses are made of. */
export interface Family {
  /** AF_INET or AF_INET6. */
  readonly number: number;
  readonly source: (typeof FIELD)[keyof typeof FIELD];
  readonly destination: (typeof FIELD)[keyof typeof FIELD];
  readonly parse: (address: string) => Uint8Array;
  /** Addresses at which a machine's platform gives user data or acts for it. */
  readonly platform: readonly string[];
}

export const IPV4: Family = {
  number: 2,
  source: FIELD.source,
  destination: FIELD.destination,
  parse: parseIpv4,
  // Link-local (all clouds that kiOS knows), Azure's wire server, Oracle's and Alibaba's services.
  platform: ['169.254.0.0/16', '168.63.129.16/32', '192.0.0.192/32', '100.100.100.200/32'],
};

export const IPV6: Family = {
  number: 10,
  source: FIELD.source6,
  destination: FIELD.destination6,
  parse: parseIpv6,
  // Amazon's, Oracle's, Scaleway's, Akamai's and Google's. Link-local packets are not forwarded.
  platform: [
    'fd00:ec2::/32',
    'fd00:c1::/32',
    'fd00:42::/32',
    'fd00:a9fe:a9fe::/48',
    'fd20:ce::254/128',
  ],
};

function bytesOf({ parse }: Family, network: string): Uint8Array {
  const [address = '', length = ''] = network.split('/');
  return parse(address).slice(0, Number(length) / 8);
}

/** Returns the expressions that let a rule go on for packets of one family alone. */
export const isOf = ({ number }: Family): Attribute[] => [
  loadMeta(META.family),
  equals(Uint8Array.of(number)),
];

/** Returns the expressions that let a rule go on for packets to a network of whole bytes. */
export function isTo(family: Family, network: string): Attribute[] {
  const bytes = bytesOf(family, network);
  return [load(family.destination, bytes.length), equals(bytes)];
}

/** Returns the expressions that let a rule go on for packets that leave a network of whole bytes. */
export function leaves(family: Family, network: string): Attribute[] {
  const bytes = bytesOf(family, network);
  const { source, destination } = family;
  return [
    load(source, bytes.length),
    equals(bytes),
    load(destination, bytes.length),
    differs(bytes),
  ];
}
