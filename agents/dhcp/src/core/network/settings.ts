import type { SettingsOf } from '@kios/netlink/virtual-links';
import type { BondParameters, BridgeParameters } from '@kios/network-config';

/** The kernel's numbers for words, by their place: include/uapi/linux/if_bonding.h and drivers/net/bonding. */
const WORDS = {
  mode: [
    'balance-rr',
    'active-backup',
    'balance-xor',
    'broadcast',
    '802.3ad',
    'balance-tlb',
    'balance-alb',
  ],
  lacpRate: ['slow', 'fast'],
  adSelect: ['stable', 'bandwidth', 'count'],
  xmitHashPolicy: ['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4', 'vlan+srcmac'],
  arpValidate: ['none', 'active', 'backup', 'all', 'filter', 'filter-active', 'filter-backup'],
  arpAllTargets: ['any', 'all'],
  failOverMac: ['none', 'active', 'follow'],
  primaryReselect: ['always', 'better', 'failure'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Returns undefined for an absent word, and for one that the kernel does not have. */
function numberOf(name: keyof typeof WORDS, word: string | undefined): number | undefined {
  const words: readonly string[] = WORDS[name];
  const index = word === undefined ? -1 : words.indexOf(word);
  return index < 0 ? undefined : index;
}

const flag = (value: boolean | undefined): number | undefined =>
  value === undefined ? undefined : Number(value);

/** `primary` is the index of that link, if it is there. */
export const bondSettings = (
  bond: BondParameters,
  primary: number | undefined,
): SettingsOf<'bond'> => ({
  mode: numberOf('mode', bond.mode),
  miimon: bond.miiMonitorInterval,
  upDelay: bond.upDelay,
  downDelay: bond.downDelay,
  arpInterval: bond.arpInterval,
  arpValidate: numberOf('arpValidate', bond.arpValidate),
  arpAllTargets: numberOf('arpAllTargets', bond.arpAllTargets),
  primary,
  primaryReselect: numberOf('primaryReselect', bond.primaryReselectPolicy),
  failOverMac: numberOf('failOverMac', bond.failOverMacPolicy),
  xmitHashPolicy: numberOf('xmitHashPolicy', bond.transmitHashPolicy),
  resendIgmp: bond.resendIgmp,
  peerNotifications: bond.gratuitousArp,
  allActive: flag(bond.allMembersActive),
  minLinks: bond.minLinks,
  learnInterval: bond.learnPacketInterval && bond.learnPacketInterval / 1000,
  packetsPerPort: bond.packetsPerMember,
  lacpRate: numberOf('lacpRate', bond.lacpRate),
  adSelect: numberOf('adSelect', bond.adSelect),
});

/** A bridge counts in hundredths of a second. */
const ticks = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : Math.round(milliseconds / 10);

/** A port forwards at once, unless the file gives it a delay. */
export const bridgeSettings = (bridge: BridgeParameters): SettingsOf<'bridge'> => ({
  stp: 0,
  priority: bridge.priority,
  ageingTime: ticks(bridge.ageingTime),
  forwardDelay: ticks(bridge.forwardDelay ?? 0),
  helloTime: ticks(bridge.helloTime),
  maxAge: ticks(bridge.maxAge),
});
