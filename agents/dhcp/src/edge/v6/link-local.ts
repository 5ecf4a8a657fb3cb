import { type Address, ADDRESS_FLAG } from '@kios/netlink';

const LINK_SCOPE = 253;
const UNIVERSE = 0;
const UNUSABLE = ADDRESS_FLAG.tentative | ADDRESS_FLAG.dadFailed;

/** Returns whether another host was seen with the address. */
export const isDuplicate = ({ flags = 0 }: Address): boolean =>
  (flags & ADDRESS_FLAG.dadFailed) !== 0;

/** Returns whether the address may be sent from: no other host was found to have it. */
const isUsable = ({ flags = 0 }: Address): boolean => (flags & UNUSABLE) === 0;

export const isUsableLinkLocal = (address: Address): boolean =>
  address.scope === LINK_SCOPE && isUsable(address);

export const isUsableGlobal = (address: Address): boolean =>
  address.scope === UNIVERSE && isUsable(address);
