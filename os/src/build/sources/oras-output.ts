/** Removes what an address may carry besides its path: passwords, and signatures of storage services. */
export const withoutSecrets = (text: string): string =>
  text
    .replaceAll(/(\w+:\/\/)[^\s/@"]+@/g, '$1')
    .replaceAll(/\?[^\s"'<>]+/g, '?…')
    .replaceAll(/\b(Bearer|Basic)\s+[\w+/=.~-]+/g, '$1 …');

/**
 * Returns what oras says about its failure. Other lines are those of credential helpers, which may say anything, and of
 * blobs that went well.
 */
export function causeIn(output: string): string {
  const lines = withoutSecrets(output).trim().split('\n');
  const start = lines.findLastIndex((line) => line.startsWith('Error'));
  if (start === -1) return 'oras gave no reason';
  return lines
    .slice(start)
    .join('\n')
    .replace(/^Error:?\s+/, '');
}
