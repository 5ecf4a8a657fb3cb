import { fromHex } from '@kios/bytes';

import type { Fqdn, VendorClass } from '../wire/codec.ts';

const DUID_LINK_LAYER = 3;
const ETHERNET = 1;

/** The fields that are equal in all messages of a link. */
export interface Identity6 {
  readonly duid: Uint8Array;
  readonly iaid: number;
  readonly fqdn?: Fqdn;
  readonly userClass?: readonly Uint8Array[];
  readonly vendorClass?: VendorClass;
}

/** A DUID made of a hardware address: the same after the disk is erased. RFC 8415 §11.4. */
export const duidOfMac = (mac: string): Uint8Array =>
  Uint8Array.of(0, DUID_LINK_LAYER, 0, ETHERNET, ...fromHex(mac));

/** The link's number within its client: the same whatever the link is called. RFC 8415 §12.1. */
export const iaidOfMac = (mac: string): number =>
  new DataView(fromHex(mac).buffer).getUint32(fromHex(mac).length - 4);
