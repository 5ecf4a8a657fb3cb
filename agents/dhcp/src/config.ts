import { ConfigError } from '@kios/agent';
import { fromHex } from '@kios/bytes';
import type { Link } from '@kios/netlink';

import type { Choice } from './core/links.ts';
import type { ClientOptions } from './edge/client.ts';
import { readHostname } from './edge/read-hostname.ts';

const HARDWARE_ETHERNET = 1;
const MIN_MESSAGE_SIZE = 576;

/** The flags that both verbs share, as yargs parses them. */
export interface Flags {
  readonly interface: readonly string[];
  readonly clientId: string;
  readonly hostname: string;
  readonly hostnameFile: string;
  readonly rapidCommit: boolean;
  readonly routes: boolean;
  readonly mtu: boolean;
  readonly onExpire: string;
  readonly runDir: string;
  readonly stateDir: string;
}

/** Which links the flags ask for. */
export function parseChoice(names: readonly string[]): Choice {
  for (const name of names) {
    // IFNAMSIZ less the NUL; the kernel refuses slashes and spaces.
    if (!/^[^\s/]{1,15}$/.test(name))
      throw new ConfigError(`use interface ${JSON.stringify(name)}`);
  }
  if (!names.includes('auto')) return { tag: 'named', names };
  if (names.length > 1) throw new ConfigError('use interface auto beside others');
  return { tag: 'auto' };
}

/** Checks what can be checked before there is a link. */
export function checkFlags(flags: Flags): void {
  parseChoice(flags.interface);
  clientIdOf(flags.clientId, '00:00:00:00:00:00');
}

/** How the client of one link behaves. */
export function clientOptions(
  flags: Flags,
  link: Link,
  metric: number,
  listen: boolean,
): ClientOptions {
  const onExpire = flags.onExpire === 'drop' ? 'drop' : 'keep';
  const name = flags.hostname === 'send' ? readHostname(flags.hostnameFile) : undefined;
  return {
    listen,
    policy: {
      onExpire,
      identity: {
        mac: link.mac,
        clientId: clientIdOf(flags.clientId, link.mac),
        hostname: name,
        rapidCommit: flags.rapidCommit,
        maxMessageSize: Math.max(MIN_MESSAGE_SIZE, Math.min(link.mtu, 0xffff)),
      },
    },
    plan: { metric, onExpire, routes: flags.routes, mtu: flags.mtu },
  };
}

/** Type 1 and the hardware address by default: reservations work, and clones of a disk differ. RFC 2132 §9.14. */
function clientIdOf(choice: string, mac: string): Uint8Array | undefined {
  if (choice === 'none') return undefined;
  if (choice === 'mac') return Uint8Array.of(HARDWARE_ETHERNET, ...fromHex(mac));
  const hex = /^hex:((?:[0-9a-f]{2}){2,255})$/i.exec(choice)?.[1];
  if (hex === undefined) throw new ConfigError(`use client id ${JSON.stringify(choice)}`);
  return fromHex(hex);
}
