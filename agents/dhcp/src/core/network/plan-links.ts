import type { LinkChange } from '@kios/netlink';
import type { VirtualLink } from '@kios/netlink/virtual-links';
import type { BondLink, BridgeLink, EthernetLink, Link, NetworkConfig } from '@kios/network-config';

import { macOf, matches, type Present } from './match.ts';
import { bondSettings, bridgeSettings } from './settings.ts';

/**
 * The group of the links that this agent makes, so that no other is ever changed or deleted. A link has its group from
 * the moment it exists, which an alias does not: an agent that is killed in between would not know its own link.
 */
export const GROUP = 0x6b_69_6f;

export type Step =
  | { readonly tag: 'make' | 'set'; readonly link: VirtualLink }
  | { readonly tag: 'delete'; readonly index: number; readonly name: string }
  | {
      readonly tag: 'change';
      readonly index: number;
      readonly name: string;
      readonly change: LinkChange;
    };

/** Why a link of the file cannot be as it says. */
export interface Obstacle {
  readonly id: string;
  readonly why: string;
}

/**
 * The next steps towards the file. Steps that need the result of others are not among them: whoever has carried these
 * out looks again. With no step left, the links are as the file says, but for what waits and the obstacles.
 */
export interface LinkPlan {
  readonly steps: readonly Step[];
  /** Ids of links that wait for a card. */
  readonly waiting: readonly string[];
  readonly obstacles: readonly Obstacle[];
}

/** What the links that are made have in common. */
type Made = Pick<VirtualLink, 'name' | 'group' | 'mac' | 'mtu'>;

export const isMade = ({ group }: Present): boolean => group === GROUP;

/** Returns whether others have put a link into a bridge, as whoever runs pods does. */
const isForeign = (port: Present, master: Present): boolean =>
  master.kind === 'bridge' && !port.isHardware && !isMade(port);

/**
 * Finds the links of a file in the kernel, by their ids. A card that several parts of the file match belongs to the
 * first.
 */
export function findLinks(
  config: NetworkConfig,
  present: readonly Present[],
): ReadonlyMap<string, readonly Present[]> {
  const taken = new Set<Present>();
  const find = (link: Link): readonly Present[] => {
    if (link.kind !== 'ethernet') return present.filter(({ name }) => name === link.id);
    const cards = present.filter(
      (card) => !taken.has(card) && matches(link.match, link.setName, card),
    );
    for (const card of cards) taken.add(card);
    return cards;
  };
  return new Map(config.links.map((link) => [link.id, find(link)]));
}

/** The links of a file as they are found in the kernel. */
class Planner {
  readonly #present: readonly Present[];
  readonly #config: NetworkConfig;
  readonly #found: ReadonlyMap<string, readonly Present[]>;
  readonly steps: Step[] = [];
  readonly waiting: string[] = [];
  readonly obstacles: Obstacle[] = [];

  constructor(config: NetworkConfig, present: readonly Present[]) {
    this.#config = config;
    this.#present = present;
    this.#found = findLinks(config, present);
  }

  plan(): LinkPlan {
    this.#clear();
    for (const link of this.#config.links) {
      if (link.kind === 'ethernet') this.#planCard(link);
      else this.#planVirtual(link);
    }
    const { waiting, obstacles } = this;
    return { steps: this.#deletionsFirst(), waiting, obstacles };
  }

  /** The other steps are wrong once a link is gone, and a link takes the VLANs on it with it. */
  #deletionsFirst(): readonly Step[] {
    const deletions = this.steps.filter((step) => step.tag === 'delete');
    if (deletions.length === 0) return this.steps;
    const going = new Set(deletions.map(({ index }) => index));
    const parentOf = (index: number): number | undefined =>
      this.#present.find((link) => link.index === index)?.parent;
    return deletions.filter(({ index }) => !going.has(parentOf(index) ?? 0));
  }

