import * as v from 'valibot';

import { bool, hostName, int, isFalse, isTrue, oneOf, refused, text, u32 } from './scalars.ts';

/** Codes that the client sets itself, or has another key for (RFC 2132 and others). */
const OWN_V4 = new Set([12, 50, 51, 52, 53, 54, 55, 57, 60, 61, 77, 80, 81, 82, 145, 255]);
const MOST_V4 = 254;
const HEX = /^hex:(?:[0-9a-f]{2})+$/i;

/** Text, or bytes as `hex:0a0b`. */
const bytes = v.pipe(
  text,
  v.check(
    (value) => !value.startsWith('hex:') || HEX.test(value),
    'is not a row of bytes\nWrite it as hex:0a0b, or as text.',
  ),
  v.maxLength(255, 'is longer than an option\nWrite at most 255 bytes.'),
);

/** A map with an option's code as its key. */
function byCode<const Value extends v.GenericSchema>(value: Value) {
  const code = v.pipe(
    v.string(),
    v.check(
      (key) => /^[1-9]\d{0,4}$/.test(key) && Number(key) <= MOST_V4 && !OWN_V4.has(Number(key)),
      `is not the code of an option that can be chosen\nWrite a number from 1 to ${MOST_V4} that the client does not set itself.`,
    ),
  );
  return v.record(code, value);
}

const FROM_ROUTERS = 'in IPv6 only routers give routes and an MTU';
const ONLY_OWN = 'the DHCPv6 client has only options of its own';

const overrides = {
  'route-metric': v.optional(u32),
  'use-dns': v.optional(bool),
  'use-domains': v.optional(
    v.lazy((input) =>
      input === 'route'
        ? v.pipe(
            v.string(),
            v.check(() => false, 'is a domain for routing\nWrite true or false.'),
            v.transform(() => false),
          )
        : bool,
    ),
  ),
  'use-ntp': v.optional(bool),
  'send-hostname': v.optional(bool),
  hostname: v.optional(hostName),
  'use-hostname': refused(
    'the network never names a node',
    'Remove it; docs/bootstrap.md tells how a node gets its name.',
    isFalse,
  ),
  'vendor-class': v.optional(bytes),
  'user-class': v.optional(bytes),
  fqdn: v.optional(hostName),
};

/** Beside netplan's keys those of the client that netplan does not have. */
export const dhcp4Overrides = v.object({
  ...overrides,
  'use-mtu': v.optional(bool),
  'use-routes': v.optional(bool),
  'request-options': v.optional(
    byCode(oneOf(['hex', 'text', 'u8', 'u16', 'u32', 'ip', 'ips'] as const)),
  ),
  'send-options': v.optional(byCode(bytes)),
  'client-id': v.optional(
    v.pipe(
      text,
      v.check(
        (value) => ['mac', 'duid', 'uuid', 'none'].includes(value) || HEX.test(value),
        'is not a known value\nWrite mac, duid, uuid, none or hex:0a0b.',
      ),
    ),
  ),
});

export const dhcp6Overrides = v.object({
  ...overrides,
  'rapid-commit': v.optional(bool),
  /** 0 is reserved. */
  'enterprise-number': v.optional(int(1, 2 ** 32 - 1)),
  'use-mtu': refused(FROM_ROUTERS, 'Remove it.', isTrue),
  'use-routes': refused(FROM_ROUTERS, 'Remove it; accept-ra decides about routers.', isTrue),
  'request-options': refused(ONLY_OWN, 'Remove it.'),
  'send-options': refused(ONLY_OWN, 'Remove it, or use vendor-class or user-class.'),
});

export const raOverrides = v.object({
  'use-dns': v.optional(bool),
  'use-domains': v.optional(bool),
  table: refused(
    'the kernel puts the routes of announcements into its main table',
    'Remove it, and write routes with a table.',
  ),
});
