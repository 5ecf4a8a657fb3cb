import * as v from 'valibot';

import { withoutCredentials } from '../../core/cluster/kubeconfig.ts';
import type { Part } from '../../core/document/parsed-document.ts';
import { type AuthSpec, NodeBootstrap } from '../../core/document/schema.ts';

/** A document as it is kept for later boots. */
export const CachedPart = v.object({
  source: v.string(),
  kind: v.string(),
  document: NodeBootstrap,
});

/** Returns the part of the credentials that is no secret. One that names a program holds none. */
function publicAuth(auth: AuthSpec | undefined): AuthSpec | undefined {
  if (auth?.kubeconfig !== undefined) return { kubeconfig: withoutCredentials(auth.kubeconfig) };
  return auth?.awsIamAuthenticator === undefined && auth?.exec === undefined ? undefined : auth;
}

/** Removes what authenticates to the cluster, which is used once. Passwords of registries are needed at each boot. */
export function withoutSecrets(
  part: Part | undefined,
): v.InferOutput<typeof CachedPart> | undefined {
  if (part === undefined) return undefined;
  const { source, kind, document } = part;
  return { source, kind, document: { ...document, auth: publicAuth(document.auth) } };
}

export const asPart = (cached: v.InferOutput<typeof CachedPart> | undefined): Part | undefined =>
  cached && { ...cached, warnings: [] };
