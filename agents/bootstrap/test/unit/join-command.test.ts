import { describe, expect, it } from 'vitest';

import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { parseDocument } from '../support/documents.ts';

const TOKEN = 'k1os01.4f6d2b8a9c3e7d10';
const OTHER_TOKEN = 'k1os02.0a9b8c7d6e5f4a3b';
const HASH = `sha256:${'5c'.repeat(32)}`;
const OTHER_HASH = `sha256:${'7d'.repeat(32)}`;
const LINE = `kubeadm join 192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH}`;
const BROKEN = LINE.replace(' --discovery', ' \\\n\t--discovery');

const read = (text: string): ParsedDocument => parseDocument('line', text);

const WANTED = {
  kind: 'kubeadm join',
  document: {
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: { endpoint: 'https://192.0.2.10:6443', caCertHashes: [HASH] },
    auth: { bootstrapToken: TOKEN },
  },
  warnings: [],
};

const OUTPUT = `[init] Using Kubernetes version: v1.36.3
[preflight] Running pre-flight checks
W1126 08:12:01.512013    1234 checks.go:844] detected that the sandbox image differs
[addons] Applied essential addon: kube-proxy

Your Kubernetes control-plane has initialized successfully!

To start using your cluster, you need to run the following as a regular user:

  mkdir -p $HOME/.kube
  sudo cp -i /etc/kubernetes/admin.conf $HOME/.kube/config

You can now join any number of control-plane nodes running the following command on each as root:

  ${BROKEN} \\
\t--control-plane --certificate-key ${'f8'.repeat(32)}

Then you can join any number of worker nodes by running the following on each as root:

${BROKEN}
`;

describe('a kubeadm join command is read', () => {
  it.each([
    ['with a level of its log', `${LINE} -v 8`],
    ['with a level behind =', `${LINE} -v=8`],
    ['with a level at its flag', `${LINE} -v5 --v=3 --v 2`],
    ['with a level before join', LINE.replace('kubeadm', 'kubeadm -v 5')],
    ['with a comment behind', `${LINE} # worker`],
    ['with a comment before', `# worker join, made 2026-11-26\n${LINE}`],
    ['with a comment on a broken line', BROKEN.replace('\\\n', '\\ # the token\n')],
    ['with a former one in a comment', `# ${LINE.replace('192.0.2.10', '192.0.2.9')}\n${LINE}`],
    ['with the sign of a continued line', BROKEN.replace('\t--', '>     --')],
    ['with blanks behind the backslash', BROKEN.replace('\\\n', '\\  \t\n')],
    ['with the line break lost', BROKEN.replace('\n', ' ')],
    ['with the backslash lost', BROKEN.replace('\\\n', '\n')],
    [
      'wrapped behind a flag',
      BROKEN.replace('\\\n\t--discovery-token-ca-cert-hash ', '--discovery-token-ca-cert-hash\n'),
    ],
    ['with empty lines between', BROKEN.replace('\n', '\n\n')],
    ['with a backslash at the end', `${LINE} \\\n`],
    ['of Windows', BROKEN.replaceAll('\n', '\r\n')],
    ['behind a prompt', `$ ${LINE}`],
    ["behind root's prompt", `root@cp1:~# ${LINE}`],
    ['behind the prompt of Red Hat', `[root@cp1 ~]# ${LINE}`],
    ['behind # alone', `# ${LINE}`],
    ['with sudo -E', `sudo -E ${LINE}`],
    ['with sudo and a user', `$ sudo -u root ${LINE}`],
    ['with a variable', `sudo LC_ALL=C ${LINE}`],
    ['in colours', `\u001B[32m${LINE}\u001B[0m`],
    ['behind a sign that nobody sees', `\u200B ${LINE}`],
    ['with a path', `sudo /usr/local/bin/${LINE}`],
    ['below the command that prints it', `$ kubeadm token create --print-join-command\n${LINE}\n`],
    [
      'below lines of klog',
      `I1126 08:00:00.000000 1 version.go:261] remote version: v1.36.3\n${LINE}`,
    ],
    ['in the fence of Markdown', `\`\`\`\n${LINE}\n\`\`\`\n`],
    ['in the output of kubeadm init', OUTPUT],
    ['twice the same', `${LINE}\n${BROKEN}\n`],
    ['with no-break spaces', LINE.replaceAll(' ', '\u00A0')],
    ['with an invisible sign', LINE.replace('--token', '\u200B--token')],
    ['with quotes', LINE.replace(TOKEN, `'${TOKEN}'`).replace(HASH, `"${HASH}"`)],
    ['with https:// before the endpoint', LINE.replace('join ', 'join https://')],
    ['with _ in a flag', LINE.replace('ca-cert-hash', 'ca_cert_hash')],
    ['with switches that are off', `${LINE} --control-plane=false`],
    [
      'with what concerns only kubeadm',
      `${LINE} --cri-socket unix:///x --ignore-preflight-errors=Swap,Mem`,
    ],
    ['with a switch before the endpoint', LINE.replace('join', 'join --skip-headers')],
  ])('%s', (_name, text) => {
    expect(read(text)).toEqual(WANTED);
  });

  it.each([
    ['separated by a comma', `${LINE},${OTHER_HASH}`],
    ['of two flags', `${LINE} --discovery-token-ca-cert-hash=${OTHER_HASH}`],
  ])('with several hashes, %s', (_name, text) => {
    expect(read(text).document.cluster?.caCertHashes).toEqual([HASH, OTHER_HASH]);
  });

  it.each([
    ['[2001:db8::1]:6443', 'https://[2001:db8::1]:6443'],
    ['cp.example.com', 'https://cp.example.com'],
    ['cp1:443', 'https://cp1:443'],
  ])('with the endpoint %s', (given, endpoint) => {
    expect(read(LINE.replace('192.0.2.10:6443', given)).document.cluster?.endpoint).toBe(endpoint);
  });

  it('with two tokens, each for its own purpose', () => {
    const two = LINE.replace('--token', '--discovery-token').concat(
      ` --tls-bootstrap-token ${OTHER_TOKEN}`,
    );
    expect(read(two).document.auth).toEqual({ bootstrapToken: OTHER_TOKEN, discoveryToken: TOKEN });
    expect(read(`${LINE} --tls-bootstrap-token ${OTHER_TOKEN}`).document.auth).toEqual({
      bootstrapToken: OTHER_TOKEN,
      discoveryToken: TOKEN,
    });
    expect(read(two.replace(OTHER_TOKEN, TOKEN)).document.auth).toEqual({ bootstrapToken: TOKEN });
    expect(read(LINE.replace('--token', '--discovery-token')).document.auth).toEqual({
      bootstrapToken: TOKEN,
    });
  });

  it('with a warning for the proxy that somebody gave kubeadm', () => {
    expect(read(`sudo https_proxy=http://node:secret@p:3128 LC_ALL=C ${LINE}`).warnings).toEqual([
      {
        path: 'https_proxy',
        why: 'it is not for the node; a NodeBootstrap document has proxy for that',
      },
    ]);
  });

  it('with one warning for each flag that a node does not carry out, and one for the lines around', () => {
    const text = `swapoff -a\n${LINE} --patches /p --skip-phases=a --skip-phases b --dry-run\nreboot\n`;
    expect(read(text).warnings).toEqual([
      { path: '--patches', why: 'it has no effect here' },
      { path: '--skip-phases', why: 'it has no effect here' },
      { path: '--dry-run', why: 'it has no effect here' },
      {
        path: 'line 1 and 1 more',
        why: 'it is not part of the kubeadm join command, and nothing carries it out',
      },
    ]);
  });
});

