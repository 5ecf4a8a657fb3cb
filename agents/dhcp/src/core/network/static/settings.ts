import type { Generation, LinkChange } from '@kios/netlink';
import type { LinkSettings } from '@kios/network-config';

import { type Lack, type StaticLink, type StaticStep, sysctlKey, type Sysctls } from './model.ts';

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
  readonly before: Sysctls;
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
  { linkLocal, ipv6 }: LinkSettings,
  present: Generation | undefined,
): Wanted | undefined {
  if (!linkLocal.ipv6) return 'none';
  return ipv6.generation ?? (present === 'none' ? 'eui64' : undefined);
}

const flag = (value: boolean | undefined, on: string): string | undefined => {
  if (value === undefined) return undefined;
  return value ? on : '0';
};

type Sysctl = readonly [setting: Setting, value: string | undefined];

function fileSysctls(
  { settings, link }: StaticLink,
  secret: string | undefined,
): readonly Sysctl[] {
  const { acceptRa, ipv6 } = settings;
  const generation = generationOf(settings, link.ipv6?.generation);
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

/** Settings that the kernel has without a file for them: those that a message sets too, or that are a default. */
const WITHOUT_FILE: readonly Setting[] = ['disable_ipv6', 'addr_gen_mode'];

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
  sysctls: Sysctls | undefined,
  { before, secret }: SettingOptions,
): SettingPart {
  const { link } = each;
  if (link.ipv6 === undefined) return { steps: [], obstacles: [] };
  const said = fileSysctls(each, secret);
  const steps: StaticStep[] = said.flatMap(([setting, value]) => {
    const key = sysctlKey(link.name, setting);
    const there = sysctls?.get(key);
    const next = value ?? before.get(key);
    if (there === undefined || next === undefined || isSet(setting, there, next)) return [];
    const step = { tag: 'set-sysctl', link: link.name, setting, value: next } as const;
    return setting === 'stable_secret' ? [step, ...sameMode(link.name, sysctls)] : [step];
  });
  const hasGeneration = sysctls?.has(sysctlKey(link.name, 'addr_gen_mode')) === true;
  const change = linkChange(each, hasGeneration);
  if (change !== undefined) steps.push({ tag: 'change-link', link, change });
  return { steps, obstacles: [...unwritten(said, link.name, sysctls), ...noSecret(each, secret)] };
}

/** With a secret the kernel takes its mode, but it makes an address only when the mode changes after that. */
function sameMode(link: string, sysctls: Sysctls | undefined): StaticStep[] {
  const setting = 'addr_gen_mode';
  const value = sysctls?.get(sysctlKey(link, setting));
  return value === undefined ? [] : [{ tag: 'set-sysctl', link, setting, value }];
}

const unwritten = (said: readonly Sysctl[], link: string, sysctls: Sysctls | undefined): Lack[] =>
  said
    .filter(
      ([setting, value]) =>
        value !== undefined &&
        !WITHOUT_FILE.includes(setting) &&
        sysctls?.has(sysctlKey(link, setting)) !== true,
    )
    .map(([setting]) => ({ link, what: `setting ${setting}`, why: 'it cannot be written' }));

const noSecret = ({ settings, link }: StaticLink, secret: string | undefined): Lack[] =>
  settings.ipv6.generation === 'stable-privacy' && secret === undefined
    ? [{ link: link.name, what: 'stable-privacy', why: 'the node has no secret' }]
    : [];

/** The kernel writes a secret in another form than it is given in. The first one stays. */
const isSet = (setting: Setting, there: string, value: string): boolean =>
  setting === 'stable_secret' ? there !== '' : there === value;

function linkChange({ settings, link }: StaticLink, hasSysctls: boolean): LinkChange | undefined {
  if (link.ipv6 === undefined) return undefined;
  const generation = generationOf(settings, link.ipv6.generation);
  const isMade = hasSysctls || generation === undefined || generation === link.ipv6.generation;
  const token = settings.ipv6.token ?? NO_TOKEN;
  if (isMade && token === link.ipv6.token) return undefined;
  return {
    ...(isMade ? {} : { generation }),
    ...(token === link.ipv6.token ? {} : { token }),
  };
}
