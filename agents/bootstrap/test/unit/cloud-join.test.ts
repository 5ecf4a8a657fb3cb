import { gunzipSync, gzipSync } from 'node:zlib';

import { array, assert, constantFrom, nat, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ForeignError } from '../../src/core/document/foreign.ts';
import type { MachineNames } from '../../src/core/document/formats/template.ts';
import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { clusterApi, ENDPOINT, HASH, joinConfiguration, LINE, TOKEN } from '../support/carriers.ts';
import { parseDocument } from '../support/documents.ts';

const read = (text: string, names: MachineNames = {}): ParsedDocument =>
  parseDocument('u', text, { gunzip: (bytes) => gunzipSync(bytes), names });

const JOINED = {
  cluster: { endpoint: `https://${ENDPOINT}`, caCertHashes: [HASH] },
  auth: { bootstrapToken: TOKEN },
};

const named = (name: string): string => `nodeRegistration:\n  name: ${name}\n`;

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof BootstrapError && !(error instanceof ForeignError)) return error.message;
    throw error;
  }
  return 'accepted';
}

describe("a document of Cluster API's kubeadm provider", () => {
  it('joins the node, and its placeholders are not worth a line', () => {
    const { document, kind, warnings } = read(clusterApi());
    expect(document).toMatchObject({ ...JOINED, node: { labels: { team: 'red' } } });
    expect([kind, warnings]).toEqual(['cloud-config, JoinConfiguration', []]);
  });

  it('names what cloud-init would have done besides', () => {
    const before = '  - "swapoff -a"\n  - "systemctl start chronyd"\n';
    const after =
      'ntp:\n  enabled: true\nusers:\n  - name: capi\n    sudo: ALL=(ALL) NOPASSWD:ALL\n';
    const { warnings } = read(clusterApi({ before, after }));
    expect(warnings).toEqual([
      { path: 'runcmd', why: '2 other commands are not carried out' },
      { path: 'ntp, users', why: 'it is for cloud-init' },
    ]);
  });

  it.each([
    ["'{{ ds.meta_data.local_hostname }}'"],
    ["'{{ ds.meta_data.hostname }}'"],
    ['\'{{ ds.meta_data["local_hostname"] }}\''],
    ['"{{ v1.local_hostname }}"'],
    ["'{{ local_hostname }}'"],
    ["'{{local_hostname}}'"],
    ['{{ ds.meta_data.hostname }}'],
  ])('with the name %s has the machine’s own, without a line', (name) => {
    const { document, warnings } = read(clusterApi({ registration: named(name) }));
    expect(document).toMatchObject(JOINED);
    expect([document.node?.name, warnings]).toEqual([undefined, []]);
  });

  it('gets the values of the metadata', () => {
    const args = [
      "provider-id: openstack:///'{{ instance_id }}'",
      "node-labels: 'zone={{ ds.meta_data.availability_zone }},region={{ v1.region }}'",
    ];
    const registration = `nodeRegistration:\n  name: 'w-{{ ds.meta_data.instance_id }}'\n  kubeletExtraArgs:\n    ${args.join('\n    ')}\n`;
    const names = { instanceId: 'i-0ab', zone: 'eu-1a', region: 'eu-1' };
    expect(read(clusterApi({ registration }), names).document.node).toEqual({
      name: 'w-i-0ab',
      providerID: 'openstack:///i-0ab',
      labels: { zone: 'eu-1a', region: 'eu-1' },
    });
  });

  it("gets OpenStack's name of the instance id, as Nutanix and Metal3 use it", () => {
    const registration =
      'nodeRegistration:\n  kubeletExtraArgs: {provider-id: \'nutanix://{{ ds.meta_data["uuid"] }}\'}\n';
    const { document } = read(clusterApi({ registration }), { instanceId: 'u-1', uuid: 'u-1' });
    expect(document.node?.providerID).toBe('nutanix://u-1');
    const elsewhere = read(clusterApi({ registration }), { instanceId: 'i-1' });
    expect(elsewhere.document.node?.providerID).toBeUndefined();
  });

  it.each([
    ['is not known', "'w-{{ ds.meta_data.instance_id }}'", {}],
    ['is of another kind', "'w-{{ ds.meta_data.public_ipv4 }}'", {}],
    ['has a filter', "'{{ local_hostname | lower }}'", { hostname: 'A' }],
    ['would change the document', "'w-{{ instance_id }}'", { instanceId: "x'\ntoken: y" }],
  ])('leaves a field out whose value %s, with a line', (_what, name, names) => {
    const { document, warnings } = read(clusterApi({ registration: named(name) }), names);
    expect(document).toMatchObject(JOINED);
    expect(document.node?.name).toBeUndefined();
    expect(warnings.map(({ path }) => path)).toEqual(['nodeRegistration.name']);
  });

  it('of v1beta4 loses the argument whose value is not known, and no other', () => {
    const args =
      "[{name: provider-id, value: 'x:///{{ unknown }}'}, {name: node-labels, value: a=b}]";
    const text = clusterApi({ registration: `nodeRegistration:\n  kubeletExtraArgs: ${args}\n` });
    const { document, warnings } = read(text.replace('v1beta3', 'v1beta4'));
    expect(document.node).toEqual({ labels: { a: 'b' } });
    expect(warnings.map(({ path }) => path)).toEqual(['nodeRegistration.kubeletExtraArgs.0.value']);
  });

  it('without the line that makes it a template is taken as it is', () => {
    const plain = clusterApi().replace('## template: jinja\n', '');
    expect(read(plain).document).toMatchObject(JOINED);
    const text = clusterApi({ registration: named("'{{ local_hostname }}'") });
    expect(messageOf(() => read(text.replace('## template: jinja\n', '')))).toContain(
      'u, /run/kubeadm/kubeadm-join-config.yaml: nodeRegistration.name',
    );
  });

  it('of an older version has its file elsewhere, or joins by a script of its own', () => {
    const older = clusterApi().replaceAll('/run/kubeadm/', '/tmp/');
    expect(read(older).document).toMatchObject(JOINED);
    const script = clusterApi().replace(/ {2}- kubeadm join.*/, '  - /usr/local/bin/kubeadm-bootstrap-script'); // prettier-ignore
    expect(read(script).document).toMatchObject(JOINED);
  });

  it('whose script gives the file to some phases only has its file', () => {
    const script = `-   path: /usr/local/bin/kubeadm-bootstrap-script
    permissions: '0755'
    content: |
      #!/bin/bash
      try() { until "$@" --config=/run/kubeadm/kubeadm-join-config.yaml; do sleep 1; done; }
      try kubeadm join phase preflight --ignore-preflight-errors=DirAvailable
      try kubeadm join phase kubelet-start
runcmd:
  - /usr/local/bin/kubeadm-bootstrap-script`;
    const text = clusterApi().replace(/runcmd:\n(?: {2}- .*\n?)*/, `${script}\n`);
    expect(text).toContain('join phase preflight');
    expect(read(text).document).toMatchObject(JOINED);
  });

  it('before which a command speaks of a join has its file', () => {
    const text = clusterApi().replace(
      'runcmd:\n',
      'runcmd:\n  - echo "before kubeadm join of node"\n',
    );
    expect(text).toContain('before kubeadm join');
    expect(read(text).document).toMatchObject(JOINED);
  });

  it('for a control plane is refused', () => {
    const control = clusterApi({ registration: 'controlPlane: {}\n' });
    expect(messageOf(() => read(control))).toContain('controlPlane');
  });
});

