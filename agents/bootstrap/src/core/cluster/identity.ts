/** The client certificate of kubelet.conf. */
export interface ClientCertificate {
  /** `system:node:<name>`. */
  readonly commonName: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

const PREFIX = 'system:node:';

/**
 * Returns the node's name in a certificate that has not expired. NotBefore is ignored, because the clock may be behind.
 */
export function identityName(
  certificate: ClientCertificate | undefined,
  now: number,
): string | undefined {
  if (certificate === undefined || certificate.notAfter <= now) return undefined;
  const name = certificate.commonName;
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

/** Returns whether two CAs are of one cluster: during a CA rotation they share a certificate. */
export function sameCluster(before: readonly string[], after: readonly string[]): boolean {
  return before.length === 0 || before.some((certificate) => after.includes(certificate));
}
