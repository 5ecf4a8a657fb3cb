import * as v from 'valibot';
import { expect, it } from 'vitest';

import { addOns } from '../../../src/conformance/add-ons.ts';
import { extrasOf } from '../../../src/conformance/nodes.ts';

const Network = v.object({
  ethernets: v.object({
    segment: v.object({
      addresses: v.array(v.string()),
      routes: v.array(v.object({ to: v.string(), via: v.string() })),
    }),
  }),
});
const Conflist = v.object({
  plugins: v.looseTuple([
    v.object({
      ipam: v.object({ ranges: v.tuple([v.tuple([v.object({ subnet: v.string() })])]) }),
    }),
  ]),
});
const Item = v.looseObject({ kind: v.string(), metadata: v.looseObject({ name: v.string() }) });

function node(number: number, other: number) {
  const { nodeIp, network, files = [] } = extrasOf(5000, number, other);
  const { segment } = v.parse(Network, network).ethernets;
  const conflist = files.find(({ path }) => path.startsWith('/etc/cni/net.d/'))?.content ?? '';
  const [bridge] = v.parse(Conflist, JSON.parse(conflist)).plugins;
  return { nodeIp, segment, subnet: bridge.ipam.ranges[0][0].subnet };
}

it('gives two nodes parts of the pod network, and each the way to the other’s', () => {
  const [first, second] = [node(1, 2), node(2, 1)];
  expect(first.subnet).not.toBe(second.subnet);
  expect(first.segment.routes).toEqual([{ to: second.subnet, via: second.nodeIp }]);
  expect(second.segment.routes).toEqual([{ to: first.subnet, via: first.nodeIp }]);
  expect(first.segment.addresses).toEqual([`${first.nodeIp}/24`]);
});

it('leaves a single node its own network', () => {
  expect(extrasOf(5000, 1)).not.toHaveProperty('network');
  expect(extrasOf(5000, 1).files?.map(({ path }) => path)).toEqual([
    '/etc/containerd/certs.d/registry.k8s.io/hosts.toml',
  ]);
});

it('has the name servers where kubelet tells pods that they are', () => {
  const items = v.parse(v.array(Item), addOns(6443, 'node'));
  const service = items.find(({ kind }) => kind === 'Service');
  expect(service).toMatchObject({
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: '10.96.0.10', selector: { 'k8s-app': 'kube-dns' } },
  });
  expect(extrasOf(5000, 1).kubelet).toMatchObject({ clusterDNS: ['10.96.0.10'] });
  expect(JSON.stringify(items)).toContain('"name":"KUBERNETES_SERVICE_PORT","value":"6443"');
});
