import * as v from 'valibot';

import { bool, duration, int, ipv4, oneOf, text } from './scalars.ts';

export const BOND_MODES = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
  'balance-alb',
] as const;
export type BondMode = (typeof BOND_MODES)[number];

/** Modes by the kernel's numbers too. */
const mode = v.pipe(
  v.string(),
  v.transform((word) => BOND_MODES[/^[0-6]$/.test(word) ? Number(word) : -1] ?? word),
  oneOf(BOND_MODES),
);

/** A word or the kernel's number for it. */
function numbered<const Words extends readonly [string, ...string[]]>(words: Words) {
  return v.pipe(
    v.string(),
    v.transform((word) => words[/^\d$/.test(word) ? Number(word) : -1] ?? word),
    oneOf(words),
  );
}

const packets = v.optional(int(0, 65_535));

export const bondParameters = v.object({
  mode: v.optional(mode),
  'mii-monitor-interval': v.optional(duration(1)),
  'up-delay': v.optional(duration(1)),
  'down-delay': v.optional(duration(1)),
  'lacp-rate': v.optional(numbered(['slow', 'fast'] as const)),
  'ad-select': v.optional(numbered(['stable', 'bandwidth', 'count'] as const)),
  'min-links': v.optional(int(0, 65_535)),
  'transmit-hash-policy': v.optional(
    numbered(['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4', 'vlan+srcmac'] as const),
  ),
  'arp-interval': v.optional(duration(1)),
  'arp-ip-targets': v.optional(
    v.pipe(v.array(ipv4), v.maxLength(16, 'has more than 16 targets\nRemove some.')),
  ),
  'arp-validate': v.optional(
    numbered([
      'none',
      'active',
      'backup',
      'all',
      'filter',
      'filter-active',
      'filter-backup',
    ] as const),
  ),
  'arp-all-targets': v.optional(numbered(['any', 'all'] as const)),
  'fail-over-mac-policy': v.optional(numbered(['none', 'active', 'follow'] as const)),
  'gratuitous-arp': v.optional(int(0, 255)),
  'gratuitious-arp': v.optional(int(0, 255)),
  'packets-per-member': packets,
  'packets-per-slave': packets,
  'all-members-active': v.optional(bool),
  'all-slaves-active': v.optional(bool),
  primary: v.optional(text),
  'primary-reselect-policy': v.optional(numbered(['always', 'better', 'failure'] as const)),
  'resend-igmp': v.optional(int(0, 255)),
  'learn-packet-interval': v.optional(duration(1000)),
});

export const bridgeParameters = v.object({
  stp: v.optional(
    v.pipe(
      bool,
      v.check(
        (on) => !on,
        'is refused: a node has no program for the protocol, without which a port never forwards\nWrite false, and join no two ports to one network.',
      ),
    ),
  ),
  priority: v.optional(int(0, 65_535)),
  'ageing-time': v.optional(duration(1000)),
  'aging-time': v.optional(duration(1000)),
  'forward-delay': v.optional(duration(1000)),
  'hello-time': v.optional(duration(1000)),
  'max-age': v.optional(duration(1000)),
  'path-cost': v.optional(v.record(text, int(1, 65_535))),
  'port-priority': v.optional(v.record(text, int(0, 63))),
});
