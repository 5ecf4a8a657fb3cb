import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { ControlPlane } from '@kios/testkit/control-plane';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';

const repository = path.resolve(import.meta.dirname, '../../../..');

const Named = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string(), namespace: v.optional(v.string()) }),
});
export type Named = v.InferOutput<typeof Named>;

/** The objects of examples/lifecycle/lifecycle.yaml. */
export const readManifest = (): readonly Named[] => {
  const text = readFileSync(path.join(repository, 'examples/lifecycle/lifecycle.yaml'), 'utf8');
  return parseAllDocuments(text).map((document) => v.parse(Named, document.toJS()));
};

const PLURALS: Readonly<Record<string, string>> = {
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
};

function pathOf({ apiVersion, kind, metadata: { namespace } }: Named): string {
  const api = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  return namespace === undefined ? `${api}/${plural}` : `${api}/namespaces/${namespace}/${plural}`;
}

/** Creates the objects, except what only controllers act on. The namespace comes a moment after the API server. */
export async function applyManifest(plane: ControlPlane): Promise<void> {
  for (const object of readManifest().filter(({ kind }) => kind !== 'DaemonSet'))
    for (let tries = 0; ; tries++) {
      const { status, body } = await plane.ask('POST', pathOf(object), object);
      if (status === 201) break;
      if (tries > 100) throw new Error(`POST ${pathOf(object)}: ${status} ${body}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
}
