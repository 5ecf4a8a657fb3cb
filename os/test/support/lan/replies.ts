import * as v from 'valibot';

const Links = v.record(
  v.string(),
  v.array(v.object({ family: v.string(), cidr: v.nullable(v.string()), mac: v.string() })),
);
type Links = v.InferOutput<typeof Links>;

const json = <const Schema extends v.GenericSchema>(schema: Schema) =>
  v.pipe(v.string(), v.parseJson(), schema);

/** What `SERVE` tells of whom it serves for. */
export const Server = json(v.object({ name: v.string(), boot: v.string(), links: Links }));
export type Server = v.InferOutput<typeof Server>;

/** What `LOOK` prints. */
export const BridgeFacts = json(
  v.object({
    links: Links,
    mac: v.string(),
    /** Ports, each with its MAC. */
    ports: v.array(v.tuple([v.string(), v.string()])),
    stp: v.string(),
    forwardDelay: v.string(),
    filtered: v.string(),
  }),
);
export type BridgeFacts = v.InferOutput<typeof BridgeFacts>;

/** Returns the IPv4 address of each link that has one, with its length. */
export const ipv4 = (links: Links): Readonly<Record<string, string | null>> =>
  Object.fromEntries(
    Object.entries(links).flatMap(([name, addresses]) =>
      addresses.flatMap(({ family, cidr }) => (family === 'IPv4' ? [[name, cidr]] : [])),
    ),
  );
