import * as v from 'valibot';

/** `platform/cluster.json`: the cluster that the node is a member of. It exists only once the node has joined. */
export const ClusterState = v.object({
  v: v.literal(1),
  /** Address of the API server, `https://host:port`. */
  server: v.pipe(v.string(), v.url()),
});
export type ClusterState = v.InferOutput<typeof ClusterState>;
