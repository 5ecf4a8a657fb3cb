import type { LinkChange } from '@kios/netlink';
import type { LinkSettings } from '@kios/network-config';

import {
  type Former,
  formerKey,
  type Lack,
  type Present,
  type PresentLink,
  type StaticLink,
  type StaticStep,
  sysctlKey,
  type Sysctls,
} from './model.ts';

/** Settings of IPv6 that are written, below /proc/sys/net/ipv6/conf/LINK, in the order in which they work. */
export const SETTINGS = [
  'disable_ipv6',
  'accept_ra',
  'accept_ra_mtu',
  'use_tempaddr',
  'mtu',
  'stable_secret',
  'addr_gen_mode',
] as const;
export type Setting = (typeof SETTINGS)[number];

export interface SettingOptions {
  /** The values that the first changes found. What the file no longer says returns to them. */
  readonly before: Former;
  /** What addresses of the kind `stable-privacy` are made with, as an IPv6 address. RFC 7217 §5. */
  readonly secret: string | undefined;
}

const GENERATION = { eui64: '0', none: '1', 'stable-privacy': '2' } as const;
type Wanted = keyof typeof GENERATION;
const NO_TOKEN = '::';

const wantsIpv6 = ({ addresses, dhcp6, acceptRa, ipv6 }: LinkSettings): boolean =>
  addresses.some(({ address }) => address.includes(':')) ||
  dhcp6 !== undefined ||
  acceptRa === true ||
  ipv6.generation !== undefined ||
  ipv6.token !== undefined;

/** Returns how the link is to make its own addresses; undefined where that stays as it is. */
function generationOf(
  { settings: { linkLocal, ipv6 }, link }: StaticLink,
  hasSecret: boolean,
): Wanted | undefined {
  const present = link.ipv6?.generation;
  if (!linkLocal.ipv6) return 'none';
  if (ipv6.generation === 'stable-privacy' && !hasSecret) return undefined;
  return ipv6.generation ?? (present === 'none' ? 'eui64' : undefined);
}

const flag = (value: boolean | undefined, on: string): string | undefined => {
  if (value === undefined) return undefined;
  return value ? on : '0';
};

type Sysctl = readonly [setting: Setting, value: string | undefined];

function fileSysctls(
  { settings }: StaticLink,
  generation: Wanted | undefined,
  secret: string | undefined,
): readonly Sysctl[] {
  const { acceptRa, ipv6 } = settings;
  return [
    ['disable_ipv6', wantsIpv6(settings) ? '0' : undefined],
    // A node forwards packets for pods, and takes announcements all the same.
    ['accept_ra', flag(acceptRa, '2')],
    // A router's MTU would take the place of the file's.
    ['accept_ra_mtu', ipv6.mtu === undefined ? undefined : '0'],
    ['use_tempaddr', flag(ipv6.privacy, '2')],
    ['mtu', ipv6.mtu?.toString()],
    ['stable_secret', generation === 'stable-privacy' ? secret : undefined],
    ['addr_gen_mode', generation && GENERATION[generation]],
  ];
}

interface SettingPart {
  readonly steps: readonly StaticStep[];
  readonly obstacles: readonly Lack[];
}

/**
 * Plans how IPv6 works on a link. Of addresses that the kernel makes, a sysctl changes those that there are, and a
 * message only the next ones: the message is for where sysctls cannot be written.
 */
export function planSettings(
  each: StaticLink,
  { sysctls, canWrite }: Pick<Present, 'sysctls' | 'canWrite'>,
  { before, secret }: SettingOptions,
): SettingPart {
  const { link } = each;
  if (link.ipv6 === undefined) return { steps: [], obstacles: [] };
  const hasSecret = canWrite && secret !== undefined;
  const generation = generationOf(each, hasSecret);
  const said = fileSysctls(each, generation, secret);
  const open = said.flatMap(([setting, value]) => {
    const there = sysctls.get(sysctlKey(link.name, setting));
    if (value === undefined || isSet(setting, there, value)) return [];
    return [{ setting, value, isWritable: canWrite && there !== undefined }];
  });
  const unsaid = said.filter(([, value]) => value === undefined).map(([setting]) => setting);
  const steps: StaticStep[] = [
    ...open
      .filter(({ isWritable }) => isWritable)
      .flatMap(({ setting, value }) => [
        setStep(link, setting, value),
        ...(setting === 'stable_secret' ? sameMode(link, sysctls) : []),
      ]),
    ...(canWrite ? planReturn(link, unsaid, before) : []),
  ];
  const change = linkChange(each, canWrite ? undefined : generation);
  if (change !== undefined) steps.push({ tag: 'change-link', link, change });
  const unwritten = open.filter(
    ({ setting, isWritable }) => !isWritable && !WITHOUT_FILE.includes(setting),
  );
  const obstacles = unwritten.map(({ setting }) => ({
    link: link.name,
    what: `setting ${setting}`,
    why: 'it cannot be written',
  }));
  return { steps, obstacles: [...obstacles, ...noSecret(each, hasSecret)] };
}

/** Returns the steps that give settings their former values back, of which nobody needs to know after that. */
export const planReturn = (
  link: PresentLink,
  settings: readonly Setting[],
  before: Former,
): StaticStep[] =>
  settings.flatMap((setting) => {
    const value = before.get(formerKey(link.index, setting));
    return value === undefined ? [] : [{ ...setStep(link, setting, value), isReturn: true }];
  });

const setStep = (
  { name, index }: PresentLink,
  setting: Setting,
  value: string,
): Extract<StaticStep, { tag: 'set-sysctl' }> => ({
  tag: 'set-sysctl',
  link: name,
  ifindex: index,
  setting,
  value,
  isReturn: false,
});

const noSecret = ({ settings, link }: StaticLink, hasSecret: boolean): Lack[] =>
  settings.ipv6.generation === 'stable-privacy' && !hasSecret
    ? [{ link: link.name, what: 'stable-privacy', why: 'the node has no secret for it' }]
    : [];

/** Settings that the kernel may have without a file for them: one is a default, a message sets the other too. */
const WITHOUT_FILE: readonly Setting[] = ['disable_ipv6', 'addr_gen_mode'];

/** With a secret the kernel takes its mode, but it makes an address only when the mode changes after that. */
function sameMode(link: PresentLink, sysctls: Sysctls): StaticStep[] {
  const setting = 'addr_gen_mode';
  const value = sysctls.get(sysctlKey(link.name, setting));
  return value === undefined ? [] : [setStep(link, setting, value)];
}

/** The kernel writes a secret in another form than it is given in. The first one stays. */
const isSet = (setting: Setting, there: string | undefined, value: string): boolean =>
  setting === 'stable_secret' ? there !== undefined && there !== '' : there === value;

function linkChange(
  { settings, link: { ipv6 } }: StaticLink,
  generation: Wanted | undefined,
): LinkChange | undefined {
  const token = settings.ipv6.token ?? NO_TOKEN;
  const change: LinkChange = {
    ...(generation === undefined || generation === ipv6?.generation ? {} : { generation }),
    ...(token === ipv6?.token ? {} : { token }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}
