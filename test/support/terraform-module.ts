import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {parse} from '@cdktf/hcl2json'

export type Json = null | boolean | number | string | readonly Json[] | {readonly [key: string]: Json}
export type Body = {readonly [key: string]: Json}

/** One `resource`, `data`, `module`, `variable` or `output` of a module. */
export interface Block {
  readonly type: string
  readonly name: string
  readonly body: Body
}

/** A folder of Terraform, as its files say. Expressions are texts of the form `${…}`. */
export interface Module {
  readonly folder: string
  readonly resources: readonly Block[]
  readonly data: readonly Block[]
  readonly modules: readonly Block[]
  readonly variables: ReadonlyMap<string, Body>
  readonly outputs: ReadonlyMap<string, Body>
  readonly locals: ReadonlyMap<string, Json>
  readonly providers: readonly string[]
}

export const isBody = (value: Json | undefined): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const bodies = (value: Json | undefined): Body[] => (Array.isArray(value) ? value.filter(isBody) : [])

/** Files are read once, however many tests change one of them. */
const parsedTexts = new Map<string, Promise<Body>>()
function parsedText(file: string, text: string): Promise<Body> {
  const known = parsedTexts.get(text) ?? parse(file, text)
  parsedTexts.set(text, known)
  return known
}

/** `change` is what a test makes of a file before it is read. */
export async function readModule(folder: string, change = (text: string): string => text): Promise<Module> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.tf'))
  const parsed = await Promise.all(
    files.map((file) => parsedText(file, change(readFileSync(path.join(folder, file), 'utf8')))),
  )
  const typed = (kind: string): Block[] =>
    parsed.flatMap((file) =>
      Object.entries(isBody(file[kind]) ? (file[kind] as Body) : {}).flatMap(([type, named]) =>
        Object.entries(isBody(named) ? named : {}).flatMap(([name, of]) =>
          bodies(of).map((body) => ({type, name, body})),
        ),
      ),
    )
  const named = (kind: string): [string, Body][] =>
    parsed.flatMap((file) =>
      Object.entries(isBody(file[kind]) ? (file[kind] as Body) : {}).flatMap(([name, of]) =>
        bodies(of).map((body): [string, Body] => [name, body]),
      ),
    )
  return {
    folder,
    resources: typed('resource'),
    data: typed('data'),
    modules: named('module').map(([name, body]) => ({type: 'module', name, body})),
    variables: new Map(named('variable')),
    outputs: new Map(named('output')),
    locals: new Map(parsed.flatMap((file) => bodies(file.locals).flatMap((body) => Object.entries(body)))),
    providers: parsed.flatMap((file) =>
      bodies(file.terraform).flatMap(({required_providers: all}) => bodies(all).flatMap((one) => Object.keys(one))),
    ),
  }
}

/** Every text in a value, with where it is. */
export function* textsIn(value: Json | undefined, at: string): Generator<{at: string; text: string}> {
  if (typeof value === 'string') yield {at, text: value}
  else if (Array.isArray(value)) for (const [index, one] of value.entries()) yield* textsIn(one, `${at}[${index}]`)
  else if (isBody(value)) {
    for (const [key, one] of Object.entries(value)) {
      // A key may be an expression too.
      yield {at: `${at}.${key}`, text: key}
      yield* textsIn(one, `${at}.${key}`)
    }
  }
}

/** All of a module that may hold an expression, with a name for what is wrong in it. */
export function* textsOf(module: Module): Generator<{at: string; text: string}> {
  for (const {type, name, body} of module.resources) yield* textsIn(body, `${type}.${name}`)
  for (const {type, name, body} of module.data) yield* textsIn(body, `data.${type}.${name}`)
  for (const {name, body} of module.modules) yield* textsIn(body, `module.${name}`)
  for (const [name, body] of module.outputs) yield* textsIn(body, `output.${name}`)
  for (const [name, value] of module.locals) yield* textsIn(value, `local.${name}`)
  for (const [name, body] of module.variables) yield* textsIn(body.validation, `var.${name}.validation`)
}
