import { open } from 'node:fs/promises';

import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';

import { type BootedNode, type BootOptions, powerOn, waitReady } from '../../src/lab/boot.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import { findDataPartition } from '../../src/lab/qemu/data-partition.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import type { Seed } from '../../src/lab/qemu/seed.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { BareSegment } from '../support/faults/bare-segment.ts';
import { BOOT_MS, FaultReader, type ReadFault } from '../support/faults/fault-reader.ts';
import {
  FILLS_DISK,
  podOf,
  staticFaults,
  TAKES_MEMORY,
  TAKES_NETWORK,
  TAKES_PROCESSES,
} from '../support/faults/faulty-pods.ts';
import { type FaultyRegistry, startFaultyRegistry } from '../support/faults/faulty-registry.ts';
import { OLDER_RELEASE, Switchboard } from '../support/faults/switchboard.ts';
import { describeRecorded } from '../support/recorded.ts';
import { announceServer } from '../support/relay/announce-server.ts';
import { openSegmentLab, type SegmentLab } from '../support/relay/segment-lab.ts';

const BUILD_MS = 70 * 60_000;
const STEP_MS = 20 * 60_000;
/** A fault is told within this time. */
const LIMIT_SECONDS = 60;
/** The kernel believes for up to 45 s in a router that was there, and two looks, each 20 s after the last, ask it. */
const ROUTER_SECONDS = 120;
/** Kubelet starts four times before somebody believes that it will not, and waits longer each time. */
const KUBELET_SECONDS = 180;
/** Each look waits for name servers that do not reply. */
const DRAWER_SECONDS = 120;
/** Five pods start at the same time. */
const PODS_SECONDS = 300;
const FILL_MS = 15 * 60_000;
const EVENTS = { timeout: 60_000, interval: 1000 };
/** Each pod may have so many processes, which is enough for the shipped ones. */
const PROCESSES = 60;
const NODE = 'faulty';
const YEARS_MS = 2 * 366 * 24 * 3_600_000;

const Secret = v.object({ type: v.string(), data: v.record(v.string(), v.string()) });

/** A document that joins no cluster. */
const alone = (kubelet: object = {}): Seed => ({
  'meta-data': 'instance-id: i-1\n',
  'user-data': stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    node: { name: NODE },
    kubelet: { config: kubelet },
  }),
});

