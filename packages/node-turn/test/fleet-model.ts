import {
  type Action,
  activeTurn,
  type Annotations,
  DEFAULTS,
  formatLeasePatch,
  formatNodePatch,
  formatRequest,
  type LeaseView,
  type NodePatch,
  type NodeView,
  peerOf,
  type PodView,
  REQUESTS,
  type Seen,
  step,
  type Step,
  TURN,
} from '../src/index.ts';
import { NOW, pod } from './objects.ts';

/** What the API server has of a node. */
interface Stored {
  annotations: Record<string, string>;
  isCordoned: boolean;
  isReady: boolean;
  isSilent: boolean;
  bootId: string;
  version: number;
  pods: PodView[];
}

/** An agent between two of its calls: what was done is done, whatever becomes of the agent. */
type Work = Generator<undefined, void>;

/** A machine with its agent. */
interface Machine {
  readonly name: string;
  boots: number;
  /** What the host was asked in this boot. */
  ordered: Action | undefined;
  /** Its pods end, and it reports that it is not ready. */
  isEnding: boolean;
  isUp: boolean;
  work: Work | undefined;
  asked: Seen['asked'];
  isFree: boolean;
  heldBy: readonly string[];
}

/** The holders of the Lease, and the nodes that held this one up before. */
const namesIn = ({ lease, heldBy }: Seen): readonly string[] => [
  ...new Set([...(lease?.holders ?? []), ...heldBy]),
];

const bootOf = ({ name, boots }: Machine): string => `${name}-${boots}`;

/** A fleet in memory, whose agents stop after each call to the API or the host and can be killed there. */
export class FleetModel {
  readonly machines: readonly Machine[];
  readonly #stored = new Map<string, Stored>();
  #lease: LeaseView = { resourceVersion: '1', holders: [] };
  #now = NOW;
  #pods = 0;
  /** Disruption budgets allow nothing. */
  isHeld = false;

