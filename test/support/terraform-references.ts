import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {type Body, type Json, type Module, textsIn, textsOf} from './terraform-module.ts'
import type {Schemas, TypeShape} from './terraform-schema.ts'

/** The parts of a text that are expressions. */
const expressions = (text: string): string[] => (text.includes('${') ? [text] : [])

const PROVIDERS = 'aws|google|azurerm|exoscale'
const REFERENCE = new RegExp(
  `(?<![\\w."-])(?:(var|local|module|path|each)\\.(\\w+)|(data\\.)?((?:${PROVIDERS})_\\w+)\\.(\\w+))(?=((?:\\[[^\\]]*\\]|\\.\\w+|\\.\\*)*))`,
  'g',
)

/** Every name that leads nowhere: variables, locals, modules and their outputs, resources and their attributes, files. */
export function referenceBreaches(module: Module, schemas: Schemas, others: ReadonlyMap<string, Module>): string[] {
  const used = new Set<string>()
  const found: string[] = []
  for (const {at, text} of textsOf(module)) {
    for (const expression of expressions(text)) {
      for (const [, root, name, data, type, resource, rest = ''] of expression.matchAll(REFERENCE)) {
        if (root) used.add(`${root}.${name}`)
        const wrong = root
          ? ofRoot(module, others, root, name!, rest)
          : ofResource(module, schemas, {isData: data !== undefined, type: type!, name: resource!, rest})
        if (wrong) found.push(`${at}: ${wrong}`)
      }
    }
  }
  for (const {name, body} of [...module.resources, ...module.data, ...module.modules])
    found.push(...ofEach(module, name, body))
  for (const {name, body} of module.modules) found.push(...ofCall(module, others, name, body))
  for (const {at, text} of textsOf(module)) found.push(...ofFiles(module, text).map((wrong) => `${at}: ${wrong}`))
  for (const name of module.variables.keys()) if (!used.has(`var.${name}`)) found.push(`var.${name}: nobody uses it`)
  for (const name of module.locals.keys()) if (!used.has(`local.${name}`)) found.push(`local.${name}: nobody uses it`)
  return found
}

const partsOf = (rest: string): string[] =>
  [...rest.replaceAll(/\[[^\]]*\]/g, '').matchAll(/\.(\w+)/g)].map(([, part]) => part!)

function ofRoot(
  module: Module,
  others: ReadonlyMap<string, Module>,
  root: string,
  name: string,
  rest: string,
): string | null {
  if (root === 'var') {
    const variable = module.variables.get(name)
    if (!variable) return `no variable ${name}`
    const isObject = String(variable.type).startsWith('${object(')
    const [field] = isObject && rest.startsWith('.') ? partsOf(rest) : []
    return field && !fieldsOf(variable.type).has(field) ? `var.${name} has no ${field}` : null
  }
  if (root === 'local') return module.locals.has(name) ? null : `no local ${name}`
  if (root === 'path') return ['module', 'root', 'cwd'].includes(name) ? null : `no path.${name}`
  if (root === 'each') return ['key', 'value'].includes(name) ? null : `no each.${name}`
  const called = calledBy(module, others, name)
  if (!called) return `no module ${name}`
  const [output] = partsOf(rest)
  return output && !called.outputs.has(output) ? `module ${name} has no output ${output}` : null
}

/** Names in the text of a type, at whatever depth. */
const fieldsOf = (type: Json | undefined): Set<string> =>
  new Set([...String(type ?? '').matchAll(/(\w+)\s*=/g)].map(([, field]) => field!))

function ofResource(
  module: Module,
  schemas: Schemas,
  {isData, type, name, rest}: {isData: boolean; type: string; name: string; rest: string},
): string | null {
  const blocks = isData ? module.data : module.resources
  const full = `${isData ? 'data.' : ''}${type}.${name}`
  if (!blocks.some((block) => block.type === type && block.name === name)) return `no ${full}`
  const shape = (isData ? schemas.data : schemas.resource).get(type)
  const [attribute] = partsOf(rest)
  return shape && attribute && !attributesOf(shape).has(attribute) ? `${full} has no attribute ${attribute}` : null
}

const attributesOf = ({required, optional, blocks, computed}: TypeShape): Set<string> =>
  new Set([...required, ...optional, ...Object.keys(blocks), ...computed, 'id'])

/** `each.value.x` where each is an entry of a variable whose type says what it has. */
function ofEach(module: Module, name: string, body: Body): string[] {
  const [, variable] = /^\$\{var\.(\w+)\}$/.exec(String(body.for_each ?? '')) ?? []
  if (!variable) return []
  const type = String(module.variables.get(variable)?.type ?? '')
  if (!type.includes('object(')) return []
  const fields = fieldsOf(type)
  return [...textsIn(body, name)].flatMap(({at, text}) =>
    [...text.matchAll(/(?<!\w)each\.value\.(\w+)/g)].flatMap(([, field]) =>
      fields.has(field!) ? [] : [`${at}: an entry of var.${variable} has no ${field}`],
    ),
  )
}

function calledBy(module: Module, others: ReadonlyMap<string, Module>, name: string): Module | null {
  const call = module.modules.find((one) => one.name === name)
  return (call && others.get(path.join(module.folder, String(call.body.source)))) ?? null
}

/** A call gives a module what it asks for, and nothing else. */
function ofCall(module: Module, others: ReadonlyMap<string, Module>, name: string, body: Body): string[] {
  const called = calledBy(module, others, name)
  if (!called) return [`module.${name}: no module at ${body.source}`]
  const meta = new Set(['source', 'for_each', 'count', 'providers', 'depends_on'])
  const given = Object.keys(body).filter((key) => !meta.has(key))
  return [
    ...given.filter((key) => !called.variables.has(key)).map((key) => `module.${name}: no variable ${key}`),
    ...[...called.variables]
      .filter(([key, variable]) => !('default' in variable) && !given.includes(key))
      .map(([key]) => `module.${name}: ${key} is required`),
  ]
}

/** Files are there, and a template is given the names that it has. */
function ofFiles(module: Module, text: string): string[] {
  return [
    ...text.matchAll(/(file|templatefile)\("\$\{path\.module\}\/([^"]+)"(?:, \{([\s\S]*?)\n {2,}\}\))?/g),
  ].flatMap(([, kind, name, given]) => {
    const file = path.join(module.folder, name!)
    if (!existsSync(file)) return [`no file ${name}`]
    if (kind === 'file') return []
    const wanted = new Set([...readFileSync(file, 'utf8').matchAll(/\$\{(\w+)\}/g)].map(([, one]) => one!))
    const names = new Set([...(given ?? '').matchAll(/^\s*(\w+)\s*=/gm)].map(([, one]) => one!))
    return [
      ...[...wanted].filter((one) => !names.has(one)).map((one) => `${name} wants ${one}`),
      ...[...names].filter((one) => !wanted.has(one)).map((one) => `${name} has no ${one}`),
    ]
  })
}
