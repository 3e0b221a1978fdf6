import type {NftChain, NftHook, NftSet, NftTable} from '../model/index.ts'

/**
 * A table as a file for `nft -f`; everything sorted, so that two of them can be compared by diff(1).
 *
 * Elements of the sets that the driver keeps (the generation) are not in it: they are numbers of a running gateway.
 */
export function printRuleset({family, name, counters, sets, chains}: NftTable): string {
  const byName = <T extends {readonly name: string}>(all: ReadonlyMap<string, T>): T[] =>
    [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const blocks = [
    ...[...counters].sort().map((counter) => [`counter ${counter} {`, '}']),
    ...byName(sets).map(printSet),
    ...byName(chains).map(printChain),
  ]
  const body = blocks.map((lines) => lines.map((line) => `\t${line}\n`).join('')).join('\n')
  return `table ${family} ${name} {\n${body}}\n`
}

function printSet({name, key, value, interval, elements}: NftSet): string[] {
  const quoted = (text: string): string => (key === 'ifname' ? `"${text}"` : text)
  const lines = [...elements].map(([element, data]) => `${quoted(element)}${data === '' ? '' : ` : ${data}`}`)
  return [
    `${value === null ? 'set' : 'map'} ${name} {`,
    `\ttype ${value === null ? key : `${key} : ${value}`}`,
    ...(interval ? ['\tflags interval'] : []),
    ...(lines.length > 0 ? ['\telements = {', ...lines.sort().map((line) => `\t\t${line},`), '\t}'] : []),
    '}',
  ]
}

function printChain({name, hook, rules}: NftChain): string[] {
  return [`chain ${name} {`, ...(hook ? [`\t${printHook(hook)}`] : []), ...rules.map((rule) => `\t${rule}`), '}']
}

const printHook = ({type, hook, priority, policy}: NftHook): string =>
  `type ${type} hook ${hook} priority ${priority}; policy ${policy};`

/** The part of a table that packets can reach from one chain, with the sets and counters that it asks. */
export function reachableFrom(start: string, table: NftTable): NftTable {
  const chains = new Map<string, NftChain>()
  const sets = new Map<string, NftSet>()
  const counters = new Set<string>()
  const open = [start]
  const follow = (text: string): void => {
    for (const [, chain] of text.matchAll(/\b(?:goto|jump) (\S+)/g)) open.push(chain!)
    for (const [, name] of text.matchAll(/counter name "([^"]+)"/g)) counters.add(name!)
    for (const [, name] of text.matchAll(/@(\w+)/g)) {
      const set = table.sets.get(name!)
      if (!set || sets.has(name!)) continue
      sets.set(name!, set)
      if (set.value === 'verdict') for (const verdict of new Set(set.elements.values())) follow(verdict)
    }
  }
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const chain = table.chains.get(name)
    if (!chain || chains.has(name)) continue
    chains.set(name, chain)
    for (const rule of chain.rules) follow(rule)
  }
  return {...table, chains, sets, counters: [...counters]}
}
