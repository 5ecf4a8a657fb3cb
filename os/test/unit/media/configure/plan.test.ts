import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  argumentsText,
  carriedOutBy,
  kernelWords,
  wordsOf,
} from '../../../../src/media/configure/arguments.ts';
import { BOOT_FOLDER, isKnown } from '../../../../src/media/configure/boot-folder.ts';
import { withName } from '../../../../src/media/configure/document.ts';
import { planChanges, type Wanted } from '../../../../src/media/configure/plan.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const NOTHING: Wanted = {
  document: undefined,
  manifests: undefined,
  images: undefined,
  arguments: undefined,
  sysctls: undefined,
  modules: undefined,
};
const [a, b] = [Buffer.from('a'), Buffer.from('b')];

describe('the plan for a medium', () => {
  it('writes what makes the rest count last', () => {
    const wanted: Wanted = {
      document: a,
      network: a,
      dhcp: b,
      manifests: new Map([['x.yaml', b]]),
      images: new Map([['app.tar', { file: '/app.tar', bytes: 1 }]]),
      arguments: { text: a, addon: b },
      sysctls: { text: a },
      modules: { file: '/modules.erofs', bytes: 1 },
      encrypt: a,
      recoveryKey: b,
    };
    expect(planChanges(wanted, ['kios/bootstrap.yaml']).map(({ name }) => name)).toEqual([
      'kios/images/app.tar',
      'kios/manifests/x.yaml',
      'kios/modules.erofs',
      'kios/network.yaml',
      'kios/dhcp.yaml',
      'kios/encrypt',
      'kios/recovery-key',
      'loader/addons/kios.addon.efi',
      'kios/cmdline.txt',
      'kios/sysctl.conf',
      'kios/bootstrap.yaml',
    ]);
  });

  it('removes words that are no longer wanted', () => {
    const wanted = { ...NOTHING, arguments: { text: undefined, addon: undefined } };
    expect(planChanges(wanted, ['loader/addons/kios.addon.efi'])).toEqual([
      { name: 'loader/addons/kios.addon.efi', content: undefined },
    ]);
  });

  it('removes settings that are no longer wanted, and keeps those that nobody names', () => {
    const present = ['kios/sysctl.conf'];
    expect(planChanges({ ...NOTHING, sysctls: { text: undefined } }, present)).toEqual([
      { name: 'kios/sysctl.conf', content: undefined },
    ]);
    expect(planChanges({ ...NOTHING, sysctls: { text: undefined } }, [])).toEqual([]);
    expect(planChanges(NOTHING, present)).toEqual([]);
  });

  it('removes pods that the folder does not have, and nothing else', () => {
    const present = ['kios/manifests/old.yaml', 'kios/manifests/x.yaml', 'kios/token', 'user-data'];
    expect(planChanges({ ...NOTHING, manifests: new Map([['x.yaml', b]]) }, present)).toEqual([
      { name: 'kios/manifests/old.yaml', content: undefined },
      { name: 'kios/manifests/x.yaml', content: b },
    ]);
  });

  it('removes archives before it writes others, because a medium has little room', () => {
    const fresh = { file: '/new.tar', bytes: 1 };
    const wanted = { ...NOTHING, images: new Map([['new.tar', fresh]]) };
    expect(planChanges(wanted, ['kios/images/old.tar', 'kios/images/new.tar'])).toEqual([
      { name: 'kios/images/old.tar', content: undefined },
      { name: 'kios/images/new.tar', content: fresh },
    ]);
  });

  it('is empty when nothing is wanted', () => {
    expect(planChanges(NOTHING, ['kios/manifests/old.yaml'])).toEqual([]);
  });
});

