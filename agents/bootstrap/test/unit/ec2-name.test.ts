import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { readClusterConfig } from '../../src/core/cluster/cluster-config.ts';
import { AWS } from '../../src/core/providers/aws.ts';
import { ec2PrivateName } from '../../src/core/providers/ec2-name.ts';
import { machineFactsOf, type MachineFacts } from '../../src/edge/sources/machine-facts.ts';
import { nameNode } from '../../src/verbs/name-node.ts';
import { parseDocument } from '../support/documents.ts';
import { CA_A } from '../support/fixtures.ts';

const facts = { providerID: 'aws:///eu-central-1a/i-0a1b', region: 'eu-central-1' };

describe("EC2's private name of", () => {
  it.each([
    [{ hostname: 'ip-10-0-2-15.corp.example.com' }, 'ip-10-0-2-15.eu-central-1.compute.internal'],
    [{ hostname: 'ip-10-0-2-15' }, 'ip-10-0-2-15.eu-central-1.compute.internal'],
    [
      { hostname: 'ip-10-0-2-15.eu-central-1.compute.internal' },
      'ip-10-0-2-15.eu-central-1.compute.internal',
    ],
    [
      { hostname: 'i-0a1b2c3d4e5f60718.corp.example.com' },
      'i-0a1b2c3d4e5f60718.eu-central-1.compute.internal',
    ],
    [{ hostname: 'ip-10-0-2-15.corp', region: 'us-east-1' }, 'ip-10-0-2-15.ec2.internal'],
    [{ hostname: 'i-0a1b.corp', region: 'us-east-1' }, 'i-0a1b.ec2.internal'],
    [
      { hostname: 'ip-10-0-2-15.corp', region: undefined, zone: 'us-west-2-lax-1a' },
      'ip-10-0-2-15.us-west-2.compute.internal',
    ],
    [
      { hostname: 'ip-10-0-2-15.corp', region: undefined, zone: 'us-gov-west-1b' },
      'ip-10-0-2-15.us-gov-west-1.compute.internal',
    ],
    [{ hostname: 'worker-1.corp' }, undefined],
    [{ hostname: undefined }, undefined],
    [{ hostname: 'ip-10-0-2-15.corp', region: undefined }, undefined],
    [{ hostname: 'ip-10-0-2-15.corp', providerID: 'openstack:///u' }, undefined],
    [{ hostname: 'ip-10-0-2-15.corp', providerID: undefined }, undefined],
  ])('%j is %s', (change, name) => {
    expect(ec2PrivateName({ ...facts, ...change })).toBe(name);
  });
});

/** Answers of a metadata service by method and path. */
async function metadataOf(file: string): Promise<MachineFacts> {
  const text = readFileSync(path.join(import.meta.dirname, '../vectors/cluster', file), 'utf8');
  const answers = new Map(
    Object.entries(v.parse(v.record(v.string(), v.unknown()), JSON.parse(text))),
  );
  const read = await AWS.read(async ({ method, path: asked }) => {
    const answer = answers.get(`${method} ${asked}`);
    const body = new TextEncoder().encode(typeof answer === 'string' ? answer : '');
    return Promise.resolve({ status: answer === undefined ? 404 : 200, headers: {}, body });
  });
  return machineFactsOf(read);
}

const own = (auth: string, name = ''): string => `apiVersion: kios.dev/v1
kind: NodeBootstrap
cluster: {endpoint: "https://192.0.2.10:6443", caBundle: ${btoa(CA_A)}}
auth: ${auth}
node: {${name}}
`;

describe('an instance whose VPC has a domain of its own', () => {
  const node = {
    state: undefined,
    identity: undefined,
    attested: undefined,
    hostname: undefined,
    host: undefined,
    nodeIp: undefined,
    ca: [],
    bootstrapKubeconfig: undefined,
    kubeletConf: undefined,
  };
  const eks = `apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: shop
    apiServerEndpoint: https://0A1B.gr7.eu-central-1.eks.amazonaws.com
    certificateAuthority: ${btoa(CA_A)}
    cidr: 172.20.0.0/16
`;
  const command = '{exec: {command: aws-iam-authenticator, args: [token, -i, shop]}}';

  it.each([
    ['a node of EKS', eks, 'ip-10-0-2-15.eu-central-1.compute.internal'],
    [
      'one that names the authenticator',
      own('{awsIamAuthenticator: {clusterId: shop}}'),
      'ip-10-0-2-15.eu-central-1.compute.internal',
    ],
    ['one that names its program', own(command), 'ip-10-0-2-15.eu-central-1.compute.internal'],
    [
      'a node of another cluster',
      own('{bootstrapToken: k1os01.4f6d2b8a9c3e7d10}'),
      'ip-10-0-2-15.corp.example.com',
    ],
    ['one with a name', own(command, 'name: worker-1'), 'worker-1'],
  ])('is for %s', async (_what, text, name) => {
    const { document } = parseDocument('d', text);
    const cluster = readClusterConfig(document, () => ({ commonName: '' }));
    const sources = { facts: await metadataOf('aws-custom-domain.json') };
    const input = { document, cluster, sources, node, isNew: true, isCopy: false };
    expect(nameNode(input, undefined).name).toBe(name);
  });
});
