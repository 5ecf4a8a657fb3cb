import type { Logger } from '@kios/agent';
import type { Address, Family, Route, Rtnetlink } from '@kios/netlink';
import { describeRule, type Rule, type Rules } from '@kios/netlink/rules';
import type { VirtualLinks } from '@kios/netlink/virtual-links';
import { isErrno } from '@kios/syscall';

import {
  type Configured,
  formerKey,
  type Part,
  type Present,
  type StaticStep,
  sysctlKey,
  type Sysctls,
} from '../../core/network/static/model.ts';
import { planStatic } from '../../core/network/static/plan.ts';
import type { FormerSettings } from './former-settings.ts';
import { CONF, readSysctls, writeSysctl } from './sysctls.ts';

/** One does it. The second one sees what others changed meanwhile. */
const MAX_ROUNDS = 3;

export interface StaticPorts {
  readonly rtnetlink: Rtnetlink;
  readonly rules: Rules;
  readonly links: Pick<VirtualLinks, 'list'>;
  readonly log: Logger;
  /** The folder with the kernel's settings of IPv6, which a container may have elsewhere. */
  readonly conf?: string;
  /** What addresses of the kind `stable-privacy` are made with, as an IPv6 address. */
  readonly secret?: string | undefined;
  /** Where values that settings had before outlive this process; without it they do not. */
  readonly former?: FormerSettings;
}

/** How addresses, routes and rules are after the steps. */
export interface AppliedStatic extends Pick<Part, 'waiting' | 'obstacles'> {
  /** Whether everything was done that can be done now. */
  readonly settled: boolean;
}

/** Keeps addresses, routes and rules of the kernel as a network file says. */
export class StaticNetwork {
  readonly #ports: StaticPorts;
  readonly #conf: string;
  /** Values of sysctls before the first change. */
  #before = new Map<string, string>();
  /** Values when the plan was made. A step may change another one than its own. */
  #sysctls: Sysctls = new Map();
  /** Failures that were logged: the kernel refuses the same step at every event. */
  #failed = new Set<string>();

  constructor(ports: StaticPorts) {
    this.#ports = ports;
    this.#conf = ports.conf ?? CONF;
  }

  /**
   * Brings the kernel to what the file says of these links, and takes away what it no longer says of others. A step
   * that the kernel refuses is logged, and the others are done. The caller comes again when an address, a route, a rule
   * or a link changes: then what waits may be done.
   */
  async apply(configured: readonly Configured[]): Promise<AppliedStatic> {
    const failed = new Set<string>();
    // Another instance may have changed more.
    this.#before = (await this.#ports.former?.read()) ?? this.#before;
    let part = await this.#plan(configured);
    for (let round = 0; part.steps.length > 0 && failed.size === 0 && round < MAX_ROUNDS; round++) {
      for (const step of part.steps) {
        const failure = await this.#carryOut(step);
        if (failure !== undefined) failed.add(failure);
      }
      part = await this.#plan(configured);
    }
    this.#failed = failed;
    const { waiting, obstacles } = part;
    return { settled: part.steps.length === 0, waiting, obstacles };
  }

  async #plan(configured: readonly Configured[]): Promise<Part> {
    const options = { before: this.#before, secret: this.#ports.secret };
    const present = await this.#look(configured);
    this.#sysctls = present.sysctls;
    return planStatic(configured, present, options);
  }

