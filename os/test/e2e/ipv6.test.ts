import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import {
  WORKSTATION_ON_SEGMENT,
  WORKSTATION_SEEN_BY_GUEST,
} from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { openSegmentLab, type SegmentLab } from '../support/relay/segment-lab.ts';
import {
  certifiedAddresses,
  type JoinedNode,
  joinOnSegment,
  type SegmentNode,
} from '../support/relay/segment-node.ts';
import { lookUpOnHost, reachFromPod } from '../support/relay/segment-pods.ts';
import { clockOf } from '../support/time/node-clock.ts';
import { NodeShell } from '../support/time/node-shell.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 20 * 60_000;
const STEP_MS = 180_000;

const { name: API, ipv6: ROUTER } = WORKSTATION_ON_SEGMENT;
const PREFIX = '2001:db8:16::';
const MAC = '52:54:00:77:16:01';
/** What a host makes of prefix and MAC (RFC 4291, appendix A). */
const OWN_IPV6 = '2001:db8:16:0:5054:ff:fe77:1601';
/** A node of IPv6 alone has no route to this address. */
const ELSEWHERE = '192.0.2.1';

const ALONE: SegmentNode = {
  nodeName: 'ipv6-alone',
  mac: MAC,
  host: API,
  border: { ipv6: `${ROUTER}/64` },
  router: {
    prefix: PREFIX,
    announced: 'fe80::',
    names: { [API]: [ELSEWHERE, ROUTER], 'pool.ntp.org': [ROUTER] },
  },
};

const BOTH: SegmentNode = {
  nodeName: 'both-families',
  mac: MAC,
  host: `[${ROUTER}]`,
  border: { ipv4: `${WORKSTATION_SEEN_BY_GUEST}/24`, ipv6: `${ROUTER}/64` },
  router: {
    prefix: PREFIX,
    announced: ROUTER,
    leases: '10.0.2.50,10.0.2.50',
    names: { [API]: [ROUTER], 'pool.ntp.org': [ROUTER] },
  },
};

/** Returns the example of docs/network.md behind the paragraph that begins with these words. */
async function exampleOf(words: string): Promise<string> {
  const page = await readFile(path.join(repository, 'docs/network.md'), 'utf8');
  const [, behind = ''] = page.split(`\n${words}`);
  const [, example] = /^```yaml\n(.*?)^```/ms.exec(behind) ?? [];
  if (example === undefined) throw new Error(`docs/network.md has no example of ${words}`);
  return example;
}

const progress = progressOn({ write: (text) => process.stdout.write(text) });

// Nodes on a segment with IPv6.
await describeRecorded('ipv6', () => {
  let lab: SegmentLab;

  beforeAll(async () => {
    lab = await openSegmentLab(progress);
  }, BUILD_AND_BOOT_MS);

  afterAll(() => down(silent, { purge: true }), 120_000);

  async function join(wanted: SegmentNode): Promise<JoinedNode> {
    const joined = await joinOnSegment(lab, wanted);
    progress.info(`${wanted.nodeName}: Ready after ${joined.readySeconds} s`);
    return joined;
  }

  /** Approves kubelet's request for a serving certificate, and waits until one for these addresses is served. */
  async function expectCertified(joined: JoinedNode, nodeName: string): Promise<void> {
    const { kubectl, plane } = lab;
    const options = { timeout: STEP_MS, interval: 1000 };
    const signer = '--field-selector=spec.signerName=kubernetes.io/kubelet-serving';
    const own = `{.items[?(@.spec.username=="system:node:${nodeName}")].metadata.name}`;
    const names = await vi.waitFor(async () => {
      const found = await kubectl.call(['get', 'csr', signer, '-o', `jsonpath=${own}`]);
      expect(found).not.toBe('');
      return found.split(' ');
    }, options);
    await kubectl.call(['certificate', 'approve', ...names]);
    await vi.waitFor(
      async () => expect(await certifiedAddresses(plane.caPem, joined)).toEqual(joined.addresses),
      options,
    );
  }

  describe('of IPv6 alone, whose router announces a link-local name server', () => {
    const { nodeName } = ALONE;
    let joined: JoinedNode;
    beforeAll(async () => {
      joined = await join(ALONE);
    }, BOOT_MS);
    afterAll(() => joined?.[Symbol.asyncDispose](), 120_000);

    it('joins by the name of the API server, with the address that it makes itself', () => {
      expect(joined.addresses).toEqual([OWN_IPV6]);
      const said = joined.node.console.events.map(({ ev }) => ev);
      expect(said).toContain('lease.none');
      expect(said).not.toContain('lease.bound');
    });

    it('serves by a certificate for its address', { timeout: 2 * STEP_MS }, async () => {
      await expectCertified(joined, nodeName);
      expect(joined.addresses).toHaveLength(1);
    });

    it('takes the time from a server of IPv6', { timeout: STEP_MS }, async () => {
      const wanted = { synced: true, source: ROUTER };
      const options = { timeout: STEP_MS / 2, interval: 1000 };
      const shell = await NodeShell.open(lab.kubectl, nodeName);
      await vi.waitFor(async () => {
        expect(await clockOf(shell)).toMatchObject(wanted);
      }, options);
    });

    it('resolves names in pods of the host’s network', { timeout: STEP_MS }, async () => {
      const said = await lookUpOnHost(lab.kubectl, nodeName, API);
      expect(said).toMatchObject({ address: ROUTER });
      expect(said).toHaveProperty('resolver', expect.stringMatching(/nameserver fe80::.*%eth0/));
    });

    it('connects pods of its own network to the world', { timeout: STEP_MS }, async () => {
      const api = { host: ROUTER, port: lab.plane.apiPort };
      const [addresses, said] = await reachFromPod(lab.kubectl, nodeName, api);
      expect(addresses).toMatch(/^fd6b:696f:7300::\S+ 10\.85\.\S+$/);
      expect(said).toBe('reached');
    });
  });

  describe('of both families', () => {
    const { nodeName } = BOTH;
    let joined: JoinedNode;
    beforeAll(async () => {
      joined = await join({ ...BOTH, network: await exampleOf('Both families') });
    }, BOOT_MS);
    afterAll(() => joined?.[Symbol.asyncDispose](), 120_000);

    it('joins by an address of IPv6, with one address of each family and that first', () => {
      expect(joined.addresses).toEqual([OWN_IPV6, '10.0.2.50']);
      expect(joined.node.console.events.map(({ ev }) => ev)).toContain('network.file');
    });

    it('serves by a certificate for both', { timeout: 2 * STEP_MS }, async () => {
      await expectCertified(joined, nodeName);
      expect(joined.addresses).toHaveLength(2);
    });

    it.each([ROUTER, WORKSTATION_SEEN_BY_GUEST])(
      'connects pods of its own network to %s',
      { timeout: STEP_MS },
      async (host) => {
        const api = { host, port: lab.plane.apiPort };
        const [, said] = await reachFromPod(lab.kubectl, nodeName, api);
        expect(said).toBe('reached');
      },
    );
  });
});
