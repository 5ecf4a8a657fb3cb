/** The consequence of a CA bundle that a cluster publishes. */
export interface CaChange {
  /** The bundle to trust from now on, if the API server can be verified with it; undefined when nothing changes. */
  readonly ca: readonly string[] | undefined;
  /** The published certificates for which nothing vouches yet. */
  readonly unproven: readonly string[];
  /** The bundle has nothing in common with the present one, so that its certificates are not even remembered. */
  readonly isForeign: boolean;
}

/**
 * Compares a published bundle with the present one. Who may write one ConfigMap publishes a bundle, so a certificate
 * in it counts only if the node has it already or `isVouched` says so. One in common is no proof for the others.
 */
export function compareCa(
  present: readonly string[],
  published: readonly string[],
  isVouched: (certificate: string) => boolean,
): CaChange {
  const isKnown = (certificate: string): boolean =>
    present.includes(certificate) || isVouched(certificate);
  const different = [...new Set(published)];
  const known = different.filter(isKnown);
  const isSame = known.length === present.length && known.every((item) => present.includes(item));
  return {
    ca: known.length === 0 || isSame ? undefined : known,
    unproven: different.filter((certificate) => !isKnown(certificate)),
    isForeign: known.length === 0,
  };
}
