import { describe, expect, it } from 'vitest';

import { readAuth } from '../../src/core/cluster/auth.ts';
import {
  chooseNodeName,
  hostnameToWrite,
  type NameSources,
  normaliseNodeName,
} from '../../src/core/node/node-name.ts';
import { parseDocument } from '../support/documents.ts';

describe('the node name', () => {
  it.each([
    ['Node_1', 'node-1'],
    ['host.example.com.', 'host.example.com'],
    ['name\0', 'name'],
    ['x'.repeat(63), 'x'.repeat(63)],
    ['10.0.0.1', undefined],
    ['', undefined],
    ['x'.repeat(64), undefined],
    ['-x', undefined],
    [`${'abcd.'.repeat(13)}x`, undefined],
    ['a..b', undefined],
  ])('%j is %j', (given, name) => {
    expect(normaliseNodeName(given)).toBe(name);
  });

  const all = {
    joined: 'j',
    document: 'd',
    provider: 'p',
    file: 'f',
    dhcp: 'h',
    derived: 'kios-1',
  };
  const long = `worker-01.${'production.'.repeat(6)}example`;

  it.each<[NameSources, { name: string | undefined; by: string }]>([
    [all, { name: 'j', by: 'joined' }],
    [
      { ...all, joined: undefined, certificate: 'c' },
      { name: 'c', by: 'certificate' },
    ],
    [
      { ...all, joined: undefined },
      { name: 'd', by: 'document' },
    ],
    [
      { ...all, joined: undefined, document: 'auto' },
      { name: 'p', by: 'provider' },
    ],
    [
      { file: 'f', dhcp: 'h', derived: 'kios-1' },
      { name: 'f', by: 'file' },
    ],
    [
      { dhcp: 'h', provider: '1.2.3.4', derived: 'kios-1' },
      { name: 'h', by: 'dhcp' },
    ],
    [
      { dhcp: long, derived: 'kios-1' },
      { name: 'worker-01', by: 'dhcp' },
    ],
    [
      { provider: `${'x'.repeat(64)}.example`, derived: 'kios-1' },
      { name: 'kios-1', by: 'init' },
    ],
    [
      { provider: 'localhost', derived: 'kios-1' },
      { name: 'kios-1', by: 'init' },
    ],
    [
      { dhcp: 'localhost.localdomain', derived: 'kios-1' },
      { name: 'kios-1', by: 'init' },
    ],
    [
      { dhcp: 'kios', file: 'kios', derived: 'kios-1' },
      { name: 'kios-1', by: 'init' },
    ],
    [
      { document: 'kios', derived: 'kios-1' },
      { name: 'kios', by: 'document' },
    ],
    [{ derived: undefined }, { name: undefined, by: 'init' }],
  ])('of %j is %j', (sources, chosen) => {
    expect(chooseNodeName(sources)).toMatchObject(chosen);
  });

  it('that had to be shortened, or left out, is reported', () => {
    const { unusable } = chooseNodeName({ provider: '-x', dhcp: long, derived: undefined });
    expect(unusable).toEqual([
      { by: 'provider', given: '-x', why: 'is not a DNS name' },
      { by: 'dhcp', given: long, why: `has ${long.length} characters; a node's name may have 63` },
    ]);
  });

  it.each([
    ['dhcp', 'h', undefined, 'kios-1', 'h'],
    ['init', 'kios-1', undefined, 'kios-1', undefined],
    ['init', undefined, 'kios', undefined, undefined],
    ['joined', 'kios-1', undefined, 'kios-1', undefined],
    ['joined', 'kios-1', 'kios-1', undefined, 'kios-1'],
    // The machine's facts have changed: the node keeps its name.
    ['joined', 'kios-1', undefined, 'kios-2', 'kios-1'],
    ['joined', 'n1', undefined, undefined, 'n1'],
  ] as const)('by %s, %s, with %s in the file and %s derived, is written as %s', (...row) => {
    const [by, name, file, derived, written] = row;
    expect(hostnameToWrite({ by, name }, { file, derived })).toBe(written);
  });
});

describe('a name that no node can have is refused in', () => {
  const NAME = `${'rack-'.repeat(13)}01`;
  const TOKEN = 'k1os01.4f6d2b8a9c3e7d10';
  const kubeadm = (registration: string): string =>
    `apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {bootstrapToken: {apiServerEndpoint: "192.0.2.10:6443", token: ${TOKEN}}}\nnodeRegistration: ${registration}\n`;

  it.each([
    [
      'a document',
      `apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: ${NAME}}`,
      'node.name',
    ],
    [
      'a join line',
      `kubeadm join 192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash sha256:${'5'.repeat(64)} --node-name ${NAME}`,
      '--node-name',
    ],
    ["kubeadm's name", kubeadm(`{name: ${NAME}}`), 'nodeRegistration.name'],
    [
      "kubelet's flag",
      kubeadm(`{kubeletExtraArgs: [{name: hostname-override, value: ${NAME}}]}`),
      'nodeRegistration.kubeletExtraArgs.hostname-override',
    ],
  ])('%s', (_form, text, field) => {
    expect(() => parseDocument('d', text)).toThrow(
      `${field}: has 67 characters; a node's name may have 63`,
    );
  });

  it('a client certificate', () => {
    const cert = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n';
    const spec = { clientCertificate: { cert, key: 'k' } };
    expect(() => readAuth(spec, () => ({ commonName: `system:node:${NAME}` }))).toThrow(
      /auth\.clientCertificate: the node's name in the certificate has 67 characters/,
    );
  });
});
