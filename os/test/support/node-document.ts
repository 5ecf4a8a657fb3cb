import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { parse, stringify } from 'yaml';

import type { ControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { seedFor } from '../../src/lab/seed-document.ts';

/** Writes the bootstrap document of a node that gets nothing from the hypervisor. Returns its file. */
export async function writeNodeDocument(
  folder: string,
  plane: ControlPlane,
  nodeName: string,
  registries: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { 'user-data': text } = seedFor({
    instanceId: 'unused',
    endpoint: plane.endpointForGuest,
    caCertHash: plane.caCertHash,
    token: await plane.createBootstrapToken(),
    nodeName,
  });
  const file = path.join(folder, `${nodeName}.yaml`);
  await writeFile(file, stringify({ ...Object(parse(text)), registries }));
  return file;
}
