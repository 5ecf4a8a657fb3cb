import { copyFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { buildEnvironment } from '../../../src/build/sources/upstream/build.ts';
import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { repository } from '../../../src/workstation/paths.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';

/** The module that the node's kubelet is built from. */
const MODULE = path.join(repository, 'os/upstream/kubernetes');
const OWN = ['main.go', 'types.go', 'flags.go'] as const;

const Printed = v.pipe(
  v.string(),
  v.parseJson(),
  v.strictObject({
    fields: v.record(v.string(), v.unknown()),
    flags: v.record(v.string(), v.string()),
  }),
);

const linesOf = (table: Readonly<Record<string, unknown>>): string =>
  Object.entries(table)
    .map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},\n`)
    .join('');

const format = ({ fields, flags }: v.InferOutput<typeof Printed>): string =>
  `// Printed by os/test/support/kubelet-fields, which asks kubelet's own code.
import type { Shape } from './shape.ts';

/** The types of the fields of a KubeletConfiguration. */
export const FIELDS: Readonly<Record<string, Shape>> = {
${linesOf(fields)}};

/** The field that each flag of kubelet sets; '' for one that sets none. */
export const FLAGS: Readonly<Record<string, string>> = {
${linesOf(flags)}};
`;

/** Builds the program in a folder, with the settings of kubelet's own build, and returns the agent's source file. */
export async function formatKubeletTable(dir: string): Promise<string> {
  const go = await ensureGo(silent);
  for (const name of ['go.mod', 'go.sum'])
    await copyFile(path.join(MODULE, name), path.join(dir, name));
  for (const name of OWN)
    await copyFile(path.join(import.meta.dirname, name), path.join(dir, name));
  const program = path.join(dir, 'kubelet-fields');
  await run(go, ['build', '-mod=readonly', '-trimpath', '-o', program, '.'], {
    cwd: dir,
    env: buildEnvironment(workstationArch(), undefined),
  });
  return format(v.parse(Printed, await run(program, [])));
}
