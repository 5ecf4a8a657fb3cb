import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { POD_FILTER } from '../../../src/core/pods/filter.ts';
import { grantOf, macFrom, macSource, policyOf } from '../../../src/core/pods/pod.ts';
import { encodeArp, probe } from '../../../src/core/wire/arp.ts';
import { encodeFrame, VNET_HEADER } from '../../../src/core/wire/frame.ts';
import { encodeMessage } from '../../../src/core/wire/message.ts';
import { TYPE } from '../../../src/core/wire/options.ts';
import { runFilter } from '../../support/bpf.ts';
import { GRANT, message, SERVER, SERVER_MAC } from '../../support/fixtures.ts';
import { leaseOf } from '../../support/replies.ts';

const POD = {
  network: 'kios-lan',
  container: 'c1',
  interface: 'eth0',
  namespace: 'default',
  pod: 'web-0',
};
const macOf = (cluster: string, pod: typeof POD): string =>
  macFrom(createHash('sha256').update(macSource(cluster, pod)).digest());

describe("a pod's hardware address", () => {
  it('is the one that docs/cni.md shows how to compute', () => {
    expect(macOf('https://10.0.0.1:6443', POD)).toBe('02:0e:8f:34:21:78');
  });

  it('stays with another container, and differs between clusters, namespaces, pods and interfaces', () => {
    const mac = macOf('a', POD);
    expect(macOf('a', { ...POD, container: 'c2', network: 'other' })).toBe(mac);
    const others = [
      macOf('b', POD),
      macOf('a', { ...POD, namespace: 'kube-system' }),
      macOf('a', { ...POD, pod: 'web-1' }),
      macOf('a', { ...POD, interface: 'net1' }),
      // The parts cannot be shifted into each other.
      macOf('a', { ...POD, namespace: 'defaultweb', pod: '-0' }),
    ];
    expect(new Set([mac, ...others]).size).toBe(6);
  });

  it('is the client identifier too, and the name of the pod is sent when it is one', () => {
    const { identity } = policyOf('02:00:00:00:00:01', 'web-0', 60);
    expect(identity.clientId).toEqual(Uint8Array.of(1, 2, 0, 0, 0, 0, 1));
    expect(identity.hostname).toBe('web-0');
    expect(policyOf('02:00:00:00:00:01', 'not a name', 60).identity.hostname).toBeUndefined();
  });
});

const routesOf = (options: string, host = '10.0.0.9'): string[] => {
  const lease = leaseOf(`350105 36040a000001 330400000e10 ${options} ff`);
  const { routes } = grantOf({ lease, since: 0, degradeLevel: 0 }, host);
  return routes.map(({ to, via = 'link' }) => `${to} ${via}`);
};

describe("a pod's routes", () => {
  it.each([
    ['of the subnet', '0104ffffff00 03040a000001', ['0.0.0.0/0 10.0.0.1']],
    [
      'through a gateway outside of the subnet',
      '0104ffffff00 03040a640001',
      ['10.100.0.1/32 link', '0.0.0.0/0 10.100.0.1'],
    ],
    [
      'of an address alone',
      '0104ffffffff 03040a000001',
      ['10.0.0.1/32 link', '10.0.0.9/32 link', '0.0.0.0/0 10.0.0.1'],
    ],
    [
      'through a gateway that another route leads to, whatever their order',
      '0104ffffffff 790d 00 0a640001 180a6400 00000000',
      ['10.0.0.9/32 link', '10.100.0.0/24 link', '0.0.0.0/0 10.100.0.1'],
    ],
    ['to the subnet itself', '0104ffffff00 7910 180a0000 00000000 180a0000 0a000001', []],
  ])('are in an order in which the kernel takes them: %s', (_name, options, routes) => {
    expect(routesOf(options)).toEqual(routes);
  });
});

/** A frame from a server, as it comes in by the uplink. */
function fromServer(chaddr: string): Uint8Array {
  const payload = encodeMessage(message(TYPE.ack, GRANT, { chaddr }));
  const frame = encodeFrame({
    sourceMac: SERVER_MAC,
    targetMac: chaddr,
    source: SERVER,
    target: '10.0.0.5',
    payload,
  }).slice(VNET_HEADER);
  // The encoder makes what clients send: the ports change places.
  const ports = frame.slice(34, 36);
  frame.set(frame.slice(36, 38), 34);
  frame.set(ports, 36);
  return frame;
}

const passes = (frame: Uint8Array, vlanTag?: number): boolean =>
  runFilter(POD_FILTER, frame, vlanTag) > 0;

describe('the filter at the uplink', () => {
  it('passes what servers send to pods, untagged or with a priority alone', () => {
    const frame = fromServer('02:00:00:00:00:01');
    expect([passes(frame), passes(frame, 0x2000), passes(frame, 0x2005)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('drops what is for the host or for other clients', () => {
    expect(passes(fromServer('52:54:00:00:00:01'))).toBe(false);
  });

  it('passes replies to probes, and no other ARP', () => {
    const reply = encodeArp({
      operation: 'reply',
      senderMac: SERVER_MAC,
      sender: '10.0.0.5',
      targetMac: '02:00:00:00:00:01',
      target: '0.0.0.0',
    });
    const other = encodeArp({
      operation: 'reply',
      senderMac: SERVER_MAC,
      sender: '10.0.0.1',
      targetMac: '02:00:00:00:00:01',
      target: '10.0.0.5',
    });
    expect([
      passes(reply),
      passes(other),
      passes(encodeArp(probe(SERVER_MAC, '10.0.0.5'))),
    ]).toEqual([true, false, false]);
  });

  it('drops other protocols and ports, and fragments', () => {
    const [fragment, port, tcp, ipv6] = [1, 2, 3, 4].map(() => fromServer('02:00:00:00:00:01'));
    fragment?.set([0x20, 0], 20);
    port?.set([0, 53], 36);
    tcp?.set([6], 23);
    ipv6?.set([0x86, 0xdd], 12);
    for (const frame of [fragment, port, tcp, ipv6])
      expect(passes(frame ?? new Uint8Array())).toBe(false);
  });
});
