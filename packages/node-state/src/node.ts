import * as v from 'valibot';

/** `platform/node.json`: how the node stands to its cluster. Init needs it to judge a new version of the system. */
export const NodeState = v.object({
  v: v.literal(1),
  /**
   * `alone`: no document names a cluster. `joining`: one does, or may, and the node is no member yet. `ready` and
   * `not-ready`: the Node in the API, by the heartbeats of this kubelet; also `not-ready` when the API server does not
   * answer. `unknown`: only kubelet itself can ask for it.
   */
  state: v.picklist(['alone', 'joining', 'ready', 'not-ready', 'unknown']),
  /** Seconds of CLOCK_BOOTTIME. */
  looked: v.number(),
});
export type NodeState = v.InferOutput<typeof NodeState>;
