import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { publish, type PublishOptions, type PublishResult } from '../../../src/publish/publish.ts';
import { type Progress, silent } from '../../../src/workstation/progress.ts';
import { fakeDist } from './fake-builds.ts';
import { PASSWORD, type TestRegistry, USER } from './registries.ts';

/** Writes credentials as `docker login` does without a helper. */
export async function login(dir: string, host: string, password = PASSWORD): Promise<void> {
  await mkdir(dir, { recursive: true });
  const auth = Buffer.from(`${USER}:${password}`).toString('base64');
  await writeFile(path.join(dir, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
}

export interface RunOptions extends Partial<PublishOptions> {
  readonly home: string;
  readonly registry: TestRegistry;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** Publishes the fake builds of `home` below `kios` in a registry. */
export async function runPublish({ home, registry, ...rest }: RunOptions): Promise<PublishResult> {
  const { progress = silent, signal = new AbortController().signal, ...options } = rest;
  await using undo = new AsyncDisposableStack();
  const context = { progress, signal, undo, print: () => {} };
  return await publish(context, {
    to: `${registry.host}/kios`,
    tag: 'v1',
    arches: [],
    pin: undefined,
    signKey: undefined,
    ca: registry.ca?.file,
    distOf: (arch) => fakeDist(home, arch),
    scratch: path.join(home, 'scratch'),
    ...options,
  });
}
