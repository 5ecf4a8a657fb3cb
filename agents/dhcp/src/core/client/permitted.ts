import { serverOf } from '../lease/lease.ts';
import { isHolding, type Policy, type State } from './model.ts';
import type { Reply } from './replies.ts';

/**
 * Returns whether the operator lets the reply's server count. Who extends a lease without saying who it is is the
 * lease's server. RFC 2131 §4.4.1 leaves the choice of a server to the client.
 */
export function isPermitted(state: State, reply: Reply, policy: Policy): boolean {
  const { allowServers, denyServers } = policy;
  const server = serverOf(reply.message, reply.source);
  if ([server, reply.source].some((each) => each !== undefined && denyServers.includes(each)))
    return false;
  if (allowServers.length === 0) return true;
  return server === undefined ? isHolding(state) : allowServers.includes(server);
}
