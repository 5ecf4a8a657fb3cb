/** The client certificate of kubelet.conf, as far as it can be read. */
export interface ClientCertificate {
  /** `system:node:<name>`. */
  readonly commonName: string;
  /** Milliseconds. */
  readonly notAfter: number;
}

const PREFIX = 'system:node:';

/** The node's name in a certificate that is still good, else undefined. NotBefore is not looked at: the clock may be behind. */
export function identityName(
  certificate: ClientCertificate | undefined,
  now: number,
): string | undefined {
  if (certificate === undefined || certificate.notAfter <= now) return undefined;
  const name = certificate.commonName;
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

/** One certificate in common is the same cluster in the middle of a CA rotation. */
export function sameCluster(before: readonly string[], after: readonly string[]): boolean {
  return before.length === 0 || before.some((certificate) => after.includes(certificate));
}
