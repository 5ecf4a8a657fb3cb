import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { stringify } from 'yaml';

import type { UkiSection } from '../../src/build/formats/uki.ts';
import { ensureGo } from '../../src/build/sources/upstream/go-toolchain.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { archive, writeUserImage } from './user-image.ts';

const IMAGE = 'registry.example/unsealing:1';
const CONSOLE = '/run/kios/control/console.sock';

const textOf = (sections: readonly UkiSection[], name: string): string =>
  Buffer.from(sections.find((one) => one.name === name)?.content ?? []).toString();

/** A privileged static pod, as somebody may put it on a medium, that asks the TPM for the key of a partition. */
const manifestOf = (partition: string, sections: readonly UkiSection[]): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'unsealing', namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      restartPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'unsealing',
          image: IMAGE,
          imagePullPolicy: 'Never',
          args: ['-test.run=^TestAPodGetsNoKey$', '-test.v'],
          env: [
            { name: 'KIOS_POD_PARTITION', value: partition },
            { name: 'KIOS_POD_PCRPKEY', value: textOf(sections, '.pcrpkey') },
            { name: 'KIOS_POD_PCRSIG', value: textOf(sections, '.pcrsig') },
          ],
          securityContext: { privileged: true, runAsUser: 0 },
          volumeMounts: [{ name: 'console', mountPath: CONSOLE }],
        },
      ],
      volumes: [{ name: 'console', hostPath: { path: CONSOLE, type: 'Socket' } }],
    },
  });

/** Returns the files of a medium that make its node run the pod. The program is a test of init's own TPM code. */
export async function unsealingPod(
  dir: string,
  partition: string,
  sections: readonly UkiSection[],
): Promise<Readonly<Record<string, Buffer>>> {
  const go = await ensureGo(silent);
  const program = path.join(dir, 'unsealing');
  await run(go, ['test', '-c', '-trimpath', '-o', program, './internal/tpm'], {
    cwd: path.join(repository, 'init'),
    env: { CGO_ENABLED: '0' },
  });
  const layout = path.join(dir, 'unsealing-layout');
  await writeUserImage(layout, program, { name: IMAGE, arch: 'amd64' });
  return {
    'kios/images/unsealing.tar': await readFile(
      await archive(layout, path.join(dir, 'unsealing.tar')),
    ),
    'kios/manifests/unsealing.yaml': Buffer.from(manifestOf(partition, sections)),
  };
}
