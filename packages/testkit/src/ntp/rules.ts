import * as v from 'valibot';

/** Codes by which a server asks a client to ask less often or never again (RFC 5905, 7.4). */
export const KISSES = ['RATE', 'DENY', 'RSTR'] as const;

/** How a server replies. Without any property it tells the workstation's time as a good server does. */
export const NtpRule = v.strictObject({
  /** Its time less the workstation's. */
  offsetSeconds: v.optional(v.number(), 0),
  /** 16: it has no time itself. */
  stratum: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)), 2),
  /** 1 and 2: a leap second comes. 3: its clock is not set. */
  leap: v.optional(v.picklist([0, 1, 2, 3]), 0),
  /** It replies with this code in place of a time. */
  kiss: v.optional(v.picklist(KISSES)),
  /** The part of the requests, from 0 to 1, that it does not reply to. */
  loss: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0),
  /** The rule counts for this many requests. After that the next one does. */
  times: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});
export type NtpRule = v.InferInput<typeof NtpRule>;
export type NtpReply = v.InferOutput<typeof NtpRule>;

export const parseRules = (json: string): readonly NtpReply[] =>
  v.parse(v.pipe(v.string(), v.parseJson(), v.array(NtpRule)), json);
