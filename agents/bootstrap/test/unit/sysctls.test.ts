import { afterEach, beforeEach, expect, it } from 'vitest';

import { checkSysctls } from '../../src/core/files/sysctls.ts';
import { documentFiles } from '../../src/core/files/user-files.ts';
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

const documentOf = (sysctls: object): string =>
  JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    node: { name: 'n' },
    sysctls,
  });
const FILE = 'etc/kios/sysctl.conf';

it('settings of the kernel are a file for init, which kubelet is restarted for', async () => {
  node.seed(documentOf({ 'vm.nr_hugepages': 64, 'net.ipv4.tcp_rmem': '4096 1 2' }));
  await agent.start();
  await agent.sees('restart.sent');
  expect(node.read(FILE)).toBe('vm.nr_hugepages = 64\nnet.ipv4.tcp_rmem = 4096 1 2\n');
  expect(node.sent).toEqual(['03']);
});

it('one that cannot count is named and left out, and goes with the document', async () => {
  node.seed(documentOf({ 'kernel.modprobe': '/x', 'vm.swappiness': '1\nkernel.modprobe = /x', a: [], 'vm.a': 1 }));
  await agent.start({ rollbackSeconds: 0.2 });
  await agent.sees('restart.sent');
  expect(node.read(FILE)).toBe('vm.a = 1\n');
  expect(agent.saw('setting.fault')).toMatchObject([
    { code: 'KIOS_BOOTSTRAP_SYSCTL', path: 'sysctls.kernel.modprobe' },
    { path: 'sysctls.vm.swappiness' },
    { path: 'sysctls.a', why: 'is neither a number nor a text' },
  ]);
  await agent.sees('rollback');
  await agent.until(() => expect(node.read(FILE)).toBeUndefined());
}); // prettier-ignore

it('check-userdata refuses it', async () => {
  node.write('user-data', documentOf({ 'kernel.panic': 1, 'vm.x': null }));
  await expect(checkUserData(`${node.root}/user-data`)).rejects.toThrow(
    /sysctls\.kernel\.panic: belongs to the host.*; sysctls\.vm\.x: is neither/,
  );
});

it('they have one place', () => {
  const files = [{ path: '/etc/kios/sysctl.conf', mode: '0644', content: '' }];
  expect(() => documentFiles({ apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', files })).toThrow(
    'is written because of sysctls',
  );
  expect(checkSysctls()).toEqual({ rows: [], dropped: [] });
});
