import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';

import type { ControlPlane } from './control-plane.ts';

const repository = path.resolve(import.meta.dirname, '../../../..');

const Named = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string(), namespace: v.optional(v.string()) }),
});
type Named = v.InferOutput<typeof Named>;

/** Returns the objects of `examples/NAME/NAME.yaml`. */
export const readExample = (name: string): readonly Named[] => {
  const text = readFileSync(path.join(repository, `examples/${name}/${name}.yaml`), 'utf8');
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
export async function applyExample(plane: ControlPlane, name: string): Promise<void> {
  for (const object of readExample(name).filter(({ kind }) => kind !== 'DaemonSet'))
    for (let tries = 0; ; tries++) {
      const { status, body } = await plane.ask('POST', pathOf(object), object);
      if (status === 201) break;
      if (tries > 100) throw new Error(`POST ${pathOf(object)}: ${status} ${body}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
}