function faultOf(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof BootstrapError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('a kubeadm join command is refused', () => {
  it.each([
    ['a second bare word', `${LINE} worker`, 'worker: is one word too many'],
    [
      'a bare word before the endpoint',
      LINE.replace('join', 'join worker'),
      'worker: is one word too many',
    ],
    ['two endpoints', `${LINE} 192.0.2.11:6443`, '192.0.2.11:6443: is one word too many'],
    ['the value of a switch', `${LINE} --control-plane=false true`, 'true: is one word too many'],
    [
      'a phase',
      LINE.replace('join', 'join phase preflight'),
      'phase: a single phase joins no node',
    ],
    ['a pipe', `${LINE} | tee join.log`, '| tee: it is for a shell'],
    ['a redirection', `${LINE} > join.log`, '> join.log: it is for a shell'],
    ['a redirection of errors', `${LINE} 2>&1`, '2>&1: it is for a shell'],
    ['a second command', `${LINE} && reboot`, '&& reboot: it is for a shell'],
    ['a semicolon', `${LINE}; reboot`, '; reboot: it is for a shell'],
    ['the background', `${LINE} &`, '&: it is for a shell'],
    [
      'a command in it',
      LINE.replace(TOKEN, '$(cat token)'),
      '$(…): it is a command of a shell, and a node has none',
    ],
    ['a variable', LINE.replace(TOKEN, '$TOKEN'), '$TOKEN: it is a variable of a shell'],
    ['a variable in quotes', LINE.replace(TOKEN, '"${TOKEN}"'), '${TOKEN}: it is a variable'],
    ['a placeholder', LINE.replace(TOKEN, '<token>'), '<token>: put the value in its place'],
    [
      'an en dash',
      LINE.replace('--token', '\u2013token'),
      '--token: it is written with the typographic dash \u2013',
    ],
    [
      'an em dash',
      LINE.replace('--token', '\u2014token'),
      '--token: it is written with the typographic dash \u2014',
    ],
    [
      'a no-break hyphen',
      LINE.replace('--disc', '\u2011\u2011disc'),
      'the typographic dash \u2011',
    ],
    [
      'typographic quotes',
      LINE.replace(TOKEN, `\u201C${TOKEN}\u201D`),
      'it has the typographic quote \u201C',
    ],
    [
      'a quote that is not closed',
      LINE.replace(TOKEN, `"${TOKEN}`),
      'it has a quote that is not closed',
    ],
    [
      'an unknown flag',
      `${LINE} --node-nam n1`,
      '--node-nam: is not a flag of kubeadm join; the nearest is --node-name',
    ],
    ['an unknown flag like no other', `${LINE} --yes`, '--yes: is not a flag of kubeadm join'],
    ['a flag with one dash', LINE.replace('--token', '-token'), '-token: write --token'],
    ['a switch that is neither', `${LINE} --dry-run=maybe`, '--dry-run: must be true or false'],
    ['a flag without a value', LINE.replace(TOKEN, ''), '--token: has no value'],
    ['the last flag without a value', `${LINE} --node-name`, '--node-name: has no value'],
    [
      'a control plane',
      `${LINE} --control-plane`,
      '--control-plane: a control plane cannot run here',
    ],
    ['a file of kubeadm', 'kubeadm join --config join.yaml', '--config: names a file'],
    ['discovery by file', 'kubeadm join --discovery-file x', '--discovery-file: discovery by file'],
    ['no endpoint', LINE.replace('192.0.2.10:6443 ', ''), 'has no endpoint, HOST:PORT'],
    ['no token', 'kubeadm join 192.0.2.10:6443', '--token: is required'],
    ['a number for the endpoint', LINE.replace('192.0.2.10:6443', '5'), '5: is no IPv4 address'],
    ['a word for the endpoint', LINE.replace('192.0.2.10:6443', 'worker'), 'worker: has no port'],
    [
      'a port that is none',
      LINE.replace(':6443', ':66443'),
      'has a port that is not between 1 and 65535',
    ],
    ['a port of letters', LINE.replace(':6443', ':port'), '192.0.2.10:…: has a port'],
    [
      'IPv6 without brackets',
      LINE.replace('192.0.2.10', '2001:db8::1'),
      'an IPv6 address is in brackets',
    ],
    ['http', LINE.replace('join ', 'join http://'), 'begins with a scheme'],
    [
      'a name too long',
      `${LINE} --node-name ${'rack-'.repeat(14)}1`,
      '--node-name: has 71 characters',
    ],
    [
      'two commands that differ',
      `${LINE}\n${LINE.replace('.10:', '.11:')}`,
      'differ, in lines 1 and 2',
    ],
    [
      'words before it that nobody knows',
      `ssh node-1 ${LINE}`,
      'has no kubeadm join command that begins a line',
    ],
  ])('%s', (_name, text, why) => {
    const fault = faultOf(text);
    expect(fault).toContain('KIOS_BOOTSTRAP_FIELD read line: ');
    expect(fault).toContain(why);
  });

  it.each([
    ['a torn token', LINE.replace(TOKEN, TOKEN.replace('.', '. '))],
    ['a token of two halves', LINE.replace(TOKEN, TOKEN.replace('.', ' '))],
    ['a token at its flag', LINE.replace('--token ', '--token')],
    ['a token at its typographic flag', LINE.replace('--token ', '\u2013token')],
    ['a token without a flag', LINE.replace('--token ', '')],
    ['a token behind a pipe', `${LINE} |${TOKEN}`],
    ['a torn hash', LINE.slice(0, -3)],
    ['a password in the address', LINE.replace('join ', 'join https://me:s3cret@')],
    ['a query', LINE.replace(':6443', ':6443/?k=s3cret')],
    ['a second parameter of a query', LINE.replace(':6443', ':6443/?k=1&k=s3cret')],
    ['a password with signs of a shell', LINE.replace('join ', 'join https://me:s3c;s3cret@')],
    ['a second address with a password', `${LINE} https://me:s3cret@192.0.2.11:6443`],
    ['a certificate key without a flag', `${LINE} ${'f8'.repeat(32)}`],
  ])('%s, without showing the secret', (_name, text) => {
    const fault = faultOf(text);
    expect(fault).toContain('KIOS_BOOTSTRAP_FIELD');
    expect(fault).not.toContain(TOKEN.slice(7));
    expect(fault).not.toMatch(/f8f8|s3c/);
  });
});

describe('a text that is not a command is not taken for one', () => {
  const head = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';

  it.each([
    [
      'a document with the command in a file',
      `${head}files:\n- path: /etc/kios/x\n  content: |\n    ${LINE}\n`,
    ],
    ['a document with the command in a comment', `# ${LINE}\n${head}`],
    [
      'JSON',
      JSON.stringify({ apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', node: { name: 'a' } }),
    ],
  ])('%s', (_name, text) => {
    expect(read(text).kind).toBe('NodeBootstrap');
  });

  it.each([
    ['a map of somebody else', `runcmd:\n- |\n  x\n  ${LINE}\n`],
    ['a script', `#!/bin/sh\n${LINE}\n`],
    ['a document that is broken', `${head}node: [\n${LINE}\n`],
  ])('%s', (_name, text) => {
    expect(() => read(text)).toThrow(BootstrapError);
  });
});
