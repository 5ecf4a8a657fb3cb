import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import { repository } from '../../../src/workstation/paths.ts';

it('the base line has its pod in the folder that the kubelet of kiOS reads', async () => {
  const config = await readFile(path.join(repository, 'os/rootfs/lib/kios/kubelet.yaml'), 'utf8');
  const [, folder] = /^staticPodPath: (.+)$/m.exec(config) ?? [];
  const dir = path.join(repository, 'bench/baseline/root/etc/tmpfiles.d');
  const files = await Promise.all(
    (await readdir(dir)).map((name) => readFile(path.join(dir, name), 'utf8')),
  );
  expect(files.join('\n')).toContain(`\nL ${folder} - - - - /etc/kubernetes/manifests\n`);
});
