import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { workstationArch } from '../../../workstation/arch.ts';
import { cached, cacheKey } from '../../../workstation/cache.ts';
import { repository } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run } from '../../../workstation/run.ts';
import { buildEnvironment, inTurn } from '../../sources/upstream/build.ts';
import { ensureGo } from '../../sources/upstream/go-toolchain.ts';
import type { ManifestFile } from '../read.ts';
import { ConfigVerdict, type JudgedFault, type Verdict, Verdicts } from './verdict.ts';

/** The module that kubelet is built from, and the program in it that calls kubelet's code. */
const MODULE = path.join(repository, 'os', 'upstream', 'kubernetes');
const PROGRAM = 'judge';
const BUILD = ['build', '-v', '-mod=readonly', '-trimpath', '-ldflags=-s -w'] as const;

async function sources(): Promise<string[]> {
  const own = (await readdir(path.join(MODULE, PROGRAM))).toSorted();
  const files = ['go.mod', 'go.sum', ...own.map((name) => path.join(PROGRAM, name))];
  return Promise.all(files.map((name) => readFile(path.join(MODULE, name), 'utf8')));
}

/** Builds the program with kubelet's own settings, so that Go compiles what both need once. */
async function buildJudge(progress: Progress): Promise<string> {
  const go = await ensureGo(progress);
  const env = buildEnvironment(workstationArch(), undefined);
  const version = await run(go, ['version'], { env: { GOTOOLCHAIN: 'local' } });
  const key = cacheKey(version.trim(), env, BUILD, await sources());
  const dir = await cached('upstream', `${PROGRAM}-${key}`, (into) =>
    inTurn(async () => {
      await progress.task('kubelet’s rules for static pods', (note) =>
        run(go, [...BUILD, '-o', path.join(into, PROGRAM), `./${PROGRAM}`], {
          cwd: MODULE,
          env,
          onLine: note,
        }),
      );
    }),
  );
  return path.join(dir, PROGRAM);
}

/** Asks Kubernetes' own code what kubelet makes of manifests. Verdicts have the order of the files. */
export async function askKubelet(
  files: readonly ManifestFile[],
  progress: Progress,
): Promise<readonly Verdict[]> {
  if (files.length === 0) return [];
  const judge = await buildJudge(progress);
  return v.parse(Verdicts, await run(judge, [], { input: JSON.stringify(files) }));
}

type Fields = Readonly<Record<string, unknown>>;

/** Asks kubelet's own code what is wrong with fields of a KubeletConfiguration that go over those of `base`. */
export async function askKubeletConfig(
  base: Fields,
  fields: Fields,
  progress: Progress,
): Promise<readonly JudgedFault[]> {
  const judge = await buildJudge(progress);
  const answer = await run(judge, ['config'], { input: JSON.stringify({ base, fields }) });
  return v.parse(ConfigVerdict, answer).faults;
}
