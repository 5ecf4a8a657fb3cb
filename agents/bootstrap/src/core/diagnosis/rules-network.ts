import type { Finding } from './catalogue.ts';
import type { Signs } from './signs.ts';

type Rule = (signs: Signs) => Finding | undefined;

const isUnconnected: Rule = ({ cards }) => {
  if (cards.length === 0 || cards.some(({ hasCarrier }) => hasCarrier)) return undefined;
  const names = cards.map(({ name }) => name).join(', ');
  return { code: 'KIOS_FAULT_NO_CARRIER', cause: `use ${names}: nothing is connected` };
};

const hasNoCard: Rule = ({ cards, hasAddress }) =>
  cards.length === 0 && !hasAddress
    ? { code: 'KIOS_FAULT_NO_CARD', cause: 'reach a network: the kernel knows no network card' }
    : undefined;

/** A client that was refused one address soon has another, so this fault alone is in nobody's way. */
export const takenAddressFault: Rule = ({ hasConflict }) =>
  hasConflict
    ? { code: 'KIOS_FAULT_ADDRESS_TAKEN', cause: 'keep its address: another machine has it too' }
    : undefined;

const hasOnlyTakenAddress: Rule = (signs) =>
  signs.hasAddress ? undefined : takenAddressFault(signs);

const hasNoOffer: Rule = ({ hasAddress }) =>
  hasAddress
    ? undefined
    : {
        code: 'KIOS_FAULT_NO_OFFER',
        cause: 'get an address: neither a DHCP server nor a router offers one',
      };

const hasSilentGateway: Rule = ({ gateway }) =>
  gateway?.replies === false
    ? {
        code: 'KIOS_FAULT_GATEWAY_SILENT',
        cause: `reach the router ${gateway.address}: it does not reply to ARP`,
      }
    : undefined;

const hasDeadNames: Rule = ({ nameServers }) => {
  if (nameServers.length === 0 || nameServers.some(({ replies }) => replies)) return undefined;
  const addresses = nameServers.map(({ address }) => address).join(', ');
  return { code: 'KIOS_FAULT_DNS_DEAD', cause: `resolve names: ${addresses} do not reply` };
};

/** From the plug outwards: each fault makes all that follow it. */
const OUTWARDS: readonly Rule[] = [
  hasNoCard,
  isUnconnected,
  hasOnlyTakenAddress,
  hasNoOffer,
  hasSilentGateway,
  hasDeadNames,
];

/** Returns the innermost fault between the machine and its network. */
export function linkFault(signs: Signs): Finding | undefined {
  for (const rule of OUTWARDS) {
    const finding = rule(signs);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** Returns the fault of the network of pods. */
export const podNetworkFault: Rule = ({ hasPodNetwork, isRuntimeSilent }) =>
  hasPodNetwork || isRuntimeSilent
    ? undefined
    : {
        code: 'KIOS_FAULT_CNI',
        cause: 'give pods a network: containerd finds no network plugin in /etc/cni/net.d',
      };
