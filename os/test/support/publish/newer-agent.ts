import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { makeImage } from '../../../src/build/formats/oci.ts';
import { makeSbom } from '../../../src/build/formats/sbom.ts';
import { Tree } from '../../../src/build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../../src/build/image/oci-layout.ts';
import { readRecord, writeRecord, writeSboms } from '../../../src/build/image/record.ts';
import {
  AGENT_ENTRYPOINT,
  AGENT_ENV,
  agentLayer,
  baseLayer,
  bunLayer,
  fetchParts,
} from '../../../src/build/image/runtime.ts';
import { imageName } from '../../../src/build/shipped.ts';
import { KIOS } from '../../../src/build/versions.ts';
import { bundleAgent } from '../../../src/workstation/agent-bundle.ts';
import { workstationArch } from '../../../src/workstation/arch.ts';
import { distDir } from '../../../src/workstation/paths.ts';
import { silent } from '../../../src/workstation/progress.ts';

/**
 * Writes what a build leaves whose only agent is one that says another version of itself, with a small file in the
 * place of the operating system. `dist` is new. There is a finished build. As after a change on the same day, the
 * layers that agents share are those of that build, and a node that was made from it need not pull them.
 */
export async function buildNewerAgent(dist: string, name: string, version: string): Promise<void> {
  const arch = workstationArch();
  const built = await readRecord(distDir(arch));
  if (built === undefined) throw new Error(`there is no finished build for ${arch}`);
  const { time } = built;
  const bundle = path.dirname(await bundleAgent(name, silent));
  const folder = path.join(dist, name, 'dist');
  await cp(bundle, folder, { recursive: true });
  const program = path.join(folder, 'agent.cjs');
  const parts = (await readFile(program, 'utf8')).split(`"${KIOS}"`);
  if (parts.length !== 2) throw new Error(`${program} names its version ${parts.length - 1} times`);
  await writeFile(program, parts.join(JSON.stringify(version)));
  const layout = path.join(dist, 'images');
  const from = await fetchParts(arch, silent);
  const trees = [await baseLayer(from), bunLayer(from), await agentLayer(program, from.bun)];
  const layers = await Promise.all(trees.map((tree) => writeLayer(layout, tree, time)));
  const spec = { name: imageName(name), layers, entrypoint: AGENT_ENTRYPOINT, env: AGENT_ENV };
  const images = [makeImage(spec, arch, time)];
  await writeLayout(layout, images, arch);
  await writeSboms(dist, images, time);
  await mkdir(dist, { recursive: true });
  await writeFile(path.join(dist, 'kios.efi'), 'no system');
  await writeFile(path.join(dist, 'sbom.spdx.json'), await makeSbom('kios', [new Tree()], time));
  await writeRecord(dist, { arch, time, kernel: 'kios', bootstrap: undefined });
}
