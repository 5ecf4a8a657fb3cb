/**
 * Returns when a JSON Web Token expires (RFC 7519 §4.1.4), in milliseconds since 1970; undefined for any other text,
 * and for one that does not say. Nothing is verified: it only words what the API server has refused.
 */
export function expiryOfJwt(token: string): number | undefined {
  const payload = token.split('.')[1] ?? '';
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    const isMap = typeof claims === 'object' && claims !== null && 'exp' in claims;
    return isMap && typeof claims.exp === 'number' ? claims.exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
