import * as v from 'valibot';

import {
  formatCidr,
  formatIp,
  networkOf,
  parseCidr,
  parseIp,
  prefixOf,
  widthOf,
} from '../values/ip.ts';

/*
 * All scalars arrive as texts. A message has two lines: what is wrong, and the remedy.
 */

const says = (what: string, remedy: string): string => `${what}\n${remedy}`;

export const text = v.pipe(v.string(), v.minLength(1, says('is empty', 'Give it a value.')));

const TRUE = ['true', 'yes', 'on', 'y'];
const FALSE = ['false', 'no', 'off', 'n'];

/** YAML 1.1's words too: netplan takes them. */
export const bool = v.pipe(
  v.string(),
  v.check(
    (word) => [...TRUE, ...FALSE].includes(word.toLowerCase()),
    says('is neither true nor false', 'Write true or false.'),
  ),
  v.transform((word) => TRUE.includes(word.toLowerCase())),
);

export function int(least: number, most: number) {
  const range = `Write a whole number from ${least} to ${most}.`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,12}$/, says('is not a whole number', range)),
    v.transform(Number),
    v.check((value) => value >= least && value <= most, says('is out of range', range)),
  );
}

/** Kernel's numbers of 32 bits. */
export const u32 = int(0, 2 ** 32 - 1);

/** Marks and types of service are also written as hexadecimal numbers. */
export const hexInt = (most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^(?:\d{1,10}|0x[0-9a-f]{1,8})$/i, says('is not a number', 'Write it as 16 or 0x10.')),
    v.transform(Number),
    v.maxValue(most, says('is out of range', `Write a number up to ${most}.`)),
  );

export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return v.picklist(words, says('is not a known value', `Write one of: ${words.join(', ')}.`));
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  sec: 1000,
  min: 60_000,
  m: 60_000,
};
const DURATION = /^(\d{1,9})\s*(ms|s|sec|min|m|)$/;

/** A duration in milliseconds; a bare number counts `unit` milliseconds. */
export const duration = (unit: 1 | 1000) =>
  v.pipe(
    v.string(),
    v.regex(DURATION, says('is not a duration', 'Write it as 100ms, 2s or 1min.')),
    v.transform((written) => {
      const [, number = '0', suffix = ''] = DURATION.exec(written) ?? [];
      return Number(number) * (suffix === '' ? unit : (UNITS[suffix] ?? 1));
    }),
    v.maxValue(2 ** 31 - 1, says('is out of range', 'Write a shorter duration.')),
  );

export const mac = v.pipe(
  v.string(),
  v.regex(
    /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i,
    says('is not a MAC address', 'Write six bytes: 52:54:00:12:34:56.'),
  ),
  v.transform((written) => written.toLowerCase().replaceAll('-', ':')),
);

/** A MAC that a link can be given. */
export const ownMac = v.pipe(
  mac,
  v.check(
    (address) => Number.parseInt(address.slice(0, 2), 16) % 2 === 0 && /[1-9a-f]/.test(address),
    says('is the MAC of a group or empty', 'Write one with an even first byte, best 02.'),
  ),
);

export const ip = v.pipe(
  v.string(),
  v.check(
    (written) => parseIp(written) !== undefined,
    says('is not an IP address', 'Write it as 192.0.2.1 or 2001:db8::1, without a length.'),
  ),
  v.transform((written) => formatIp(parseIp(written) ?? { family: 4, value: 0n })),
);

function ofFamily(family: 4 | 6) {
  const example = family === 4 ? '192.0.2.1' : '2001:db8::1';
  return v.pipe(
    ip,
    v.check(
      (address) => address.includes(':') === (family === 6),
      says(`is not an IPv${family} address`, `Write one such as ${example}.`),
    ),
  );
}
export const ipv4 = ofFamily(4);
export const ipv6 = ofFamily(6);

const parseHost = (written: string) => {
  const alone = parseIp(written);
  return alone === undefined ? parseCidr(written) : { ...alone, prefix: widthOf(alone.family) };
};

function whyNoAddress(written: string): string {
  if (parseIp(written) !== undefined)
    return says(
      'has no prefix length',
      `Write the length of its network: ${written}/${written.includes(':') ? 64 : 24}.`,
    );
  return says(
    'is not an address with a prefix length',
    'Write it as 192.0.2.10/24 or 2001:db8::10/64.',
  );
}

/** What is wrong with a netmask, and the remedy. */
export const NO_NETMASK = [
  'is not a netmask',
  'Write it as 255.255.255.0, or as the length 24.',
] as const;

/** The mask of an IPv4 network, or the length of a prefix. */
export const netmask = v.pipe(
  v.string(),
  v.check((written) => prefixOf(written) !== undefined, says(...NO_NETMASK)),
);

/** A link's own address: `address/length`. */
export const ownAddress = v.pipe(
  v.string(),
  v.check(
    (written) => parseCidr(written) !== undefined,
    (issue) => whyNoAddress(issue.input),
  ),
  v.transform((written) => {
    const cidr = parseCidr(written);
    return cidr === undefined ? written : formatCidr(cidr);
  }),
);

/** A destination: an address alone is a host, and bits behind the length are cut off, as systemd-networkd does. */
export const network = v.pipe(
  v.string(),
  v.check(
    (written) => parseHost(written) !== undefined,
    says('is not a network', 'Write it as 192.0.2.0/24 or 2001:db8::/64.'),
  ),
  v.transform((written) => {
    const cidr = parseHost(written);
    return cidr === undefined ? written : formatCidr(networkOf(cidr));
  }),
);

/** A destination that may be every address: `default` and `0/0` have to be told apart by their family later. */
export const destination = v.lazy((input) =>
  input === 'default' || input === '0/0'
    ? v.pipe(
        v.string(),
        v.transform(() => 'default'),
      )
    : network,
);

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i;
const MOST = 253;

export function isDomain(name: string): boolean {
  const relative = name.replace(/\.$/, '');
  return relative.length <= MOST && relative.split('.').every((label) => LABEL.test(label));
}

export const domain = v.pipe(
  v.string(),
  v.check(
    (name) => isDomain(name.replace(/^~(?=.)/, '')),
    says('is not a domain', 'Write it as example.com.'),
  ),
  v.check(
    (name) => !name.startsWith('~'),
    says('is a domain for routing', 'Name servers by domain are not supported: remove the ~.'),
  ),
  v.transform((name) => name.replace(/\.$/, '').toLowerCase()),
);

export const hostName = v.pipe(
  v.string(),
  v.check(isDomain, says('is not a host name', 'Write letters, digits and hyphens.')),
);

/** A reason why kiOS does not take a key that netplan knows. */
export function refused(
  why: string,
  remedy: string,
  isHarmless: (value: unknown) => boolean = () => false,
) {
  return v.optional(
    v.pipe(
      v.any(),
      v.check(isHarmless, says(`is refused: ${why}`, remedy)),
      v.metadata({ refused: why }),
    ),
  );
}

export const isFalse = (value: unknown): boolean =>
  typeof value === 'string' && FALSE.includes(value.toLowerCase());

export const isTrue = (value: unknown): boolean =>
  typeof value === 'string' && TRUE.includes(value.toLowerCase());

export const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0);
