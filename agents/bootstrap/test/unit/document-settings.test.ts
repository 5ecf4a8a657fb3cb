import { afterEach, beforeEach, expect, it } from 'vitest';

import { documentSettings, misplacedFiles } from '../../src/core/files/document-settings.ts';
import { checkUserData } from '../../src/verbs/check-userdata.ts';
import { LocalAgent } from '../support/local-agent.ts';
import { NodeFolder } from '../support/node-folder.ts';

let node: NodeFolder;
let agent: LocalAgent;
beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
  agent = new LocalAgent(node);
});
afterEach(() => agent[Symbol.asyncDispose]());

const documentOf = (...paths: readonly string[]) => ({
  apiVersion: 'kios.dev/v1' as const,
  kind: 'NodeBootstrap' as const,
  node: { name: 'n' },
  files: paths.map((path) => ({ path, mode: '0644', content: 'load: []\n' })),
});

it.each([
  ['/etc/kios/modules.yaml', '/etc/kios/modules/modules.yaml'],
  ['/etc/kios/modules/modules.yml', '/etc/kios/modules/modules.yaml'],
  ['/etc/kios/time.yaml', '/etc/kios/time/time.yaml'],
  ['/etc/kios/chrony/Time.YAML', '/etc/kios/time/time.yaml'],
  ['/etc/kios/dhcp.yaml', '/etc/kios/dhcp/dhcp.yaml'],
  ['/etc/kios/network.yaml', '/etc/kios/dhcp/network.yaml'],
  ['/etc/kios/modprobe.d/My.conf', '/etc/kios/modules/modprobe.d/My.conf'],
  ['/etc/kios/modules-load.d/a.conf', '/etc/kios/modules/modules-load.d/a.conf'],
])('%s is in a wrong place, and %s is the right one', (path, place) => {
  expect(misplacedFiles(documentOf('/etc/kios/mine/a', path))).toEqual([
    { path: 'files.1', why: `${path} is read by no program; its place is ${place}` },
  ]);
  expect(misplacedFiles(documentOf(place))).toEqual([]);
});

it('files of a person’s own pods may have any name', () => {
  const paths = ['/etc/kios/mine/time.yaml', '/etc/kios/x.yaml', '/etc/kubernetes/manifests/dhcp.yaml'];
  expect(misplacedFiles(documentOf(...paths))).toEqual([]);
}); // prettier-ignore

it('check-userdata refuses a document with one, and names the right place', async () => {
  node.write('user-data', JSON.stringify(documentOf('/etc/kios/modules.yaml')));
  const check = checkUserData(`${node.root}/user-data`);
  await expect(check).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_FIELD' });
  await expect(check).rejects.toThrow(/files\.0: .*its place is \/etc\/kios\/modules\/modules\.yaml$/);
}); // prettier-ignore

it('a node names it once, and does the rest of the document', async () => {
  node.seed(JSON.stringify(documentOf('/etc/kios/time.yaml')));
  await agent.start();
  await agent.sees('bad.field');
  await agent.until(() => expect(node.read('etc/kios/time.yaml')).toBe('load: []\n'));
  const said = agent.saw('bad.field');
  expect(said.map(({ path }) => path)).toEqual(['files.0']);
  expect(said[0]?.['why']).toContain('its place is /etc/kios/time/time.yaml');
});

it('the files that agents read are handed to their own checks', () => {
  const document = documentOf('/etc/kios/mine/a', '/etc/kios/time/time.yaml');
  const { files } = documentSettings(document, 'NodeBootstrap');
  expect(files).toEqual([{ at: 'files.1', agent: 'chrony-config', text: 'load: []\n' }]);
});

it.each([
  ['NodeBootstrap', 'kubelet.config'],
  ['MIME, NodeConfig', 'spec.kubelet.config'],
])('the fields of kubelet in a %s are at %s', (kind, at) => {
  expect(documentSettings(documentOf(), kind).kubeletAt).toBe(at);
});
