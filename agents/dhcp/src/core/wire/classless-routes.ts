import { type ByteReader, DecodeError, formatIpv4, parseIpv4 } from '@kios/bytes';

import type { Codec } from './codec.ts';

/** A route that a server hands out. It is on-link when `via` is null. */
export interface LeaseRoute {
  readonly dst: string;
  readonly via: string | null;
}

const UNSPECIFIED = '0.0.0.0';

/**
 * Classless static routes: prefix length, the significant bytes of the prefix, router. At least one. RFC 3442. What
 * follows a route that cannot be read is lost with it, but not those before.
 */
export const classlessRoutes: Codec<readonly LeaseRoute[]> = {
  decode(reader) {
    const routes: LeaseRoute[] = [];
    try {
      do routes.push(readRoute(reader));
      while (reader.remaining > 0);
    } catch (error) {
      if (!(error instanceof DecodeError) || routes.length === 0) throw error;
      reader.rest();
    }
    return routes;
  },
  encode(writer, routes) {
    for (const { dst, via } of routes) {
      const [network = '', prefix = '32'] = dst.split('/');
      writer.u8(Number(prefix));
      writer.bytes(parseIpv4(network).slice(0, Math.ceil(Number(prefix) / 8)));
      writer.bytes(parseIpv4(via ?? UNSPECIFIED));
    }
  },
};

function readRoute(reader: ByteReader): LeaseRoute {
  const prefix = reader.u8();
  if (prefix > 32) throw new DecodeError(`decode classless route: prefix length ${prefix}`);
  const network = new Uint8Array(4);
  network.set(reader.bytes(Math.ceil(prefix / 8)));
  const via = formatIpv4(reader.bytes(4));
  const dst = `${formatIpv4(masked(network, prefix))}/${prefix}`;
  return { dst, via: via === UNSPECIFIED ? null : via };
}

/** Clears the bits beyond the prefix: the kernel refuses a destination that has any. */
function masked(network: Uint8Array, prefix: number): Uint8Array {
  return network.map(
    (byte, index) => byte & (0xff00 >> Math.max(0, Math.min(8, prefix - index * 8))),
  );
}
