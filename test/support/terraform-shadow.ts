import {cpSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {type Block, type Body, isBody, type Json, type Module} from './terraform-module.ts'
import type {Schemas} from './terraform-schema.ts'

/**
 * A module as Terraform can plan it without a provider: each resource and data source of a cloud becomes a `terraform_data`,
 * whose input is its arguments and blocks. So every expression is evaluated by Terraform itself, everything that a cloud would
 * tell is unknown until then, as it is in a real plan, and cycles and keys that are known too late are its own findings.
 */
export function writeShadow(
  module: Module,
  schemas: Schemas,
  folder: string,
  sources: (source: string) => string,
): void {
  mkdirSync(folder, {recursive: true})
  for (const file of readdirSync(module.folder).filter((one) => !one.endsWith('.tf'))) {
    cpSync(path.join(module.folder, file), path.join(folder, file), {recursive: true})
  }
  const blocks = [
    ...module.resources.map((block) => ({...block, kind: ''})),
    ...module.data.map((block) => ({...block, kind: 'data_'})),
  ]
  const replaced = (value: Json): Json => rewrite(value, blocks)
  const entries = <T>(items: Iterable<[string, T]>, make: (one: T) => Json): Body =>
    Object.fromEntries([...items].map(([key, one]) => [key, make(one)]))
  const text = {
    terraform: {required_version: '>= 1.9'},
    variable: entries(module.variables, ({type, ...variable}) => ({
      ...variable,
      type: String(type).replace(/^\$\{([\s\S]*)\}$/, '$1'),
    })),
    locals: {
      ...entries(module.locals, replaced),
      ...Object.fromEntries(blocks.map((block) => [localOf(block), `\${${outputsOf(block, schemas)}}`])),
    },
    output: entries(module.outputs, replaced),
    module: Object.fromEntries(
      module.modules.map(({name, body}) => [
        name,
        {...(replaced(body) as Body), source: sources(path.join(module.folder, String(body.source)))},
      ]),
    ),
    resource:
      blocks.length === 0
        ? {}
        : {terraform_data: Object.fromEntries(blocks.map((block) => [nameOf(block), replaced(shadowOf(block))]))},
  }
  const filled = Object.fromEntries(Object.entries(text).filter(([, part]) => Object.keys(part).length > 0))
  writeFileSync(path.join(folder, 'main.tf.json'), JSON.stringify(filled, null, 1))
}

function shadowOf({body}: Block): Json {
  const {for_each, count, depends_on: _depends, lifecycle: _lifecycle, ...given} = body
  const meta = for_each !== undefined ? {for_each} : count !== undefined ? {count} : {}
  return {...meta, input: withDynamic(given)}
}

type Kinded = Block & {readonly kind: string}

const nameOf = ({kind, type, name}: Kinded): string => `${kind}${type}__${name}`
const localOf = (block: Kinded): string => `shadow_${nameOf(block)}`

/** What others see of it: every attribute, all unknown, in the shape that its count or for_each gives. */
function outputsOf(block: Kinded, schemas: Schemas): string {
  const shape = (block.kind ? schemas.data : schemas.resource).get(block.type)
  const names = new Set(['id', ...(shape ? [...shape.required, ...shape.optional, ...shape.computed] : [])])
  const seen = (one: string): string => `{ ${[...names].map((name) => `"${name}" = ${one}.id`).join(', ')} }`
  const all = `terraform_data.${nameOf(block)}`
  if (block.body.for_each !== undefined) return `{ for key, one in ${all} : key => ${seen('one')} }`
  return block.body.count !== undefined ? `[for one in ${all} : ${seen('one')}]` : seen(all)
}

function rewrite(value: Json, blocks: readonly Kinded[]): Json {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value
    return value.replaceAll(
      /(?<![\w.])(data\.)?((?:aws|google|azurerm|exoscale)_\w+)\.(\w+)/g,
      (whole, data, type, name) => {
        const kind = data ? 'data_' : ''
        const block = blocks.find((one) => one.kind === kind && one.type === type && one.name === name)
        return block ? `local.${localOf(block)}` : whole
      },
    )
  }
  if (Array.isArray(value)) return value.map((one) => rewrite(one, blocks))
  if (isBody(value)) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, rewrite(one, blocks)]))
  return value
}

/** `dynamic` blocks as the lists that they make. */
function withDynamic(body: Body): Body {
  const {dynamic, ...rest} = body
  const plain = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, withDynamicInside(value)]))
  if (!isBody(dynamic)) return plain
  const made = Object.entries(dynamic).map(([key, of]) => {
    const [block] = Array.isArray(of) ? of.filter(isBody) : []
    const [content] = Array.isArray(block?.content) ? block.content.filter(isBody) : []
    const text = expressionOf(withDynamic(content ?? {}))
      .replaceAll(new RegExp(`(?<![\\w."])${key}\\.value`, 'g'), 'shadow_value')
      .replaceAll(new RegExp(`(?<![\\w."])${key}\\.key`, 'g'), 'shadow_key')
    const list = `[for shadow_key, shadow_value in ${expressionOf(block?.for_each ?? null)} : ${text}]`
    // Blocks of that name stand beside those that are made.
    return [key, plain[key] === undefined ? `\${${list}}` : `\${concat(${expressionOf(plain[key])}, ${list})}`] as const
  })
  return {...plain, ...Object.fromEntries(made)}
}

function withDynamicInside(value: Json): Json {
  if (Array.isArray(value)) return value.map(withDynamicInside)
  return isBody(value) ? withDynamic(value) : value
}

/** A value in Terraform's own syntax. */
function expressionOf(value: Json): string {
  if (typeof value === 'string') return templateOf(value)
  if (Array.isArray(value)) return `[${value.map(expressionOf).join(', ')}]`
  if (isBody(value))
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${JSON.stringify(key)} = ${expressionOf(one)}`)
      .join(', ')} }`
  return JSON.stringify(value)
}

/** Of a text with expressions in it: the expressions as they are, the rest quoted. */
function templateOf(text: string): string {
  let said = '"'
  for (let at = 0; at < text.length; ) {
    if (!text.startsWith('${', at)) {
      said += JSON.stringify(text[at]).slice(1, -1)
      at++
      continue
    }
    const end = endOf(text, at + 2)
    said += text.slice(at, end)
    at = end
  }
  return `${said}"`
}

/** Behind the brace that closes an expression. Braces in its strings come in pairs. */
function endOf(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at + 1
  }
  return text.length
}
