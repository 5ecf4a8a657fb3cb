import { LineCounter, parseDocument } from 'yaml';

import { policyFaults, type Policy } from './policy.ts';
import { isRecord, validate, type Fault, type Schemas } from './schema.ts';

const POD = 'io.k8s.api.core.v1.Pod';

/** One file of manifests/. */
export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

/** A fault of a manifest, ready to be shown as `file: path: cause`. */
export interface ManifestFault extends Fault {
  readonly file: string;
}

export interface Rules {
  readonly schemas: Schemas;
  readonly policy: Policy;
}

function podFaults(pod: unknown, { schemas, policy }: Rules): Fault[] {
  if (!isRecord(pod)) return [{ path: '(document)', cause: 'is no object' }];
  const { apiVersion, kind } = pod;
  if (apiVersion !== 'v1' || kind !== 'Pod')
    return [{ path: 'kind', cause: `is ${String(apiVersion)} ${String(kind)}, must be v1 Pod` }];
  return [...validate(schemas, POD, pod), ...policyFaults(pod, policy)];
}

function fileFaults({ text }: ManifestFile, rules: Rules): Fault[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  const errors = document.errors.map((error) => {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    return { path: `line ${line}, column ${col}`, cause: error.message.split('\n')[0] ?? '' };
  });
  return errors.length > 0 ? errors : podFaults(document.toJS({ maxAliasCount: 100 }), rules);
}

const nameOf = ({ text }: ManifestFile): unknown => {
  const document: unknown = parseDocument(text).toJS();
  const metadata = isRecord(document) ? document['metadata'] : undefined;
  return isRecord(metadata) ? metadata['name'] : undefined;
};

/** Every fault of the manifests, by file; two pods of one name are a fault of the later file. */
export function checkManifests(files: readonly ManifestFile[], rules: Rules): ManifestFault[] {
  const faults: ManifestFault[] = [];
  const owners = new Map<unknown, string>();
  for (const file of files) {
    const found = fileFaults(file, rules);
    faults.push(...found.map((fault) => ({ file: file.name, ...fault })));
    if (found.some(({ path }) => path.startsWith('line '))) continue;
    const name = nameOf(file);
    const owner = owners.get(name);
    if (owner !== undefined && name !== undefined)
      faults.push({
        file: file.name,
        path: 'metadata.name',
        cause: `${owner} has this name already`,
      });
    owners.set(name, owner ?? file.name);
  }
  return faults;
}
