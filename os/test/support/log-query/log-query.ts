import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { buildEnvironment } from '../../../src/build/sources/upstream/build.ts';
import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { repository } from '../../../src/workstation/paths.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';
import { buildInit } from '../init-program.ts';

/** The module that the node's kubelet is built from. */
const MODULE = path.join(repository, 'os/upstream/kubernetes');
const UPSTREAM = ['kubelet_server_journal.go', 'kubelet_server_journal_linux.go'] as const;

/** What kubelet's handler answers. */
export type Answer = v.InferOutput<typeof Answer>;
const Answer = v.strictObject({ status: v.number(), body: v.string() });

/** Kubelet's own handler of log queries, and init's journalctl on its path. */
export interface LogQuery {
  readonly program: string;
  /** The folder that the program gets as its path. */
  readonly bin: string;
}

/** Builds the program in a folder, of kubelet's two files as they are but for the name of their package. */
export async function buildLogQuery(dir: string): Promise<LogQuery> {
  const [go, source, bin] = [await ensureGo(silent), path.join(dir, 'src'), path.join(dir, 'bin')];
  await mkdir(source, { recursive: true });
  await mkdir(bin, { recursive: true });
  const env = buildEnvironment(workstationArch(), undefined);
  const home = await run(go, ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], {
    cwd: MODULE,
    env,
  });
  for (const name of UPSTREAM) {
    const text = await readFile(path.join(home.trim(), 'pkg/kubelet', name), 'utf8');
    await writeFile(path.join(source, name), text.replace(/^package kubelet$/m, 'package main'));
  }
  for (const name of ['go.mod', 'go.sum'])
    await copyFile(path.join(MODULE, name), path.join(source, name));
  await copyFile(path.join(import.meta.dirname, 'main.go'), path.join(source, 'main.go'));
  const program = path.join(dir, 'log-query');
  await run(go, ['build', '-mod=readonly', '-o', program, '.'], { cwd: source, env });
  await buildInit(bin, 'journalctl');
  return { program, bin };
}

/** Shows the test's folder where the node has its logs, as init does, or by a link. */
const INSIDE = `
dir=$1; how=$2; shift 2
mount -t tmpfs none /run && mkdir -p /run/kios/log && mount --bind "$dir" /run/kios/log || exit 1
mount -t tmpfs none /var/log || exit 1
case $how in
  link) ln -s /run/kios/log /var/log/kios ;;
  *) mkdir /var/log/kios && mount --rbind /run/kios/log /var/log/kios ;;
esac || exit 1
exec "$@"
`;

/** Asks kubelet's handler, with the logs in a folder in the place of the workstation's. */
export async function askKubelet(
  { program, bin }: LogQuery,
  logs: string,
  queries: readonly string[],
  how: 'mount' | 'link' = 'mount',
): Promise<readonly Answer[]> {
  const args = ['--mount', 'sh', '-c', INSIDE, 'sh', logs, how, '/usr/bin/env', `PATH=${bin}`];
  const output = await run('unshare', [...args, program], { input: JSON.stringify(queries) });
  return v.parse(v.pipe(v.string(), v.parseJson(), v.array(Answer)), output);
}