  constructor(size: number) {
    this.machines = Array.from({ length: size }, (_, index) => ({
      name: `n${index}`,
      boots: 1,
      ordered: undefined,
      isEnding: false,
      isUp: true,
      work: undefined,
      asked: 'never',
      isFree: false,
      heldBy: [],
    }));
    for (const machine of this.machines)
      this.#stored.set(machine.name, {
        annotations: {},
        isCordoned: false,
        isReady: true,
        isSilent: false,
        bootId: bootOf(machine),
        version: 1,
        pods: [pod(`static-${machine.name}`, { fate: 'stays' })],
      });
  }

  at(name: string): Stored {
    const stored = this.#stored.get(name);
    if (stored === undefined) throw new Error(`no node ${name}`);
    return stored;
  }

  get holders(): readonly string[] {
    return this.#lease.holders;
  }

  /** Nothing is asked for or going on, and all machines are there. */
  get isQuiet(): boolean {
    const isQuiet = (machine: Machine): boolean => {
      const { annotations, isReady, bootId } = this.at(machine.name);
      const isAsked = Object.values(REQUESTS).some((key) => annotations[key] !== undefined);
      const isBack = machine.isUp && isReady && bootId === bootOf(machine);
      return !isAsked && isBack && activeTurn(annotations[TURN]) === undefined;
    };
    return this.holders.length === 0 && this.machines.every(isQuiet);
  }

  annotations(name: string): Annotations {
    return this.at(name).annotations;
  }

  /** The nodes that agents have taken away and not given back; one that is off by request was given away. */
  taken(): string[] {
    return this.machines
      .filter((machine) => {
        const { name } = machine;
        const turn = activeTurn(this.at(name).annotations[TURN]);
        if (turn === undefined || turn.phase === 'waiting') return false;
        const isGivenAway = turn.action === 'poweroff' && turn.phase === 'stopping';
        return !isGivenAway || (machine.isUp && turn.bootId === bootOf(machine));
      })
      .map(({ name }) => name);
  }

  request(name: string, action: Action, maxUnavailable: number, id: string): void {
    const text = formatRequest({ id, maxUnavailable });
    this.#change(name, { annotations: { [REQUESTS[action]]: text } });
  }

  /** Asks for a reboot into another system, one node at a time. */
  requestUpdate(name: string, update: string): void {
    const text = formatRequest({ update, maxUnavailable: 1 });
    this.#change(name, { annotations: { [REQUESTS.reboot]: text } });
  }

  annotate(name: string, annotations: Readonly<Record<string, string>>): void {
    this.#change(name, { annotations });
  }

  withdraw(name: string): void {
    this.#change(name, { annotations: { [REQUESTS.reboot]: null, [REQUESTS.poweroff]: null } });
  }

  cordon(name: string): void {
    this.#change(name, { annotations: {}, unschedulable: true });
  }

  /** The scheduler places a pod, unless the node is cordoned. */
  place(name: string): void {
    const stored = this.at(name);
    if (!stored.isCordoned) stored.pods.push(pod(`p${++this.#pods}`));
  }

  /** Kubelet removes what is terminating, and reports its boot. */
  kubelet(machine: Machine): void {
    if (!machine.isUp) return;
    const stored = this.at(machine.name);
    stored.pods = stored.pods.filter(({ isTerminating }) => !isTerminating);
    const isReady = !machine.isEnding;
    if (stored.isReady === isReady && stored.bootId === bootOf(machine)) return;
    const heard = { isReady, isSilent: false, bootId: bootOf(machine) };
    Object.assign(stored, { ...heard, version: stored.version + 1 });
  }

  /** The node controller sees that a machine is silent. */
  notice(machine: Machine): void {
    const stored = this.at(machine.name);
    if (machine.isUp || stored.isSilent) return;
    Object.assign(stored, { isReady: false, isSilent: true, version: stored.version + 1 });
  }

  kill(machine: Machine): void {
    Object.assign(machine, { work: undefined, asked: 'never', isFree: false, heldBy: [] });
  }

  /** The host does what it was asked: first kubelet says so, then the agent dies with it. */
  stop(machine: Machine): void {
    if (machine.ordered === undefined) return;
    if (!machine.isEnding) {
      machine.isEnding = true;
      this.kubelet(machine);
      return;
    }
    const isComing = machine.ordered === 'reboot';
    this.kill(machine);
    Object.assign(machine, { isUp: false, isEnding: false, ordered: undefined });
    if (isComing) this.powerOn(machine);
  }

  powerOn(machine: Machine): void {
    if (machine.isUp) return;
    machine.isUp = true;
    machine.boots += 1;
  }

  /** The machine starts again by itself. */
  crash(machine: Machine): void {
    if (!machine.isUp) return;
    this.kill(machine);
    Object.assign(machine, { ordered: undefined, isEnding: false, boots: machine.boots + 1 });
  }

  pass(seconds: number): void {
    this.#now += seconds * 1000;
  }

  /** Lets an agent make one call. */
  run(machine: Machine): void {
    if (!machine.isUp) return;
    machine.work ??= this.#tick(machine);
    if (machine.work.next().done === true) machine.work = undefined;
  }

  #view(name: string): NodeView {
    const { annotations, isCordoned, isReady, isSilent, bootId, version } = this.at(name);
    const heard = { isCordoned, isReady, isSilent, bootId };
    return { name, resourceVersion: String(version), annotations: { ...annotations }, ...heard };
  }

  /** Changes a node as the API server does; false when it has changed since it was read. */
  #change(name: string, patch: Omit<NodePatch, 'resourceVersion'>, version?: string): boolean {
    const stored = this.at(name);
    if (version !== undefined && version !== String(stored.version)) return false;
    for (const [key, value] of Object.entries(patch.annotations))
      if (value === null) delete stored.annotations[key];
      else stored.annotations[key] = value;
    stored.isCordoned = patch.unschedulable ?? stored.isCordoned;
    stored.version += 1;
    return true;
  }

  #write(name: string, patch: NodePatch): boolean {
    // By the text, so that what goes over the wire is what counts.
    JSON.parse(formatNodePatch(patch));
    return this.#change(name, patch, patch.resourceVersion);
  }

  #swap(lease: LeaseView): boolean {
    JSON.parse(formatLeasePatch(lease));
    if (lease.resourceVersion !== this.#lease.resourceVersion) return false;
    const resourceVersion = String(Number(lease.resourceVersion) + 1);
    this.#lease = { resourceVersion, holders: lease.holders };
    return true;
  }

  #evict(name: string, uid: string): void {
    const stored = this.at(name);
    if (this.isHeld) return;
    stored.pods = stored.pods.map((one) =>
      one.uid === uid ? { ...one, isTerminating: true } : one,
    );
  }

  /** Evicts pods one call after another. */
  *#evictAll(name: string, pods: readonly PodView[]): Work {
    for (const { uid } of pods) {
      this.#evict(name, uid);
      yield;
    }
  }

  #peers(names: readonly string[] = this.machines.map(({ name }) => name)): Seen['peers'] {
    return names.map((name) => peerOf(this.#view(name)));
  }

  *#look(seen: Seen, name: string): Generator<undefined, readonly [Seen, Step]> {
    let now = seen;
    for (;;) {
      const next = step(now);
      if (next.tag !== 'look') return [now, next];
      if (next.at === 'lease') now = { ...now, lease: this.#lease };
      if (next.at === 'pods') now = { ...now, pods: [...this.at(name).pods] };
      if (next.at === 'holding') now = { ...now, holding: this.#peers(namesIn(now)) };
      if (next.at === 'peers') now = { ...now, peers: this.#peers() };
      yield;
    }
  }

  *#tick(machine: Machine): Work {
    const { name, asked, isFree, heldBy } = machine;
    const bootId = bootOf(machine);
    const node = this.#view(name);
    const start: Seen = {
      now: this.#now,
      bootId,
      node,
      lease: undefined,
      heldBy,
      holding: undefined,
      peers: undefined,
      pods: undefined,
      blocked: new Set(),
      asked,
      isFree,
      defaults: DEFAULTS,
    };
    yield;
    const [seen, next] = yield* this.#look(start, name);
    const isWithout = activeTurn(node.annotations[TURN]) === undefined;
    if (isWithout && seen.lease?.holders.includes(name) === false) machine.isFree = true;
    machine.heldBy = next.tag === 'wait' ? next.heldBy : [];
    yield* this.#perform(machine, next);
  }

  *#perform(machine: Machine, next: Step): Work {
    const { name } = machine;
    switch (next.tag) {
      case 'write':
        this.#write(name, next.patch);
        yield;
        return;
      case 'take':
      case 'leave':
        machine.isFree = false;
        this.#swap(next.lease);
        yield;
        return;
      case 'evict':
        yield* this.#evictAll(name, next.pods);
        yield* this.#report(name, next.report);
        return;
      case 'wait':
        yield* this.#report(name, next.report);
        return;
      case 'ask':
        machine.ordered ??= next.action;
        machine.asked = 'taken';
        yield;
        return;
      case 'rest':
      case 'look':
    }
  }

  *#report(name: string, patch: NodePatch | undefined): Work {
    if (patch === undefined) return;
    this.#write(name, patch);
    yield;
  }
}
