import type { BondLink, BondParameters, BridgeLink } from '../model/model.ts';
import type { BondMode } from '../schema/masters.ts';
import { type Context, pathTo } from './context.ts';

const PRIMARY: readonly BondMode[] = ['active-backup', 'balance-tlb', 'balance-alb'];
const ARP: readonly BondMode[] = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast'];
const HASH: readonly BondMode[] = ['balance-xor', '802.3ad', 'balance-tlb', 'balance-alb'];

/** Modes in which a parameter has a meaning; the kernel refuses or ignores it in others. */
const MODES: readonly (readonly [keyof BondParameters, string, readonly BondMode[]])[] = [
  ['lacpRate', 'lacp-rate', ['802.3ad']],
  ['adSelect', 'ad-select', ['802.3ad']],
  ['minLinks', 'min-links', ['802.3ad']],
  ['transmitHashPolicy', 'transmit-hash-policy', HASH],
  ['primary', 'primary', PRIMARY],
  ['primaryReselectPolicy', 'primary-reselect-policy', PRIMARY],
  ['arpInterval', 'arp-interval', ARP],
  ['arpValidate', 'arp-validate', ARP],
  ['failOverMacPolicy', 'fail-over-mac-policy', ['active-backup']],
  ['packetsPerMember', 'packets-per-member', ['balance-rr']],
  ['learnPacketInterval', 'learn-packet-interval', ['balance-tlb', 'balance-alb']],
];

/** Values that turn a parameter off and that every mode takes. */
const NEUTRAL: ReadonlySet<unknown> = new Set([undefined, 0, 'none']);

function modeFaults({ parameters }: BondLink): (readonly [string, string, string])[] {
  return MODES.flatMap(([field, key, modes]) => {
    if (NEUTRAL.has(parameters[field]) || modes.includes(parameters.mode)) return [];
    const remedy = `Remove it, or choose one of: ${modes.join(', ')}.`;
    return [[key, `has no meaning in the mode ${parameters.mode}`, remedy] as const];
  });
}

type Found = readonly [key: string, what: string, remedy: string];

function arpFaults({ parameters }: BondLink): Found[] {
  const { arpInterval = 0, arpIpTargets, arpValidate } = parameters;
  const hasTargets = arpIpTargets.length > 0;
  if (arpInterval > 0)
    return hasTargets
      ? []
      : [['arp-interval', 'has no arp-ip-targets beside it', 'Name the addresses to ask for.']];
  const idle = [
    ...(hasTargets ? ['arp-ip-targets'] : []),
    ...(NEUTRAL.has(arpValidate) ? [] : ['arp-validate']),
  ];
  return idle.map((key) => [key, 'has no arp-interval beside it', 'Add arp-interval.']);
}

function monitorFaults({ parameters }: BondLink): Found[] {
  const { arpInterval = 0, miiMonitorInterval = 0, upDelay = 0, downDelay = 0 } = parameters;
  if (miiMonitorInterval > 0)
    return arpInterval > 0
      ? [['arp-interval', 'stands beside mii-monitor-interval', 'Keep one of the two.']]
      : [];
  const delays = [...(upDelay > 0 ? ['up-delay'] : []), ...(downDelay > 0 ? ['down-delay'] : [])];
  return delays.map((key) => [
    key,
    'needs mii-monitor-interval',
    'Add mii-monitor-interval, such as 100ms.',
  ]);
}

function checkBond(context: Context, bond: BondLink): void {
  const { primary } = bond.parameters;
  for (const [key, what, remedy] of [
    ...modeFaults(bond),
    ...monitorFaults(bond),
    ...arpFaults(bond),
  ])
    context.report(pathTo(bond, 'parameters', key), what, remedy);
  if (
    primary !== undefined &&
    !bond.interfaces.includes(primary) &&
    !context.damaged.has(`${bond.id}.interfaces`)
  )
    context.report(
      pathTo(bond, 'parameters', 'primary'),
      `is no member of the bond: ${primary}`,
      'Name one of its interfaces.',
    );
}

const SECOND = 1000;

/** Ranges of IEEE 802.1D, which the kernel holds a bridge to even without the protocol. */
const RANGES = [
  ['helloTime', 'hello-time', 1, 10],
  ['maxAge', 'max-age', 6, 40],
] as const;

function checkBridge(context: Context, bridge: BridgeLink): void {
  const { parameters, interfaces } = bridge;
  for (const [field, key, least, most] of RANGES) {
    const value = parameters[field];
    if (value !== undefined && (value < least * SECOND || value > most * SECOND))
      context.report(
        pathTo(bridge, 'parameters', key),
        'is out of range',
        `Write ${least} to ${most} seconds, or remove it.`,
      );
  }
  for (const [ports, key] of [
    [parameters.pathCost, 'path-cost'],
    [parameters.portPriority, 'port-priority'],
  ] as const)
    for (const { port } of ports)
      if (!interfaces.includes(port) && !context.damaged.has(`${bridge.id}.interfaces`))
        context.report(
          pathTo(bridge, 'parameters', key, port),
          `is no port of the bridge: ${port}`,
          'Name one of its interfaces.',
        );
}

/** Checks parameters of bonds and bridges against each other. */
export function checkParameters(context: Context): void {
  for (const link of context.links) {
    if (link.kind === 'bond' && !context.damaged.has(`${link.id}.parameters`))
      checkBond(context, link);
    if (link.kind === 'bridge') checkBridge(context, link);
  }
}
