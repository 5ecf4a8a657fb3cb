import { ByteReader, DecodeError } from '@kios/bytes';

import { readRouterOptions, type RouterOptions } from './options.ts';

const ROUTER_ADVERTISEMENT = 134;
const MANAGED = 0x80;
const OTHER = 0x40;

/** What a router says of its link. RFC 4861 §4.2. */
export interface RouterAdvertisement extends RouterOptions {
  /** Addresses are had from DHCPv6. */
  readonly managed: boolean;
  /** Other configuration is had from DHCPv6. */
  readonly other: boolean;
  /** Seconds for which the router is a default router; 0 when it is none. */
  readonly lifetimeSeconds: number;
}

const open = (bytes: Uint8Array): ByteReader => new ByteReader(bytes);

/** Decodes an ICMPv6 message. Hop limit, source and checksum are the kernel's to check. */
export function decodeAdvertisement(bytes: Uint8Array): RouterAdvertisement {
  const reader = open(bytes);
  const [type, code] = [reader.u8(), reader.u8()];
  if (type !== ROUTER_ADVERTISEMENT || code !== 0) {
    throw new DecodeError(`decode router advertisement: type ${type}, code ${code}`);
  }
  reader.skip(3);
  const flags = reader.u8();
  const lifetimeSeconds = reader.u16();
  reader.skip(8);
  const options = readRouterOptions(reader, open);
  return {
    ...options,
    managed: (flags & MANAGED) !== 0,
    other: (flags & OTHER) !== 0,
    lifetimeSeconds,
  };
}

/** Decodes the options alone, as the kernel hands them out in RTM_NEWNDUSEROPT. */
export const decodeUserOptions = (bytes: Uint8Array): RouterOptions =>
  readRouterOptions(open(bytes), open);