  /** Deletes what the file no longer has, and takes links out of bonds and bridges that no longer have them. */
  #clear(): void {
    const wanted = new Set(this.#config.links.map(({ id }) => id));
    for (const link of this.#present.filter(isMade)) {
      if (!wanted.has(link.name)) this.#delete(link);
    }
    for (const port of this.#present) {
      const master = this.#present.find(({ index }) => index === port.master);
      if (master === undefined || !isMade(master) || !wanted.has(master.name)) continue;
      if (isForeign(port, master)) continue;
      if (!this.#portsOf(master.name).includes(port)) this.#change(port, { master: 0 });
    }
  }

  #portsOf(id: string): readonly Present[] {
    const link = this.#config.links.find((each) => each.id === id);
    if (link?.kind !== 'bond' && link?.kind !== 'bridge') return [];
    return link.interfaces.flatMap((port) => this.#found.get(port) ?? []);
  }

  #planCard(link: EthernetLink): void {
    const cards = this.#found.get(link.id) ?? [];
    if (cards.length === 0) this.waiting.push(link.id);
    if (link.setName !== undefined && cards.length > 1)
      this.obstacles.push({ id: link.id, why: `${cards.length} cards match, for one name` });
    for (const card of cards) {
      if (link.setName !== undefined && cards.length === 1) this.#rename(card, link.setName);
      this.#adjust(link, card);
    }
  }

  /** Gives way in turn where cards change their names among each other. */
  #rename(card: Present, name: string): void {
    if (card.name === name) return;
    const other = this.#present.find((each) => each.name === name);
    if (other === undefined) return this.#change(card, { name });
    const wantsOther = this.#config.links.some(
      (link) =>
        link.kind === 'ethernet' &&
        link.setName !== undefined &&
        link.setName !== name &&
        this.#found.get(link.id)?.[0] === other,
    );
    if (wantsOther) this.#change(other, { name: `kios${other.index}` });
    else this.obstacles.push({ id: card.name, why: `another link has the name ${name}` });
  }

  #planVirtual(link: Exclude<Link, EthernetLink>): void {
    const present = this.#first(link.id);
    const wanted = this.#virtualOf(link);
    if (wanted === undefined) {
      this.waiting.push(link.id);
      return;
    }
    if (present === undefined) {
      this.steps.push({ tag: 'make', link: wanted });
      return;
    }
    if (!isMade(present)) {
      this.obstacles.push({ id: link.id, why: 'another link has its name' });
      return;
    }
    if (isOther(wanted, present)) return this.#delete(present);
    const changed = changesOf(wanted, present);
    if (changed !== undefined) this.steps.push({ tag: 'set', link: changed });
    this.#adjust(link, present);
    for (const port of this.#portsOf(link.id)) this.#enter(port, present);
  }

  /** Returns the link as it has to be made; undefined while the one below it is not there. */
  #virtualOf(link: Exclude<Link, EthernetLink>): VirtualLink | undefined {
    const mac = link.macaddress?.toLowerCase();
    const common = { name: link.id, group: GROUP, ...(mac === undefined ? {} : { mac }) };
    if (link.kind === 'vlan') {
      const parent = this.#first(link.link)?.index;
      const settings = { id: link.vlan };
      return parent === undefined ? undefined : { kind: 'vlan', ...common, parent, settings };
    }
    const made = { ...common, ...(link.mtu === undefined ? {} : { mtu: link.mtu }) };
    return link.kind === 'bond' ? this.#bondOf(link, made) : this.#bridgeOf(link, made);
  }

  #bondOf({ id, parameters }: BondLink, made: Made): VirtualLink {
    const primary = this.#first(parameters.primary ?? '');
    // The kernel takes only a port as the primary one.
    const isPort = primary?.master !== undefined && primary.master === this.#first(id)?.index;
    const settings = bondSettings(parameters, isPort ? primary.index : undefined);
    const { arpIpTargets } = parameters;
    const targets = arpIpTargets.length === 0 ? {} : { arpTargets: arpIpTargets };
    return { kind: 'bond', ...made, ...targets, settings };
  }

  /** By itself a bridge takes the lowest address of its ports, which changes when a pod comes. */
  #bridgeOf({ interfaces, parameters }: BridgeLink, made: Made): VirtualLink {
    const port = this.#first(interfaces[0] ?? '');
    const mac = made.mac ?? (port && macOf(port));
    const settings = bridgeSettings(parameters);
    return { kind: 'bridge', ...made, ...(mac === undefined ? {} : { mac }), settings };
  }

  readonly #first = (id: string): Present | undefined => this.#found.get(id)?.[0];

  #enter(port: Present, master: Present): void {
    if (port.master === master.index) return;
    const other = this.#present.find(({ index }) => index === port.master);
    if (other !== undefined) {
      // One of ours has released it in this round already.
      if (!isMade(other))
        this.obstacles.push({ id: port.name, why: `it is in ${other.name}, which others made` });
      return;
    }
    // A bond takes only a link that is down, and brings it up itself.
    if (master.kind === 'bond' && port.up) this.#change(port, { up: false });
    else this.#change(port, { master: master.index });
  }

  /** Sets what every kind of link has, but for a bond's ports: they have its hardware address and MTU. */
  #adjust(link: Link, present: Present): void {
    const master = this.#present.find(({ index }) => index === present.master);
    const isForBond = master?.kind === 'bond' || this.#isWantedInBond(link.id);
    for (const change of isForBond ? [] : ownChanges(link, present)) this.#change(present, change);
    // Entering a bond brings a port up.
    const waits = isForBond && master === undefined;
    if (!present.up && !waits) this.#change(present, { up: true });
  }

  readonly #isWantedInBond = (id: string): boolean =>
    this.#config.links.some((each) => each.kind === 'bond' && each.interfaces.includes(id));

  #delete({ index, name }: Present): void {
    this.steps.push({ tag: 'delete', index, name });
  }

  #change({ index, name }: Present, change: LinkChange): void {
    this.steps.push({ tag: 'change', index, name, change });
  }
}