const cloudConfig = (content: string, encoding?: string): string =>
  `#cloud-config\nwrite_files:\n- path: /root/join.yaml\n  content: ${content}\n${encoding === undefined ? '' : `  encoding: ${encoding}\n`}runcmd:\n- [kubeadm, join, --config, /root/join.yaml]\n`;
const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');
const file = joinConfiguration();
const zipped = base64(gzipSync(file));

describe('a file of cloud-config', () => {
  it.each([
    ['b64', base64(file)],
    ['base64', base64(file)],
    ['gz+b64', zipped],
    ['gzip+base64', zipped],
    ['gz+base64', zipped],
    ['gzip', `!!binary ${zipped}`],
    ['gz', `!!binary |\n    ${zipped.replaceAll(/.{60}/g, '$&\n    ')}`],
    [undefined, `!!binary ${base64(file)}`],
    ['text/plain', JSON.stringify(file)],
    [undefined, JSON.stringify(file)],
  ])('in the encoding %s is decoded', (encoding, content) => {
    expect(read(cloudConfig(content, encoding)).document).toMatchObject(JOINED);
  });

  it.each([
    ['with a torn encoding', cloudConfig('abc', 'b64'), 'it is not the base64'],
    ['that is not zipped', cloudConfig(base64(file), 'gz+b64'), 'gzip data is broken'],
    ['in an unknown encoding', cloudConfig('abc', 'zstd'), 'its encoding is not known'],
    ['that is not written', cloudConfig(JSON.stringify(file)).replace('path: /root', 'path: /'), 'does not have'], // prettier-ignore
    ['from elsewhere', cloudConfig('x').replace('content: x', 'source: {uri: "https://x"}'), 'is elsewhere'], // prettier-ignore
    ['with a wrong field', cloudConfig(JSON.stringify(file.replace(HASH, 'x'))), 'caCertHashes.0'],
    ['with a statement', `## template: jinja\n${cloudConfig(JSON.stringify(`${file}# {% if a %}`))}`, 'has a statement'], // prettier-ignore
  ])('%s is named by its path', (_what, text, why) => {
    const message = messageOf(() => read(text));
    expect(message).toMatch(/^read u/);
    expect(message).toContain(why);
    expect(message).not.toContain(TOKEN);
  });

  it('may come in pieces', () => {
    const [head, tail] = [file.slice(0, 90), file.slice(90)].map((text) => JSON.stringify(text));
    const text = cloudConfig(head ?? '').replace('runcmd', `- {path: /root/join.yaml, append: true, content: ${tail}}\nruncmd`); // prettier-ignore
    expect(read(text).document).toMatchObject(JOINED);
  });
});

describe('a command of cloud-config', () => {
  it.each([
    ['a line', `- ${LINE}`],
    ['a list', `- [${LINE.split(' ').map((word) => JSON.stringify(word)).join(', ')}]`],
    ['a shell', `- [sh, -c, ${JSON.stringify(`swapoff -a && ${LINE} 2>&1 | tee /root/log`)}]`],
    ['a quoted shell', `- ${JSON.stringify(`bash -c "sudo ${LINE} --v 5"`)}`],
    ['a path', `- /usr/bin/${LINE} --v=5 > /root/log`],
    ['several lines', `- |\n  set -e\n  # kubeadm join 192.0.2.99:6443 --token x\n  ${LINE.replace(' --token', ' \\\n    --token')}\n  touch /root/done`],
  ])('that joins as %s is read', (_what, command) => {
    const { document, kind } = read(`#cloud-config\nruncmd:\n${command}\n`);
    expect(document).toMatchObject(JOINED);
    expect(kind).toBe('cloud-config, kubeadm join');
  }); // prettier-ignore

  it('may be a script that is written', () => {
    const script = JSON.stringify(`#!/bin/bash\nset -e\n${LINE}\n`);
    const text = `#cloud-config\nwrite_files:\n- {path: /root/join.sh, content: ${script}}\nruncmd: [/root/join.sh]\n`;
    expect(read(text).document).toMatchObject(JOINED);
  });

  it('gives the host name of its text where the join has no name', () => {
    const text = `#cloud-config\nhostname: worker-7\nruncmd:\n- ${LINE}\n`;
    expect(read(text).document.node?.name).toBe('worker-7');
    expect(read(`${text.trimEnd()} --node-name n1\n`).document.node?.name).toBe('n1');
  });

  it.each([
    ['only speaks of it', 'runcmd:\n- echo kubeadm joins later\n'],
    ['is a comment', 'runcmd:\n- "# kubeadm join 192.0.2.1:6443"\n'],
    ['makes a control plane', 'runcmd:\n- kubeadm init --config /run/kubeadm/kubeadm.yaml\n'],
    ['is no list', 'runcmd: 5\nwrite_files: {a: b}\n'],
    ['is none', 'users: []\n'],
  ])('that %s leaves the text to cloud-init', (_what, rest) => {
    expect(() => read(`#cloud-config\n${rest}`)).toThrow(ForeignError);
  });

  it('between statements of a template is told so', () => {
    const text = `## template: jinja\n#cloud-config\n{% set a = 1 %}\nruncmd:\n- ${LINE}\n`;
    expect(messageOf(() => read(text))).toContain('its template has a statement');
  });

  it('in broken YAML is told with its line, because it is meant for a node', () => {
    expect(messageOf(() => read(`#cloud-config\nruncmd:\n- ${LINE}\n  b: [\n`))).toMatch(/^read u: line /); // prettier-ignore
  });
});

/** Returns the endpoint of a text, '' when it has none or is refused. */
function endpointOf(text: string): string {
  try {
    return read(text).document.cluster?.endpoint ?? '';
  } catch (error) {
    if (error instanceof BootstrapError) return '';
    throw error;
  }
}

describe('mutated cloud-config', () => {
  const words = ['{{', '}}', '{%', '- ', ': ', '[', ']', '&a ', '*a', '"', "'", '\n', '\t', '|', '!!binary ', 'null', '---\n', 'kubeadm join ', '--config', 'append: true'];

  it('is read, foreign or a fault, and its endpoint is one that was there', () => {
    const source = clusterApi({ registration: named("'{{ local_hostname }}'") });
    assert(
      property(
        array(tuple(nat(source.length), constantFrom(...words), nat(8)), { minLength: 1, maxLength: 3 }),
        (changes) => {
          let text = source;
          for (const [at, word, length] of changes)
            text = text.slice(0, at) + word + text.slice(at + length);
          expect(text).toContain(endpointOf(text).replace('https://', ''));
        },
      ),
      { numRuns: 300 },
    );
  });
}); // prettier-ignore
