import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {type Block, type Body, isBody, type Json, type Module} from './terraform-module.ts'

/** What a body may hold, as scripts/terraform-schemas.mjs writes it down. */
export interface Shape {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  readonly blocks: Readonly<Record<string, NestedShape>>
}
interface NestedShape extends Shape {
  readonly isRequired?: boolean
  readonly isMany?: boolean
  /** The provider has an attribute there, which may be written as blocks. */
  readonly isAttribute?: boolean
}
export interface TypeShape extends Shape {
  readonly computed: readonly string[]
}
interface ProviderSchema {
  readonly provider: string
  readonly version: string
  readonly source: string
  readonly resource: Readonly<Record<string, TypeShape>>
  readonly data: Readonly<Record<string, TypeShape>>
}

export interface Schemas {
  readonly providers: readonly ProviderSchema[]
  readonly resource: ReadonlyMap<string, TypeShape>
  readonly data: ReadonlyMap<string, TypeShape>
}

export function readSchemas(folder: string): Schemas {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  const providers = files.map((file): ProviderSchema => JSON.parse(readFileSync(path.join(folder, file), 'utf8')))
  return {
    providers,
    resource: new Map(providers.flatMap(({resource}) => Object.entries(resource))),
    data: new Map(providers.flatMap(({data}) => Object.entries(data))),
  }
}

/** Arguments that every resource, data source and module has of Terraform itself. */
const META = new Set(['count', 'for_each', 'provider', 'providers', 'depends_on', 'lifecycle', 'provisioner', 'source'])

/** Every breach of the providers' schemas, as `PLACE: what`. */
export function schemaBreaches(module: Module, schemas: Schemas): string[] {
  return [
    ...module.resources.flatMap((block) => ofType(block, schemas.resource, '')),
    ...module.data.flatMap((block) => ofType(block, schemas.data, 'data.')),
  ]
}

function ofType({type, name, body}: Block, types: ReadonlyMap<string, TypeShape>, kind: string): string[] {
  const at = `${kind}${type}.${name}`
  const shape = types.get(type)
  if (!shape) return [`${at}: no type ${type}; after a new one, run scripts/terraform-schemas.mjs`]
  const given = Object.fromEntries(Object.entries(body).filter(([key]) => !META.has(key)))
  return [...ofBody(given, shape, at, new Set(shape.computed)), ...ofIgnored(body.lifecycle, shape, at)]
}

function ofBody(body: Body, shape: Shape, at: string, computed: ReadonlySet<string>): string[] {
  const found: string[] = []
  const known = new Set([...shape.required, ...shape.optional])
  const dynamic = dynamicBlocks(body.dynamic)
  for (const [key, value] of [...Object.entries(body).filter(([one]) => one !== 'dynamic'), ...dynamic]) {
    const block = shape.blocks[key]
    if (block) found.push(...ofBlocks(key, value, block, at))
    else if (known.has(key)) continue
    else if (computed.has(key)) found.push(`${at}: ${key} is told, and cannot be set`)
    else found.push(`${at}: no argument ${key}`)
  }
  const given = new Set([...Object.keys(body), ...dynamic.map(([key]) => key)])
  for (const key of shape.required) if (!given.has(key)) found.push(`${at}: ${key} is required`)
  for (const [key, {isRequired}] of Object.entries(shape.blocks)) {
    if (isRequired && !given.has(key)) found.push(`${at}: block ${key} is required`)
  }
  return found
}

function ofBlocks(key: string, value: Json, block: NestedShape, at: string): string[] {
  if (block.isAttribute && typeof value === 'string') return []
  if (!Array.isArray(value)) return [`${at}: ${key} is a block, and no argument`]
  const inner = value.filter(isBody)
  const many = !block.isMany && inner.length > 1 ? [`${at}: one block ${key} at most`] : []
  return [...many, ...inner.flatMap((one) => ofBody(one, block, `${at}.${key}`, new Set()))]
}

/** `dynamic "x" { content {…} }` as the blocks that it makes: one, for its shape. */
function dynamicBlocks(dynamic: Json | undefined): [string, Json][] {
  if (!isBody(dynamic)) return []
  return Object.entries(dynamic).flatMap(([key, of]) =>
    (Array.isArray(of) ? of.filter(isBody) : []).map((one): [string, Json] => [key, one.content ?? null]),
  )
}

function ofIgnored(lifecycle: Json | undefined, shape: Shape, at: string): string[] {
  const [first] = Array.isArray(lifecycle) ? lifecycle.filter(isBody) : []
  const ignored = first?.ignore_changes
  return (Array.isArray(ignored) ? ignored : []).flatMap((text) => {
    const [name] = /\w+/.exec(String(text)) ?? ['']
    const isKnown = shape.required.includes(name) || shape.optional.includes(name) || name in shape.blocks
    return isKnown ? [] : [`${at}: ignore_changes names ${name}, which is no argument`]
  })
}
