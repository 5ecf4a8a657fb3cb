import type { NetplanBond, NetplanBridge } from '../schema/netplan.ts';
import type { BondParameters, BridgeParameters, PortNumber } from './model.ts';

/** Without it a bond never notices that a cable was pulled; the kernel's own default is none. */
const MII_INTERVAL = 100;

export function bondParametersOf({ parameters = {} }: NetplanBond): BondParameters {
  const arpInterval = parameters['arp-interval'];
  const monitors = parameters['mii-monitor-interval'] ?? (arpInterval ? undefined : MII_INTERVAL);
  return {
    mode: parameters.mode ?? 'balance-rr',
    miiMonitorInterval: monitors,
    upDelay: parameters['up-delay'],
    downDelay: parameters['down-delay'],
    lacpRate: parameters['lacp-rate'],
    adSelect: parameters['ad-select'],
    minLinks: parameters['min-links'],
    transmitHashPolicy: parameters['transmit-hash-policy'],
    arpInterval,
    arpIpTargets: parameters['arp-ip-targets'] ?? [],
    arpValidate: parameters['arp-validate'],
    arpAllTargets: parameters['arp-all-targets'],
    failOverMacPolicy: parameters['fail-over-mac-policy'],
    gratuitousArp: parameters['gratuitous-arp'] ?? parameters['gratuitious-arp'],
    packetsPerMember: parameters['packets-per-member'] ?? parameters['packets-per-slave'],
    allMembersActive: parameters['all-members-active'] ?? parameters['all-slaves-active'],
    primary: parameters.primary,
    primaryReselectPolicy: parameters['primary-reselect-policy'],
    resendIgmp: parameters['resend-igmp'],
    learnPacketInterval: parameters['learn-packet-interval'],
  };
}

const ports = (map: Readonly<Record<string, number>> | undefined): PortNumber[] =>
  Object.entries(map ?? {})
    .map(([port, value]) => ({ port, value }))
    .toSorted((one, other) => (one.port < other.port ? -1 : 1));

export function bridgeParametersOf({ parameters = {} }: NetplanBridge): BridgeParameters {
  return {
    priority: parameters.priority,
    ageingTime: parameters['ageing-time'] ?? parameters['aging-time'],
    forwardDelay: parameters['forward-delay'],
    helloTime: parameters['hello-time'],
    maxAge: parameters['max-age'],
    pathCost: ports(parameters['path-cost']),
    portPriority: ports(parameters['port-priority']),
  };
}