describe('the name of a node', () => {
  it.each([
    [
      'a document of ours, with its comments',
      '# a\napiVersion: kios.dev/v1\nkind: NodeBootstrap # b\nnode: { name: old, ip: auto }\n',
      '# a\napiVersion: kios.dev/v1\nkind: NodeBootstrap # b\nnode: { name: new, ip: auto }\n',
    ],
    [
      'a document without a node',
      'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n',
      'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode:\n  name: new\n',
    ],
    [
      'kubeadm’s configuration',
      'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n',
      'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nnodeRegistration:\n  name: new\n',
    ],
    [
      'kubeadm’s line',
      'sudo kubeadm join a:6443 \\\n  --token t --node-name old \\\n',
      'sudo kubeadm join --node-name new a:6443 \\\n  --token t \\\n',
    ],
    [
      'kubeadm’s line with a comment',
      'root@cp1:~# kubeadm join a:6443 --token t --node-name="old" # worker\n',
      'root@cp1:~# kubeadm join --node-name new a:6443 --token t # worker\n',
    ],
    [
      'kubeadm’s line among others',
      'I1126 1 join.go:412] found\n$ sudo -E kubeadm -v 5 join a:6443 --token t\nbye\n',
      'I1126 1 join.go:412] found\n$ sudo -E kubeadm -v 5 join --node-name new a:6443 --token t\nbye\n',
    ],
  ])('goes into %s', (_name, text, named) => {
    expect(withName(text, 'new')).toBe(named);
  });

  it.each([
    ['of another kind', 'apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n'],
    ['that is broken', 'kind: [\n'],
    ['that is no map', '- a\n'],
    ['that is broken and names the command', 'kind: [\n# kubeadm join a:1\n'],
    ['of cloud-init', '#cloud-config\nruncmd:\n- kubeadm join a:1\n'],
    [
      'of several parts',
      'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n--x--\n',
    ],
  ])('has no place in a document %s', (_name, text) => {
    expect(withName(text, 'new')).toBeUndefined();
  });
});

describe('the folder for people', () => {
  it('has the names that init knows', async () => {
    const file = path.join(repository, 'packages/host-api/vectors/boot-folder.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(BOOT_FOLDER);
  });

  it.each([
    ['kios/bootstrap.yaml', true],
    ['kios/BOOTSTRAP.YAML', true],
    ['kios/bootstrap.yaml.txt', false],
    ['kios/manifests/a.yml', true],
    ['kios/manifests/a.txt', false],
    ['kios/manifests/more/a.yaml', false],
    ['kios/notes/a.yaml', false],
    ['kios/images/app.tar', true],
    ['kios/images/app.tar.gz', false],
    ['kios/images/._app.tar', true],
    ['kios/.DS_Store', true],
    ['kios/manifests/._a.yaml', true],
    ['user-data', true],
  ])('%s: %s', (name, known) => {
    expect(isKnown(name)).toBe(known);
  });
});

describe('a word for the kernel command line', () => {
  const Vectors = v.array(v.strictObject({ word: v.string(), by: v.string() }));

  it('is sorted as init sorts it', async () => {
    const file = path.join(repository, 'packages/host-api/vectors/arguments.json');
    const rows = v.parse(Vectors, JSON.parse(await readFile(file, 'utf8')));
    expect(rows.map(({ word }) => ({ word, by: carriedOutBy(word) }))).toEqual(rows);
  });

  it('survives the way through the file', () => {
    const words = [
      'datapart=PARTLABEL=my data',
      'sysctl.kernel.panic=0',
      'kios.config=https://a/#b',
    ];
    expect(wordsOf(`# a comment\n${argumentsText(words)}`)).toEqual(words);
  });

  it('with a quote or a line end is nobody’s', () => {
    expect(carriedOutBy('datapart=/dev/a"b')).toBe('nobody');
    expect(carriedOutBy('datapart=/dev/a\nquiet')).toBe('nobody');
  });

  it('goes to the kernel only if nobody else can use it', () => {
    expect(kernelWords(['datapart=/dev/vdb', 'mitigations=off'])).toBe('mitigations=off');
  });
});
