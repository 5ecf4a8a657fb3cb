import * as v from 'valibot';

const JudgedFault = v.object({
  path: v.string(),
  /** An ErrorType of Kubernetes' validation, `UnknownField`, `WrongType`, or, of a configuration, `Refused`. */
  kind: v.string(),
  value: v.optional(v.unknown()),
  detail: v.optional(v.string(), ''),
});
export type JudgedFault = v.InferOutput<typeof JudgedFault>;

const Verdict = v.object({
  value: v.optional(v.unknown()),
  unreadable: v.optional(v.string()),
  faults: v.array(JudgedFault),
  refers: v.optional(v.string()),
});
/** What kubelet makes of a manifest, as `os/upstream/kubernetes/judge` writes it. */
export type Verdict = v.InferOutput<typeof Verdict>;

export const Verdicts = v.pipe(v.string(), v.parseJson(), v.array(Verdict));

/** What kubelet makes of its own configuration. */
export const ConfigVerdict = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ faults: v.array(JudgedFault) }),
);
