import * as v from 'valibot';

import type { Part } from '../../core/document/parsed-document.ts';
import { NodeBootstrap } from '../../core/document/schema.ts';

/** A document as it is kept for later boots. */
export const CachedPart = v.object({
  source: v.string(),
  kind: v.string(),
  document: NodeBootstrap,
});

/** Removes secrets, which are used only once. An `auth` that names a program holds none. */
export function withoutSecrets(
  part: Part | undefined,
): v.InferOutput<typeof CachedPart> | undefined {
  if (part === undefined) return undefined;
  const { source, kind, document } = part;
  const { auth, ...rest } = document;
  const isOpen = auth?.awsIamAuthenticator !== undefined || auth?.exec !== undefined;
  return { source, kind, document: isOpen ? document : rest };
}

export const asPart = (cached: v.InferOutput<typeof CachedPart> | undefined): Part | undefined =>
  cached && { ...cached, warnings: [] };
