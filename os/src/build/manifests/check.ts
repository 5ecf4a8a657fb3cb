import { LineCounter, parseDocument } from 'yaml';

import { policyFaults, type Policy } from './policy.ts';
import { type ManifestFile, shippedName } from './read.ts';
import { isRecord, validate, type Fault, type Schemas } from './schema.ts';

const POD = 'io.k8s.api.core.v1.Pod';

/** A fault of a manifest, ready to be shown as `file: path: cause`. */
export interface ManifestFault extends Fault {
  readonly file: string;
}

export interface Rules {
  readonly schemas: Schemas;
  readonly policy: Policy;
}

function podFaults(pod: unknown, { schemas, policy }: Rules): Fault[] {
  if (!isRecord(pod)) return [{ path: '(document)', cause: 'is not an object' }];
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

/** Names that files use, each with the first file that uses it. */
class Owners {
  readonly #owners = new Map<unknown, string>();

  /** Gives a name to a file, or returns the earlier file that has it. */
  take(name: unknown, file: string): string | undefined {
    const owner = this.#owners.get(name);
    if (owner === undefined && name !== undefined) this.#owners.set(name, file);
    return owner;
  }
}

/**
 * Returns every fault of the manifests. Of two files with one pod, or with one name on the node, the later is at fault.
 */
export function checkManifests(files: readonly ManifestFile[], rules: Rules): ManifestFault[] {
  const [names, pods] = [new Owners(), new Owners()];
  return files.flatMap((file) => {
    if (!/\.ya?ml$/.test(file.name))
      return [{ file: file.name, path: '(file name)', cause: 'must end in .yaml or .yml' }];
    const faults = fileFaults(file, rules);
    const sameName = names.take(shippedName(file.name), file.name);
    if (sameName !== undefined)
      faults.push({ path: '(file name)', cause: `${sameName} has the same name on the node` });
    const isParsed = !faults.some(({ path }) => path.startsWith('line '));
    const samePod = isParsed ? pods.take(nameOf(file), file.name) : undefined;
    if (samePod !== undefined)
      faults.push({ path: 'metadata.name', cause: `${samePod} has this name already` });
    return faults.map((fault) => ({ file: file.name, ...fault }));
  });
}
