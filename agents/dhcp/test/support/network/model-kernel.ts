import type { VirtualLink } from '@kios/netlink/virtual-links';

import type { Present } from '../../../src/core/network/match.ts';
import type { Step } from '../../../src/core/network/plan-links.ts';

const BLANK = {
  type: 1,
  up: false,
  carrier: true,
  mtu: 1500,
  maxMtu: 9000,
  master: undefined,
  kind: undefined,
  parent: undefined,
  permanentMac: undefined,
  group: 0,
  settings: {},
  isHardware: false,
  driver: undefined,
  path: undefined,
} as const;

export const card = (index: number, name: string, more: Partial<Present> = {}): Present => {
  const mac = `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`;
  return { ...BLANK, index, name, mac, permanentMac: mac, isHardware: true, ...more };
};

/** Drops what is undefined, which a message to the kernel does not have. */
function given(settings: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const left: Record<string, number> = {};
  for (const [name, value] of Object.entries(settings)) if (value !== undefined) left[name] = value;
  return left;
}

/** The kernel's links in memory, with those of its rules that a plan has to heed. */
export class ModelKernel {
  links: Present[];
  /** Carried out, in words. */
  readonly done: string[] = [];
  #next = 100;

  constructor(links: readonly Present[]) {
    this.links = [...links];
  }

  carryOut(step: Step): void {
    switch (step.tag) {
      case 'make':
        this.done.push(`make ${step.link.name}`);
        return this.#make(step.link);
      case 'set':
        this.done.push(`set ${step.link.name}`);
        return this.#set(step.link);
      case 'delete':
        this.done.push(`delete ${step.name}`);
        return this.#delete(step.index);
      case 'change':
        this.done.push(`change ${step.name} ${JSON.stringify(step.change)}`);
        return this.#change(step.index, step.change);
    }
  }

  #put(link: Present): void {
    this.links = this.links.map((each) => (each.index === link.index ? link : each));
  }

  #at(index: number): Present {
    const link = this.links.find((each) => each.index === index);
    if (link === undefined) throw new Error(`ENODEV ${index}`);
    return link;
  }

  #named(name: string): Present | undefined {
    return this.links.find((each) => each.name === name);
  }

  #make(link: VirtualLink): void {
    if (this.#named(link.name) !== undefined) throw new Error(`EEXIST ${link.name}`);
    const index = this.#next++;
    const { kind, name, mtu = 1500, group = 0, settings, parent } = link;
    const mac =
      link.mac ?? (parent === undefined ? `02:01:00:00:00:${index}` : this.#at(parent).mac);
    this.links.push({
      ...BLANK,
      index,
      name,
      kind,
      mtu,
      mac,
      group,
      parent,
      settings: given(settings),
    });
  }

  #set({ name, settings, mac }: VirtualLink): void {
    const link = this.#named(name);
    if (link === undefined) throw new Error(`ENODEV ${name}`);
    const ports = this.links.filter(({ master }) => master === link.index);
    if (link.kind === 'bond' && 'mode' in settings && ports.length > 0)
      throw new Error(`ENOTEMPTY ${name}`);
    this.#put({
      ...link,
      mac: mac ?? link.mac,
      settings: { ...link.settings, ...given(settings) },
    });
  }

  #delete(index: number): void {
    this.#at(index);
    this.links = this.links
      .filter((each) => each.index !== index && each.parent !== index)
      .map((each) => (each.master === index ? { ...each, master: undefined } : each));
  }

  #change(index: number, change: Extract<Step, { tag: 'change' }>['change']): void {
    const link = this.#at(index);
    const { name = link.name, mac = link.mac, mtu = link.mtu, up = link.up } = change;
    if (name !== link.name && this.#named(name) !== undefined) throw new Error(`EEXIST ${name}`);
    this.#put({ ...link, name, mac, mtu, up });
    if (change.master !== undefined) this.#enslave(this.#at(index), change.master);
  }

  #enslave(port: Present, index: number): void {
    if (index === 0) return this.#put({ ...port, master: undefined });
    const master = this.#at(index);
    const isBond = master.kind === 'bond';
    if (isBond && port.up) throw new Error(`EPERM ${port.name} is up`);
    this.#put({ ...port, master: index, ...(isBond ? { up: true, mac: master.mac } : {}) });
  }
}
