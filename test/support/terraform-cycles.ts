import path from 'node:path'
import {type Json, type Module, textsIn} from './terraform-module.ts'

/**
 * Cycles among all that Terraform orders: resources, locals, variables, outputs, through calls of modules. It refuses them
 * when it plans; a variable is one whole there, so an address that is made for each of `gateways` must not need anything
 * that is in `gateways` and follows from addresses.
 */
export function cycles(root: Module, others: ReadonlyMap<string, Module>): string[] {
  const edges = new Map<string, Set<string>>()
  addModule(root, '', others, edges)
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const found: string[] = []
  const visit = (node: string): void => {
    if (state.get(node) === 'done') return
    if (state.get(node) === 'open') {
      found.push([...trail.slice(trail.indexOf(node)), node].join(' → '))
      return
    }
    state.set(node, 'open')
    trail.push(node)
    for (const next of edges.get(node) ?? []) visit(next)
    trail.pop()
    state.set(node, 'done')
  }
  for (const node of edges.keys()) visit(node)
  return found
}

const REFERENCE =
  /(?<![\w."-])(?:(var|local)\.(\w+)|module\.(\w+)(\[[^\]]*\])?(?:\.(\w+))?|(data\.)?((?:aws|google|azurerm|exoscale)_\w+)\.(\w+))/g

function addModule(
  module: Module,
  prefix: string,
  others: ReadonlyMap<string, Module>,
  edges: Map<string, Set<string>>,
): void {
  const add = (node: string, value: Json | undefined): void => {
    const targets = edges.get(node) ?? new Set()
    for (const {text} of textsIn(value, '')) {
      if (!text.includes('${')) continue
      for (const [, root, name, called, index, output, data, type, resource] of text.matchAll(REFERENCE)) {
        if (root) targets.add(`${prefix}${root}.${name}`)
        else if (type) targets.add(`${prefix}${data ?? ''}${type}.${resource}`)
        // One of many, and which is not written there: Terraform waits for all of it.
        else if (index && !/^\["\w+"\]$/.test(index)) targets.add(`${prefix}module.${called}/all`)
        else
          for (const one of outputsOf(module, others, called!, output))
            targets.add(`${prefix}module.${called}/output.${one}`)
      }
    }
    edges.set(node, targets)
  }
  for (const {type, name, body} of module.resources) add(`${prefix}${type}.${name}`, body)
  for (const {type, name, body} of module.data) add(`${prefix}data.${type}.${name}`, body)
  for (const [name, value] of module.locals) add(`${prefix}local.${name}`, value)
  for (const [name, body] of module.outputs) add(`${prefix}output.${name}`, body)
  for (const {name, body} of module.modules) {
    const called = calledModule(module, others, body.source)
    if (!called) continue
    const inner = `${prefix}module.${name}/`
    addModule(called, inner, others, edges)
    for (const key of called.variables.keys()) add(`${inner}var.${key}`, body[key])
    edges.set(`${inner}all`, new Set([...edges.keys()].filter((node) => node.startsWith(inner))))
    // All of a module waits for its for_each.
    for (const node of edges.keys()) {
      if (!node.startsWith(inner) || node.includes('/var.')) continue
      for (const {text} of textsIn(body.for_each ?? null, '')) {
        for (const [, root, local] of text.matchAll(REFERENCE))
          if (root) edges.get(node)!.add(`${prefix}${root}.${local}`)
      }
    }
  }
}

const calledModule = (
  module: Module,
  others: ReadonlyMap<string, Module>,
  source: Json | undefined,
): Module | undefined => others.get(path.join(module.folder, String(source)))

/** One that is named; a module as a whole is all of them. */
function outputsOf(
  module: Module,
  others: ReadonlyMap<string, Module>,
  name: string,
  output: string | undefined,
): string[] {
  if (output) return [output]
  const source = module.modules.find((one) => one.name === name)?.body.source
  return [...(calledModule(module, others, source)?.outputs.keys() ?? [])]
}
