import { connect } from 'node:tls';

import type { RunningProcess } from '@kios/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';

import { buildImage } from '../../src/build/image/build-image.ts';
import { runOnHost } from '../../src/checks/acceptance/debug-pod.ts';
import { RUNTIME_IMAGE } from '../../src/checks/acceptance/guest-program.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import {
  WORKSTATION_ON_SEGMENT,
  WORKSTATION_SEEN_BY_GUEST,
} from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { Seed } from '../../src/lab/qemu/seed.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { Border } from '../support/relay/border.ts';
import { type RouterSettings, startRouter } from '../support/relay/router.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 20 * 60_000;
const STEP_MS = 180_000;
const KUBELET_PORT = 10250;

const { name: API, ipv6: ROUTER } = WORKSTATION_ON_SEGMENT;
const PREFIX = '2001:db8:16::';
const MAC = '52:54:00:77:16:01';
/** What a host makes of prefix and MAC (RFC 4291, appendix A). */
const OWN_IPV6 = `${PREFIX.slice(0, -1)}0:5054:ff:fe77:1601`;
/** Nobody has this address, to which a node of IPv6 alone has no route. */
const ELSEWHERE = '192.0.2.1';

const isCi = process.env['CI'] === 'true';
if (!isCi) process.stderr.write('skipped: nodes with IPv6; CI=true boots them\n');

const progress = progressOn({ write: (text) => process.stdout.write(text) });

