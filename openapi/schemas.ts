// The building blocks of the OpenAPI document: references, and JSON Schemas of the kinds used in it.
import type { Examples } from './examples.ts'

/** JSON Schema 2020-12, or a `$ref` to one. */
export type Schema = Readonly<Record<string, unknown>>

/** A reference to a component of the document. */
export type Reference = Readonly<{ $ref: string }>

export const schema = (name: string): Reference => ({ $ref: `#/components/schemas/${name}` })
export const parameter = (name: string): Reference => ({ $ref: `#/components/parameters/${name}` })
export const header = (name: string): Reference => ({ $ref: `#/components/headers/${name}` })

export const object = (properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})
export const list = (items: Schema): Schema => ({ type: 'array', items })
export const text = (more: object = {}): Schema => ({ type: 'string', ...more })
export const count = (more: object = {}): Schema => ({ type: 'integer', minimum: 0, ...more })
/** The content by media type (OpenAPI 3.1, section 4.8.14). */
export type Content = Readonly<Record<string, { schema: Schema; examples?: Examples }>>

const JSON_TYPE = ['application/json']

/** Repeats the schema for each of these types. */
export const content = (body: Schema, examples?: Examples, types = JSON_TYPE): Content =>
  Object.fromEntries(types.map((type) => [type, { schema: body, ...(examples && { examples }) }]))
