import * as v from 'valibot';

import { bool, destination, hexInt, int, ip, network, oneOf, refused, u32 } from './scalars.ts';

const table = int(1, 2 ** 32 - 1);

export const route = v.object({
  to: destination,
  via: v.optional(ip),
  from: v.optional(ip),
  'on-link': v.optional(bool),
  metric: v.optional(u32),
  table: v.optional(table),
  type: v.optional(
    oneOf(['unicast', 'blackhole', 'unreachable', 'prohibit', 'throw', 'local'] as const),
  ),
  scope: v.optional(oneOf(['global', 'link', 'host'] as const)),
  mtu: v.optional(int(68, 65_535)),
  'advertised-mss': v.optional(int(1, 65_535)),
  'congestion-window': v.optional(u32),
  'advertised-receive-window': v.optional(u32),
});

export const rule = v.object({
  from: v.optional(network),
  to: v.optional(network),
  table,
  priority: v.optional(u32),
  mark: v.optional(hexInt(2 ** 32 - 1)),
  'type-of-service': v.optional(hexInt(255)),
  iif: refused('rules match by addresses and marks', 'Write from or to.'),
  type: refused('a rule only chooses a table', 'Put a blackhole route into the table.'),
  preference: refused('it has the name priority here', 'Write priority.'),
  'suppress-prefix-length': refused('no rule of the node needs it', 'Remove it.'),
});