await describeRecorded('faults', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  const measured: ReadFault[] = [];
  let lab: SegmentLab;
  let reader: FaultReader;

  beforeAll(async () => {
    lab = await openSegmentLab(progress);
  }, BUILD_MS);

  afterAll(async () => {
    for (const { code, seconds, cause } of measured)
      progress.info(`${code} ${seconds} s: ${cause}`);
    await down(silent, { purge: true });
  }, 120_000);

  async function boot(options: Partial<BootOptions>): Promise<BootedNode> {
    const node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [],
      ...options,
    });
    reader = new FaultReader(node);
    return node;
  }

  const create = (object: string): Promise<string> =>
    lab.kubectl.call(['create', '-f', '-'], { input: object });

  const runPod = async (name: string, pod: object): Promise<number> => {
    await create(podOf({ name, nodeName: NODE, ...pod }));
    const wait = [
      'wait',
      '--for=jsonpath={.status.phase}=Running',
      `pod/${name}`,
      '-n',
      'kube-system',
      '--timeout=110s',
    ];
    // A pod that is ended at once may be over before it was seen.
    await lab.kubectl.call(wait).catch(() => {});
    return Date.now() - 1000;
  };

  const setLink = (up: boolean): Promise<unknown> =>
    qmp(machine.dir, MACHINE_FILES.qmp, 'set_link', { name: 'net0', up });

  async function turnOff(): Promise<void> {
    reader?.node.console[Symbol.dispose]();
    await machine.stop();
  }

  /** Reads a fault from the console, and checks that it says in time what is wrong and what to do. */
  async function expectFault(
    code: string | readonly string[],
    since: number,
    limitSeconds = LIMIT_SECONDS,
  ): Promise<ReadFault> {
    return inTime(await reader.tells(code, since), limitSeconds);
  }

  /** The same, of a pod. The time counts from when it runs, and the line may come before anybody sees that it does. */
  async function expectFaultOf(name: string, pod: object, code: string): Promise<ReadFault> {
    const begun = Date.now();
    const [fault, running] = await Promise.all([reader.tells(code, begun), runPod(name, pod)]);
    const seconds = fault.seconds - Math.round((running - begun) / 1000);
    return inTime({ ...fault, seconds }, LIMIT_SECONDS);
  }

  function inTime(fault: ReadFault, limitSeconds: number): ReadFault {
    measured.push(fault);
    expect(fault.cause).toMatch(/^[a-z].{10}/);
    expect(fault.remedy).toMatch(/^[A-Z].*\.$/);
    expect(fault.seconds, `${fault.code} is told late`).toBeLessThanOrEqual(limitSeconds);
    return fault;
  }

  describe('a node that joins a cluster with faults', () => {
    let switchboard: Switchboard;
    let registry: FaultyRegistry;
    let token: string;
    let secret: string;
    let started: number;

    const nameOfToken = (): string => `bootstrap-token-${token.split('.')[0]}`;

    /** Takes the token from the cluster, and returns what puts it back. */
    async function killToken(): Promise<string> {
      const where = ['secret', nameOfToken(), '-n', 'kube-system'];
      const { type, data } = v.parse(Secret, await lab.kubectl.get(...where));
      await lab.kubectl.call(['delete', ...where]);
      const metadata = { name: nameOfToken(), namespace: 'kube-system' };
      return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type, data });
    }

    beforeAll(async () => {
      switchboard = await Switchboard.open(lab.plane.apiPort);
      registry = await startFaultyRegistry();
      token = await lab.plane.createBootstrapToken();
      secret = await killToken();
      const endpoint = `https://${WORKSTATION_SEEN_BY_GUEST}:${switchboard.port}`;
      await announceServer(lab, endpoint);
      const join = {
        instanceId: NODE,
        endpoint,
        caCertHash: lab.plane.caCertHash,
        token,
        nodeName: NODE,
      };
      const { files } = staticFaults(registry.name);
      const seed = seedFor(join, { files, kubelet: { podPidsLimit: PROCESSES } });
      const document: unknown = {
        ...Object(parse(seed['user-data'])),
        registries: { [registry.name]: { caBundle: registry.ca } },
      };
      await machine.create(lab.image);
      const node = await boot({
        workstationPorts: [switchboard.port, registry.port],
        seed: { ...seed, 'user-data': stringify(document) },
      });
      await lab.plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
      started = await reader.boots();
    }, BOOT_MS);

    afterAll(async () => {
      await turnOff();
      await announceServer(lab, lab.plane.endpointForGuest);
      await switchboard?.[Symbol.asyncDispose]();
      await registry?.[Symbol.asyncDispose]();
    }, 120_000);

    it('says that nobody takes its connections', { timeout: STEP_MS }, async () => {
      const { cause } = await expectFault('KIOS_FAULT_API_UNREACHABLE', started);
      expect(cause).toContain(`:${switchboard.port}`);
    });

    it('says that only small packets arrive', { timeout: STEP_MS }, async () => {
      const since = await switchboard.set('small');
      const { remedy } = await expectFault('KIOS_FAULT_MTU', since);
      expect(remedy).toContain('MTU');
    });

    it('says that its kubelet is too new for the cluster', { timeout: STEP_MS }, async () => {
      const since = await switchboard.set('impostor');
      const { cause } = await expectFault('KIOS_FAULT_VERSION_SKEW', since);
      expect(cause).toContain(OLDER_RELEASE);
    });

    it('says that its token is dead', { timeout: STEP_MS }, async () => {
      const since = await switchboard.set('through');
      const { remedy } = await expectFault(
        ['KIOS_BOOTSTRAP_UNSIGNED', 'KIOS_BOOTSTRAP_TOKEN'],
        since,
      );
      expect(remedy).toMatch(/token/);
    });

    it('says that nobody approves its certificate, and how', { timeout: STEP_MS }, async () => {
      await lab.kubectl.call([
        'delete',
        'clusterrolebinding',
        'kubeadm:node-autoapprove-bootstrap',
      ]);
      await create(secret);
      const since = await reader.when('init', 'kubelet.start', { mode: 'cluster' });
      const { remedy } = await expectFault('KIOS_FAULT_CSR', since);
      const [, name = ''] = /kubectl certificate approve (\S+?)\.$/.exec(remedy) ?? [];
      expect(name).not.toBe('');
      await lab.kubectl.call(['certificate', 'approve', name]);
      await waitReady(reader.node, lab.kubectl, NODE, AbortSignal.timeout(STEP_MS));
    });

    it.each(staticFaults('').codes)(
      'tells the fault of a pod or module of its document: %s',
      { timeout: STEP_MS },
      async (code) => {
        // An emulator takes minutes until kubelet has tried all of them, and the console does not say when it has.
        const since = await reader.when('init', 'kubelet.start', { mode: 'cluster' });
        const { cause } = await expectFault(code, since, PODS_SECONDS);
        expect(cause).toMatch(/crashing|missing|denied|corrupt|unreached|nbd/);
      },
    );

    it('says so as a condition and as an Event', { timeout: STEP_MS }, async () => {
      const wait = ['--for=condition=KiosBootstrap=False', `node/${NODE}`, '--timeout=110s'];
      await lab.kubectl.call(['wait', ...wait]);
      // The console has a fault first, and several are sent one after another.
      const events = async () => JSON.stringify(await lab.kubectl.get('events', '-n', 'default'));
      for (const code of ['KIOS_FAULT_CRASH_LOOP', 'KIOS_FAULT_IMAGE_DENIED'])
        await expect.poll(events, EVENTS).toContain(code);
    });

    it('says that somebody else replies for the API server', { timeout: STEP_MS }, async () => {
      const since = await switchboard.set('impostor');
      await expectFault('KIOS_FAULT_API_CERTIFICATE', since);
      const over = await switchboard.set('through');
      await reader.tellsEnd('KIOS_FAULT_API_CERTIFICATE', over);
      const seenAt = await waitReady(reader.node, lab.kubectl, NODE, AbortSignal.timeout(STEP_MS));
      expect(seenAt).toBeGreaterThan(over);
    });

    it('says that another machine has its name', { timeout: STEP_MS }, async () => {
      const patch = JSON.stringify({ status: { nodeInfo: { machineID: 'another' } } });
      const since = Date.now();
      const told = expectFault('KIOS_FAULT_NAME_TAKEN', since);
      const end = new AbortController();
      const stop = (): void => end.abort();
      void told.then(stop, stop);
      const again = ['patch', 'node', NODE, '--subresource=status', '-p', patch];
      // The other machine's kubelet writes again whenever this one has.
      while (!end.signal.aborted) await lab.kubectl.call(again);
      expect((await told).remedy).toContain('node.name');
    });

    it('names a pod without memory', { timeout: STEP_MS }, async () => {
      const pod = { script: TAKES_MEMORY, memory: '96Mi', restarts: true };
      const { cause } = await expectFaultOf('greedy', pod, 'KIOS_FAULT_OOM');
      expect(cause).toMatch(/greedy.*96 MiB/);
      await lab.kubectl.call(['delete', 'pod', 'greedy', '-n', 'kube-system', '--wait=false']);
    });

    it('names a pod without processes', { timeout: STEP_MS }, async () => {
      const pod = { script: TAKES_PROCESSES, memory: '1Gi' };
      const { cause } = await expectFaultOf('forking', pod, 'KIOS_FAULT_PIDS');
      expect(cause).toMatch(new RegExp(`forking.*${PROCESSES} processes`));
    });

    it('says that pods have no network', { timeout: STEP_MS }, async () => {
      const pod = { script: TAKES_NETWORK, folder: '/etc/cni/net.d' };
      const { remedy } = await expectFaultOf('taker', pod, 'KIOS_FAULT_CNI');
      expect(remedy).toMatch(/network plugin/);
    });

    it('says that its disk is full', { timeout: STEP_MS }, async () => {
      await runPod('filler', { script: FILLS_DISK, folder: '/opt' });
      // Filling takes as long as the disk is slow; what counts is the time from then on.
      const { cause } = await reader.tells('KIOS_FAULT_DISK_FULL', Date.now(), FILL_MS);
      expect(cause).toMatch(/of its space is free/);
    });

    it('says what years in a drawer have done to it', { timeout: BOOT_MS }, async () => {
      await turnOff();
      const rtc = new Date(Date.now() + YEARS_MS).toISOString().slice(0, 19);
      const segment = await BareSegment.open();
      try {
        await segment.lease();
        await segment.border.offer(switchboard.port);
        await boot({
          rtc,
          tap: { device: await segment.border.tap() },
          netns: segment.border.netns.name,
        });
        // The node goes by what it kept: no document is read in this boot.
        const since = await reader.when('dhcp', 'lease.bound');
        const codes = [
          'KIOS_FAULT_CERTIFICATE_EXPIRED',
          'KIOS_FAULT_API_TIME',
          'KIOS_FAULT_CLOCK_UNSYNCED',
        ];
        for (const code of codes) await expectFault(code, since, DRAWER_SECONDS);
        expect(reader.node.console.events.map(({ ev }) => ev)).not.toContain('node.ready');
      } finally {
        await turnOff();
        await segment[Symbol.asyncDispose]();
      }
    });
  });

  describe('a node on a network with faults', () => {
    let segment: BareSegment;
    let started: number;
    let bound: number;

    beforeAll(async () => {
      segment = await BareSegment.open();
      await machine.create(lab.image);
      await boot({
        tap: { device: await segment.border.tap() },
        netns: segment.border.netns.name,
        seed: alone(),
      });
      started = await reader.boots();
    }, BOOT_MS);
    afterAll(async () => {
      await turnOff();
      await segment?.[Symbol.asyncDispose]();
    }, 120_000);

    it('says that nobody offers an address', { timeout: STEP_MS }, async () => {
      const { cause } = await expectFault('KIOS_FAULT_NO_OFFER', started);
      expect(cause).toMatch(/DHCP/);
    });

    it('says that its clock follows nothing', { timeout: STEP_MS }, async () => {
      const { remedy } = await expectFault('KIOS_FAULT_CLOCK_UNSYNCED', started);
      expect(remedy).toMatch(/time server/);
    });

    it('says that another machine has its address', { timeout: STEP_MS }, async () => {
      await segment.addTwin();
      await segment.lease();
      const since = await reader.when('dhcp', 'conflict');
      await expectFault('KIOS_FAULT_ADDRESS_TAKEN', since);
      // The first address was used while it was probed for.
      bound = await reader.when('dhcp', 'lease.bound', {}, since);
      expect(reader.node.console.events.map(({ ev }) => ev)).toContain('conflict');
    });

    it('says that its name servers are silent', { timeout: STEP_MS }, async () => {
      const { cause } = await expectFault('KIOS_FAULT_DNS_DEAD', bound);
      expect(cause).toContain(WORKSTATION_SEEN_BY_GUEST);
      const over = Date.now();
      await segment.resolve();
      await reader.tellsEnd('KIOS_FAULT_DNS_DEAD', over);
    });

    it('says that its router is silent', { timeout: STEP_MS }, async () => {
      const since = Date.now();
      await segment.silenceRouter(true);
      const { cause } = await expectFault('KIOS_FAULT_GATEWAY_SILENT', since, ROUTER_SECONDS);
      expect(cause).toContain(WORKSTATION_SEEN_BY_GUEST);
      const over = Date.now();
      await segment.silenceRouter(false);
      await reader.tellsEnd('KIOS_FAULT_GATEWAY_SILENT', over);
    });

    it('says that its cable is out', { timeout: STEP_MS }, async () => {
      const since = Date.now();
      await setLink(false);
      const { cause } = await expectFault('KIOS_FAULT_NO_CARRIER', since);
      expect(cause).toMatch(/nothing is connected/);
      const pluggedIn = Date.now();
      await setLink(true);
      await reader.tellsEnd('KIOS_FAULT_NO_CARRIER', pluggedIn);
    });
  });

  describe('a node with a twin of its disk, and a wrong configuration of kubelet', () => {
    let started: number;

    beforeAll(async () => {
      await machine.create(lab.image);
      await machine.copyDisk(lab.image, 'twin.img');
      await boot({ disks: ['twin.img'], seed: alone({ topologyManagerPolicy: 'lots' }) });
      started = await reader.boots();
    }, BOOT_MS);
    afterAll(turnOff, 120_000);

    it('says that it cannot tell its disks apart', { timeout: STEP_MS }, async () => {
      const { cause } = await expectFault('KIOS_INIT_DATA_TWICE', started);
      expect(cause).toMatch(/vda/);
      expect(cause).toMatch(/vdb/);
    });

    it('says that kubelet does not take its configuration', { timeout: STEP_MS }, async () => {
      const since = await reader.when('init', 'control');
      const codes = [
        'KIOS_INIT_KUBELET',
        'KIOS_INIT_KUBELET_CONFIG',
        'KIOS_BOOTSTRAP_KUBELET',
        'KIOS_FAULT_KUBELET',
      ];
      const { remedy } = await expectFault(codes, since, KUBELET_SECONDS);
      expect(remedy).toMatch(/kubelet/);
    });
  });

  describe('a node whose data partition is damaged', () => {
    let started: number;

    beforeAll(async () => {
      await machine.create(lab.image);
      const disk = machine.file('disk');
      const offset = await findDataPartition(disk);
      await using file = await open(disk, 'r+');
      await file.write(Buffer.alloc(1024 * 1024), 0, 1024 * 1024, offset);
      await boot({ seed: alone() });
      started = await reader.boots();
    }, BOOT_MS);
    afterAll(turnOff, 120_000);

    it('says so, and where', { timeout: STEP_MS }, async () => {
      const { cause } = await expectFault('KIOS_INIT_DATA', started);
      expect(cause).toMatch(/\/dev\/vda/);
    });
  });

  describe('a node whose card is locked', () => {
    let started: number;

    beforeAll(async () => {
      await machine.create(lab.image);
      await boot({ lockedDisk: true, seed: alone() });
      started = await reader.boots();
    }, BOOT_MS);
    afterAll(turnOff, 120_000);

    it('says that its medium refuses to be written', { timeout: STEP_MS }, async () => {
      const { cause, remedy } = await expectFault('KIOS_FAULT_READ_ONLY', started);
      // The seed's disk refuses it too.
      expect(cause).toMatch(/write to vda:/);
      expect(remedy).toMatch(/lock/);
    });
  });
});
