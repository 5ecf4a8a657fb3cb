import type { Logger } from '@kios/agent';
import type { Rtnetlink } from '@kios/netlink';
import type { VirtualLinks } from '@kios/netlink/virtual-links';
import type { NetworkConfig } from '@kios/network-config';

import type { Present } from '../../core/network/match.ts';
import { type LinkPlan, planLinks, type Step } from '../../core/network/plan-links.ts';
import { type Device, readDevice } from './device.ts';

/** A file's links need fewer; more means that somebody else undoes the steps. */
const MAX_ROUNDS = 20;

export interface LinkPorts {
  readonly rtnetlink: Rtnetlink;
  readonly links: VirtualLinks;
  readonly log: Logger;
  /** Differs in tests, whose cards have no device. */
  readonly deviceOf?: (link: string) => Device | undefined;
}

/** How the links are after the steps. */
export interface AppliedLinks extends Pick<LinkPlan, 'waiting' | 'obstacles'> {
  /** Whether everything was done that can be done now. */
  readonly settled: boolean;
  /** The links as they are now. */
  readonly links: readonly Present[];
}

async function readLinks({ links, deviceOf = readDevice }: LinkPorts): Promise<Present[]> {
  const states = await links.list();
  return states.map((link) => {
    const device = deviceOf(link.name);
    return {
      ...link,
      isHardware: device !== undefined,
      driver: device?.driver,
      path: device?.path,
    };
  });
}

async function carryOut(step: Step, { links, rtnetlink }: LinkPorts): Promise<void> {
  switch (step.tag) {
    case 'make':
      return links.make(step.link);
    case 'set':
      return links.set(step.link);
    case 'delete':
      return links.delete(step.index);
    case 'change':
      return rtnetlink.changeLink(step.index, step.change);
  }
}

const describe = (step: Step): Record<string, unknown> => {
  switch (step.tag) {
    case 'make':
    case 'set':
      return { link: step.link.name, step: step.tag, kind: step.link.kind };
    case 'delete':
      return { link: step.name, step: step.tag };
    case 'change':
      return { link: step.name, step: step.tag, ...step.change };
  }
};

/**
 * Makes and changes links until they are as the file says. A step that the kernel refuses is logged, and the others are
 * done; the caller tries again later, when a link changes or time has passed.
 */
export async function applyLinks(config: NetworkConfig, ports: LinkPorts): Promise<AppliedLinks> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const links = await readLinks(ports);
    const { steps, waiting, obstacles } = planLinks(config, links);
    if (steps.length === 0) return { settled: true, waiting, obstacles, links };
    let failed = false;
    for (const step of steps) {
      try {
        await carryOut(step, ports);
        ports.log.info({ ev: 'link.set', ...describe(step) });
      } catch (err) {
        ports.log.warn({ ev: 'link.fail', ...describe(step), err });
        failed = true;
      }
    }
    if (failed) return { settled: false, waiting, obstacles, links: await readLinks(ports) };
  }
  const links = await readLinks(ports);
  const { waiting, obstacles } = planLinks(config, links);
  return { settled: false, waiting, obstacles, links };
}