describe.skipIf(!isCi)('a node on a segment with IPv6', () => {
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let image: string;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine', 'netns'], progress);
    ({ image } = await buildImage({ arch: 'amd64', progress }));
    plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
  }, BUILD_AND_BOOT_MS);

  afterAll(() => down(silent, { purge: true }), 120_000);

  /** A document that also has kubelet ask for a serving certificate, which names the addresses of the node. */
  async function seedOf(nodeName: string, host: string): Promise<Seed> {
    const seed = seedFor({
      instanceId: nodeName,
      endpoint: `https://${host}:${plane.apiPort}`,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
      nodeName,
    });
    const kubelet = { config: { serverTLSBootstrap: true } };
    return { ...seed, 'user-data': stringify({ ...parse(seed['user-data']), kubelet }) };
  }

  interface Segment {
    readonly nodeName: string;
    /** The API server's host in the document. */
    readonly host: string;
    readonly border: { readonly ipv4?: string; readonly ipv6: string };
    readonly router: RouterSettings;
  }

  interface Joined extends AsyncDisposable {
    readonly node: BootedNode;
    readonly router: RunningProcess;
    readonly addresses: readonly string[];
    /** A port of 127.0.0.1 that leads to kubelet at its first address. */
    readonly kubeletPort: number;
  }

  const addressesOf = async (nodeName: string): Promise<string[]> => {
    const where = '{.status.addresses[?(@.type=="InternalIP")].address}';
    return (await kubectl.call(['get', 'node', nodeName, '-o', `jsonpath=${where}`])).split(' ');
  };

  /** Boots a machine on a segment of its own and waits until its node is Ready. */
  async function join({ nodeName, host, border: own, router: said }: Segment): Promise<Joined> {
    const stack = new AsyncDisposableStack();
    const border = stack.use(await Border.create(own));
    const router = await startRouter(border, said);
    await border.offer(plane.apiPort);
    const machine = labMachine();
    await machine.create(image);
    stack.defer(() => machine.stop());
    const node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      tap: { device: await border.tap(), mac: MAC },
      netns: border.netns.name,
      workstationPorts: [],
      seed: await seedOf(nodeName, host),
    });
    stack.use(node.console);
    const readyAt = await waitReady(node, kubectl, nodeName, AbortSignal.timeout(BOOT_MS));
    progress.info(
      `${nodeName}: Ready after ${Math.round((readyAt - node.running.startedAt) / 1000)} s`,
    );
    const addresses = await addressesOf(nodeName);
    const ports = await Promise.all(addresses.map((each) => border.lead(each, KUBELET_PORT)));
    for (const [index, address] of addresses.entries())
      await plane.setNodeForward(address, ports[index] ?? 0);
    return {
      node,
      router,
      addresses,
      kubeletPort: ports[0] ?? 0,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  /** Approves kubelet's request for a serving certificate once it is there. */
  async function approve(nodeName: string): Promise<void> {
    const pending = await vi.waitFor(
      async () => {
        const where = `{.items[?(@.spec.username=="system:node:${nodeName}")].metadata.name}`;
        const signer = '--field-selector=spec.signerName=kubernetes.io/kubelet-serving';
        const names = await kubectl.call(['get', 'csr', signer, '-o', `jsonpath=${where}`]);
        expect(names).not.toBe('');
        return names.split(' ');
      },
      { timeout: STEP_MS, interval: 1000 },
    );
    await kubectl.call(['certificate', 'approve', ...pending]);
  }

  /** Returns the addresses, of those given, that the certificate of kubelet's server is for. */
  async function certified({ kubeletPort, addresses }: Joined): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    const socket = connect({
      host: '127.0.0.1',
      port: kubeletPort,
      ca: plane.caPem,
      // The address that is connected to is the relay's.
      checkServerIdentity: () => undefined,
    });
    socket.once('error', reject).once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      resolve(addresses.filter((each) => certificate?.checkIP(each) !== undefined));
      socket.destroy();
    });
    return promise;
  }

  const READ = `const { readFileSync } = require('node:fs');
const { lookup } = require('node:dns/promises');
lookup('${API}', { family: 6 }).then(({ address }) =>
  console.log(JSON.stringify({ address, resolver: readFileSync('/etc/resolv.conf', 'utf8') })));`;

  /** Runs a pod in the host's network, in which it resolves the API server's name by the pod's own resolv.conf. */
  const lookUpInPod = async (nodeName: string): Promise<unknown> =>
    JSON.parse(await runOnHost(kubectl, { nodeName, command: ['/bin/bun', '-e', READ] }));

  const CLOCK = '/proc/1/root/run/kios/time/state.json';
  const SHOW = `process.stdout.write(require('node:fs').readFileSync('${CLOCK}', 'utf8'))`;

  /** Returns what the node knows of its clock. */
  const clockOf = async (nodeName: string): Promise<unknown> =>
    JSON.parse(
      await runOnHost(kubectl, {
        nodeName,
        command: ['/bin/bun', '-e', SHOW],
        capabilities: ['SYS_PTRACE', 'DAC_READ_SEARCH'],
      }),
    );

  /** Connects to the API server, and says so. */
  const reach = (): string => `require('node:net').connect(${plane.apiPort}, '${ROUTER}', () => {
  console.log('reached');
  process.exit();
})`;

  /** Runs a pod of the node's own network that connects to the API server. Returns its addresses and what it said. */
  async function reachFromPod(nodeName: string): Promise<readonly [ips: string, said: string]> {
    const name = `reach-${nodeName}`;
    const container = {
      name,
      image: RUNTIME_IMAGE,
      imagePullPolicy: 'Never',
      command: ['/bin/bun', '-e', reach()],
    };
    const spec = {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      containers: [container],
    };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec };
    await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(pod) });
    const ended = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}';
    await kubectl.call(['wait', `--for=${ended}`, `pod/${name}`, '--timeout=90s']);
    const ips = await kubectl.call(['get', 'pod', name, '-o', 'jsonpath={.status.podIPs[*].ip}']);
    return [ips, await kubectl.call(['logs', name])];
  }

  describe('of IPv6 alone, whose router announces a link-local name server', () => {
    const nodeName = 'ipv6-alone';
    let joined: Joined;

    beforeAll(async () => {
      joined = await join({
        nodeName,
        host: API,
        border: { ipv6: `${ROUTER}/64` },
        router: {
          prefix: PREFIX,
          announced: 'fe80::',
          names: { [API]: [ROUTER, ELSEWHERE], 'pool.ntp.org': [ROUTER] },
        },
      });
    }, BOOT_MS);
    afterAll(() => joined?.[Symbol.asyncDispose](), 120_000);

    it('joins by the name of the API server, with the address that it makes itself', async () => {
      expect(joined.addresses).toEqual([OWN_IPV6]);
      expect(joined.router.lines.filter((line) => line.includes('DHCPACK'))).toEqual([]);
    });

    it('takes the time from a server of IPv6', { timeout: STEP_MS }, async () => {
      await joined.router.expect(/query\[AAAA\] pool\.ntp\.org from fe80::/);
      await vi.waitFor(
        async () => expect(await clockOf(nodeName)).toMatchObject({ synced: true, source: ROUTER }),
        {
          timeout: STEP_MS / 2,
          interval: 1000,
        },
      );
    });

    it('serves by a certificate for its address', { timeout: 2 * STEP_MS }, async () => {
      await approve(nodeName);
      await vi.waitFor(async () => expect(await certified(joined)).toEqual([OWN_IPV6]), {
        timeout: STEP_MS,
        interval: 1000,
      });
    });

    it(
      'runs pods, which resolve names by the server of its router',
      { timeout: STEP_MS },
      async () => {
        const said = await lookUpInPod(nodeName);
        expect(said).toMatchObject({ address: ROUTER });
        expect(said).toHaveProperty('resolver', expect.stringMatching(/nameserver fe80::.*%eth0/));
      },
    );

    it('connects pods of its own network to the world', { timeout: STEP_MS }, async () => {
      const [ips, said] = await reachFromPod(nodeName);
      expect(ips).toMatch(/^fd6b:696f:7300::\S+ 10\.85\.\S+$/);
      expect(said.trim()).toBe('reached');
    });
  });

  describe('of both families', () => {
    const nodeName = 'both-families';
    let joined: Joined;

    beforeAll(async () => {
      joined = await join({
        nodeName,
        host: `[${ROUTER}]`,
        border: { ipv4: `${WORKSTATION_SEEN_BY_GUEST}/24`, ipv6: `${ROUTER}/64` },
        router: {
          prefix: PREFIX,
          announced: ROUTER,
          leases: '10.0.2.50,10.0.2.50',
          names: { [API]: [ROUTER], 'pool.ntp.org': [ROUTER] },
        },
      });
    }, BOOT_MS);
    afterAll(() => joined?.[Symbol.asyncDispose](), 120_000);

    it('joins by an address of IPv6, with an address of each family', async () => {
      expect(joined.addresses).toEqual([OWN_IPV6, '10.0.2.50']);
    });

    it('serves by a certificate for both', { timeout: 2 * STEP_MS }, async () => {
      await approve(nodeName);
      await vi.waitFor(async () => expect(await certified(joined)).toEqual(joined.addresses), {
        timeout: STEP_MS,
        interval: 1000,
      });
    });

    it('runs pods', { timeout: STEP_MS }, async () => {
      expect(await lookUpInPod(nodeName)).toMatchObject({ address: ROUTER });
    });
  });
});
