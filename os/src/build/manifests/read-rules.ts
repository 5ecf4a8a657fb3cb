import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { cached, cacheKey } from '../../workstation/cache.ts';
import { repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { SHIPPED } from '../shipped.ts';
import { ensureGo } from '../sources/upstream/go-toolchain.ts';
import type { Rules } from './check.ts';
import { parsePolicy } from './policy-file.ts';
import type { Policy } from './rules/permissions.ts';
import { POLICY_FILE } from './rules/view.ts';
import { isRecord, type Schema, type Schemas } from './schema.ts';

const SCHEMA_FILE = 'schemas.json';
const API = 'api/openapi-spec/v3/api__v1_openapi.json';
const kubernetesDir = path.join(repository, 'os', 'upstream', 'kubernetes');

/** Not validated further: the file is Kubernetes' own. */
const SchemaFile = v.pipe(
  v.string(),
  v.parseJson(),
  v.record(v.string(), v.custom<Schema>(isRecord)),
);
const ApiDescription = v.object({
  components: v.object({ schemas: v.record(v.string(), v.unknown()) }),
});

/** Reads Kubernetes' description of a pod from the module that kubelet is built from. */
async function readSchemas(progress: Progress): Promise<Schemas> {
  const mod = await readFile(path.join(kubernetesDir, 'go.mod'), 'utf8');
  const dir = await cached('pod-schema', cacheKey(mod), async (into) => {
    const go = await ensureGo(progress);
    const args = ['list', '-mod=mod', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'];
    await run(go, ['mod', 'download', 'k8s.io/kubernetes'], { cwd: kubernetesDir });
    const module = (await run(go, args, { cwd: kubernetesDir })).trim();
    const text = await readFile(path.join(module, API), 'utf8');
    const { schemas } = v.parse(v.pipe(v.string(), v.parseJson(), ApiDescription), text).components;
    await writeFile(path.join(into, SCHEMA_FILE), JSON.stringify(schemas));
  });
  return v.parse(SchemaFile, await readFile(path.join(dir, SCHEMA_FILE), 'utf8'));
}

/** Reads what os/manifest-policy.yaml allows. */
export async function readPolicy(): Promise<Policy> {
  const text = await readFile(path.join(repository, POLICY_FILE), 'utf8');
  return { pods: parsePolicy(text), images: SHIPPED };
}

/** Reads the rules that manifests are checked against. */
export async function readRules(progress: Progress): Promise<Rules> {
  return { schemas: await readSchemas(progress), policy: await readPolicy() };
}
