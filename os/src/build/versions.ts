/** Versions of what the image takes from the npm registry. Upstream Go programs have theirs in os/upstream/<component>/go.mod. */
export const BUN = '1.4.5';
export const KOFFI = '3.3.4';

/** The product's own version: tag of its images, VERSION_ID of the node. */
export const KIOS = '0.1.0';
