/** Metrics of the routes of links: the first link that is found, or that is read of the file, is preferred. */
export const LINK_METRIC = { first: 100, step: 10 } as const;

/** Added to it for the second router of a link: the first one of any link comes before it. */
export const FALLBACK_METRIC = 10_000;
