import type { Address, LinkChange, Route } from '@kios/netlink';
import type { Rule } from '@kios/netlink/rules';
import type { LinkState } from '@kios/netlink/virtual-links';
import type { LinkSettings } from '@kios/network-config';

/** What the file says of a link of the kernel. */
export interface Configured {
  readonly settings: LinkSettings;
  readonly ifindex: number;
  /** Metric of the link's prefixes, and of routes for which the file has none. No two links have the same one. */
  readonly metric: number;
}

/** A link as the kernel has it. */
export type PresentLink = Pick<LinkState, 'index' | 'name' | 'up' | 'ipv6'>;

/** The same with the link. */
export interface StaticLink extends Configured {
  readonly link: PresentLink;
}

/** The kernel's present state, of both families and of all links. */
export interface Present {
  readonly links: readonly PresentLink[];
  readonly addresses: readonly Address[];
  /** Of every table and type. */
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  /** Values of IPv6's settings, and whether they can be written. */
  readonly sysctls: Sysctls;
  readonly canWrite: boolean;
}

/** Values by link and setting. */
export type Sysctls = ReadonlyMap<string, string>;
export const sysctlKey = (link: string, setting: string): string => `${link}/${setting}`;

/** Values that settings had before a file changed them, by link and setting: a renamed link is the same one. */
export type Former = ReadonlyMap<string, string>;
export const formerKey = (ifindex: number, setting: string): string => `${ifindex}/${setting}`;

export type StaticStep =
  | { readonly tag: 'change-link'; readonly link: PresentLink; readonly change: LinkChange }
  | {
      readonly tag: 'set-sysctl';
      readonly link: string;
      readonly setting: string;
      readonly value: string;
      readonly ifindex: number;
      /** The file no longer says anything of the setting, which had this value before. */
      readonly isReturn: boolean;
    }
  | { readonly tag: 'set-address' | 'delete-address'; readonly address: Address }
  /** `beside` another owner's route, with which the kernel does not make one. */
  | { readonly tag: 'add-route'; readonly route: Route; readonly beside: boolean }
  | { readonly tag: 'replace-route' | 'delete-route'; readonly route: Route }
  | { readonly tag: 'add-rule' | 'delete-rule'; readonly rule: Rule };

/** Something of the file that is not so. */
export interface Lack {
  readonly link: string;
  readonly what: string;
  readonly why: string;
}

/** Steps of one part of a plan, and what it leaves open. */
export interface Part {
  readonly steps: readonly StaticStep[];
  /** What comes by itself with an event of the kernel: a carrier, an address that is free, a lease. */
  readonly waiting: readonly Lack[];
  /** What needs somebody to change something. */
  readonly obstacles: readonly Lack[];
}