  async #look(configured: readonly Configured[]): Promise<Present> {
    const { rtnetlink, rules } = this.#ports;
    const links = await this.#ports.links.list();
    const changed = new Set([...this.#before.keys()].map((key) => Number.parseInt(key, 10)));
    for (const { ifindex } of configured) changed.add(ifindex);
    const named = links.filter(({ index }) => changed.has(index));
    return {
      links,
      addresses: await both((family) => rtnetlink.addresses(family)),
      routes: await both((family) => rtnetlink.allRoutes(family)),
      rules: await both((family) => listRules(rules, family)),
      ...readSysctls(named, this.#conf),
    };
  }

  /** Returns the step in words if it failed. */
  async #carryOut(step: StaticStep): Promise<string | undefined> {
    const { log } = this.#ports;
    const fields = describe(step);
    try {
      await this.#do(step);
      if (!isPreparation(step)) log.info({ ev: 'static.set', ...fields });
      return undefined;
    } catch (err) {
      const failure = JSON.stringify(fields);
      const level = this.#failed.has(failure) ? 'debug' : 'warn';
      log[level]({ ev: 'static.fail', ...fields, err });
      return failure;
    }
  }

  async #do(step: StaticStep): Promise<void> {
    const { rtnetlink, rules } = this.#ports;
    switch (step.tag) {
      case 'change-link':
        return rtnetlink.changeLink(step.link.index, step.change);
      case 'set-sysctl':
        return this.#setSysctl(step);
      case 'set-address':
        return rtnetlink.replaceAddress(step.address);
      case 'delete-address':
        return unlessGone(rtnetlink.deleteAddress(step.address));
      case 'add-route':
        return rtnetlink.addRoute(step.route, step.beside);
      case 'replace-route':
        return rtnetlink.replaceRoute(step.route);
      case 'delete-route':
        return unlessGone(rtnetlink.deleteRoute(step.route));
      case 'add-rule':
        return rules.add(step.rule);
      case 'delete-rule':
        return unlessGone(rules.delete(step.rule));
    }
  }

  /** The former value is kept before it is changed, and no longer once it is back, or cannot be. */
  async #setSysctl(step: Extract<StaticStep, { tag: 'set-sysctl' }>): Promise<void> {
    const { link, setting, value, ifindex, isReturn } = step;
    const key = formerKey(ifindex, setting);
    const there = this.#sysctls.get(sysctlKey(link, setting));
    const isKept = this.#before.has(key) || there === undefined || setting === 'stable_secret';
    if (isReturn) this.#before.delete(key);
    else if (!isKept) this.#before.set(key, there);
    if (isReturn || !isKept) await this.#ports.former?.write(this.#before);
    writeSysctl(this.#conf, link, setting, value);
  }
}

async function both<Item>(list: (family: Family) => Promise<Item[]>): Promise<Item[]> {
  return [...(await list('ipv4')), ...(await list('ipv6'))];
}

/** A kernel without IPv6 has no rules of it. */
async function listRules(rules: Rules, family: Family): Promise<Rule[]> {
  try {
    return await rules.list(family);
  } catch (error) {
    if (!isErrno(error, 'EAFNOSUPPORT', 'EOPNOTSUPP')) throw error;
    return [];
  }
}

/** Ignores that the object is gone: an earlier deletion may have removed it too. */
async function unlessGone(deletion: Promise<void>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EADDRNOTAVAIL', 'ENOENT', 'ENODEV')) throw error;
  }
}

/** Returns whether the step is only for the sake of others, whoever reads the log. */
const isPreparation = (step: StaticStep): boolean =>
  step.tag === 'change-link' && step.change.promoteSecondaries === true;

function describe(step: StaticStep): Record<string, unknown> {
  switch (step.tag) {
    case 'change-link':
      return { step: step.tag, link: step.link.name, ...step.change };
    case 'set-sysctl':
      // A secret stays out of the log.
      return { step: step.tag, link: step.link, setting: step.setting };
    case 'set-address':
    case 'delete-address':
      return { step: step.tag, ...describeAddress(step.address) };
    case 'add-route':
    case 'replace-route':
    case 'delete-route':
      return { step: step.tag, ...describeRoute(step.route) };
    case 'add-rule':
    case 'delete-rule':
      return { step: step.tag, family: step.rule.family, rule: describeRule(step.rule) };
  }
}

const describeAddress = ({ address, prefix, ifindex }: Address): Record<string, unknown> => ({
  address: `${address}/${prefix}`,
  ifindex,
});

const describeRoute = ({
  dst,
  via,
  ifindex,
  metric,
  table,
  type,
}: Route): Record<string, unknown> => ({
  dst,
  type,
  via,
  ifindex: ifindex || undefined,
  metric,
  table,
});
