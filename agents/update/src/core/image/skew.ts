/** https://kubernetes.io/releases/version-skew-policy: kubelet is never newer, and at most three minors older. */
const OLDEST = 3;

function minorOf(version: string): number | undefined {
  const [, minor] = /^v?1\.(\d+)(?:\.|\+|$)/.exec(version) ?? [];
  return minor === undefined ? undefined : Number(minor);
}

/** Says why a kubelet does not fit an API server; undefined when it does. */
export function skewFault(kubelet: string, server: string): string | undefined {
  const [ours, theirs] = [minorOf(kubelet), minorOf(server)];
  if (ours === undefined || theirs === undefined)
    return `nobody can compare kubelet ${kubelet} with the API server ${server}`;
  if (ours > theirs) return `its kubelet ${kubelet} is newer than the API server ${server}`;
  if (theirs - ours > OLDEST)
    return `its kubelet ${kubelet} is more than ${OLDEST} minor releases older than the API server ${server}`;
  return undefined;
}
