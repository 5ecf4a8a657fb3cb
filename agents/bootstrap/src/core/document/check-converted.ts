import * as v from 'valibot';

import { endpointFault } from '../cluster/cluster-config.ts';
import { fieldError } from '../faults/errors.ts';
import { writtenAt } from './formats/written.ts';
import { unknownKubeletFields } from './kubelet-fields.ts';
import type { ParsedDocument } from './parsed-document.ts';
import { NodeBootstrap } from './schema.ts';

/** Returns the faults of a document that another form became, each with its path in our form. */
function faultsOf(document: NodeBootstrap): readonly (readonly [path: string, why: string])[] {
  const { issues = [] } = v.safeParse(NodeBootstrap, document);
  const endpoint = document.cluster?.endpoint;
  const fault = endpoint === undefined ? undefined : endpointFault(endpoint);
  return [
    ...issues.map((issue) => [v.getDotPath(issue) ?? '', issue.message] as const),
    ...(fault === undefined ? [] : [['cluster.endpoint', fault] as const]),
  ];
}

/**
 * Holds a converted document against the schema of our own ones, and names fields of kubelet that do not exist. Faults
 * and warnings have the path that the user wrote.
 */
export function checkConverted(source: string, reading: ParsedDocument): ParsedDocument {
  const { document, kind, warnings } = reading;
  const faults = kind === document.kind ? [] : faultsOf(document);
  if (faults.length > 0) {
    const told = faults.map(([path, why]) => `${writtenAt(kind, path)}: ${why}`);
    throw fieldError(`read ${source}: ${told.join('; ')}`);
  }
  const unknown = unknownKubeletFields(document.kubelet?.config ?? {});
  const named = unknown.map(({ path, why }) => ({ path: writtenAt(kind, path), why }));
  return { ...reading, warnings: [...warnings, ...named] };
}
