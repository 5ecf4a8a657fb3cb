type Json = Readonly<Record<string, unknown>>;

/** Fields of KubeletConfiguration that say what a field of a node says; kubelet goes by one of them. */
const TWINS = { maxPods: 'maxPods', taints: 'registerWithTaints', providerID: 'providerID' };

/** Returns kubelet's fields without those of which the node's fields say something else. */
export function withoutTwins(config: Json, node: object): Json {
  const said = Object.entries(TWINS)
    .filter(([field]) => Object.hasOwn(node, field))
    .map(([, twin]) => twin);
  return Object.fromEntries(
    Object.entries(config).filter(([field]) => !said.some((twin) => twin === field)),
  );
}
