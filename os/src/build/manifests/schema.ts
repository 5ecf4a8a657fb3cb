/** The part of OpenAPI 3 that describes the Kubernetes API. */
export interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
}

export type Schemas = Readonly<Record<string, Schema>>;

/** A fault of a document: a path in it, such as `spec.containers[0].image`, and the cause. */
export interface Fault {
  readonly path: string;
  readonly cause: string;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeOf = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (Number.isInteger(value)) return 'integer';
  return typeof value;
};

const fits = (actual: string, wanted: string): boolean =>
  actual === wanted || (actual === 'integer' && wanted === 'number');

const fieldOf = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const NAME = /[^/]+$/;

class Validator {
  readonly faults: Fault[] = [];
  readonly #schemas: Schemas;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
  }

  check(value: unknown, schema: Schema, path: string): void {
    const referred = schema.$ref === undefined ? undefined : NAME.exec(schema.$ref)?.[0];
    if (referred !== undefined) this.check(value, this.#schemas[referred] ?? {}, path);
    for (const part of schema.allOf ?? []) this.check(value, part, path);
    if (schema.oneOf !== undefined) this.#oneOf(value, schema.oneOf, path);
    if (schema.type !== undefined) this.#typed(value, schema, schema.type, path);
  }

  #fault(path: string, cause: string): void {
    this.faults.push({ path: path === '' ? '(document)' : path, cause });
  }

  #oneOf(value: unknown, options: readonly Schema[], path: string): void {
    const actual = typeOf(value);
    const types = options.map(({ type = '' }) => type);
    if (!types.some((type) => fits(actual, type)))
      this.#fault(path, `is ${actual}, must be ${types.join(' or ')}`);
  }

  #typed(value: unknown, schema: Schema, wanted: string, path: string): void {
    const actual = typeOf(value);
    if (!fits(actual, wanted)) {
      this.#fault(path, `is ${actual}, must be ${wanted}`);
      return;
    }
    if (schema.enum !== undefined && !schema.enum.includes(value))
      this.#fault(path, `is ${JSON.stringify(value)}, must be one of ${schema.enum.join(', ')}`);
    if (Array.isArray(value))
      for (const [index, item] of value.entries())
        this.check(item, schema.items ?? {}, `${path}[${index}]`);
    if (isRecord(value)) this.#object(value, schema, path);
  }

  #object(value: Record<string, unknown>, schema: Schema, path: string): void {
    const { properties, additionalProperties, required = [] } = schema;
    for (const name of required)
      if (!(name in value)) this.#fault(fieldOf(path, name), 'is missing');
    for (const [name, field] of Object.entries(value)) {
      const known = properties?.[name];
      if (known !== undefined) this.check(field, known, fieldOf(path, name));
      else if (isRecord(additionalProperties))
        this.check(field, additionalProperties, fieldOf(path, name));
      else if (properties !== undefined)
        this.#fault(fieldOf(path, name), 'is not a field of this object');
    }
  }
}

/**
 * Returns every fault of `value` under the schema `name`. Unknown fields are faults, because kubelet ignores them
 * silently.
 */
export function validate(schemas: Schemas, name: string, value: unknown): Fault[] {
  const schema = schemas[name];
  if (schema === undefined) throw new Error(`no schema is called ${name}`);
  const validator = new Validator(schemas);
  validator.check(value, schema, '');
  return validator.faults;
}