function ownChanges({ macaddress, mtu }: Link, present: Present): LinkChange[] {
  const mac = macaddress?.toLowerCase();
  return [
    ...(mac === undefined || mac === present.mac ? [] : [{ mac }]),
    ...(mtu === undefined || mtu === present.mtu ? [] : [{ mtu }]),
  ];
}

/** Returns whether the link has to be made anew: a bond refuses most changes while it has ports. */
function isOther(wanted: VirtualLink, present: Present): boolean {
  if (wanted.kind !== present.kind) return true;
  if (wanted.kind === 'vlan' && wanted.parent !== present.parent) return true;
  if (wanted.kind === 'bridge') return false;
  const { primary: _, ...settings }: Settings = wanted.settings;
  return unset(settings, present).length > 0;
}

type Settings = Readonly<Record<string, number | undefined>>;

/** Returns the settings that are given and not so. */
const unset = (settings: Settings, present: Present): [name: string, value: number | undefined][] =>
  Object.entries(settings).filter(
    ([name, value]) => value !== undefined && present.settings[name] !== value,
  );

/** Returns the link with what has to change alone: a bond with ports refuses even the mode that it has. */
function changesOf(wanted: VirtualLink, present: Present): VirtualLink | undefined {
  const { kind, name } = wanted;
  const mac = wanted.kind === 'bridge' && wanted.mac !== present.mac ? wanted.mac : undefined;
  const entries = unset(wanted.settings, present);
  if (mac === undefined && entries.length === 0) return undefined;
  const settings = Object.fromEntries(entries);
  return { kind, name, settings, ...(mac === undefined ? {} : { mac }) };
}

/** Compares a file with the links that there are. */
export const planLinks = (config: NetworkConfig, present: readonly Present[]): LinkPlan =>
  new Planner(config, present).plan();
