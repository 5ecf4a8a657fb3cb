/**
 * The mark of what a network file says: IFA_PROTO of addresses, RTPROT of routes, FRA_PROTOCOL of rules. Nothing
 * without it is ever deleted for the file's sake. That of leases is `OURS`, so that neither takes the other's away.
 */
export const STATIC = 107;
