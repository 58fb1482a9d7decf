// The building blocks of the OpenAPI document: references, and JSON Schemas of the kinds used in it.

/** JSON Schema 2020-12, or a `$ref` to one. */
export type Schema = Readonly<Record<string, unknown>>

export const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` })
export const parameter = (name: string) => ({ $ref: `#/components/parameters/${name}` })
export const header = (name: string) => ({ $ref: `#/components/headers/${name}` })

export const object = (properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})
export const list = (items: Schema): Schema => ({ type: 'array', items })
export const text = (more: object = {}): Schema => ({ type: 'string', ...more })
export const count = (more: object = {}): Schema => ({ type: 'integer', minimum: 0, ...more })
export const json = (content: Schema) => ({ 'application/json': { schema: content } })
