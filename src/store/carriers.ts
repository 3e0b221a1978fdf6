import {join} from 'node:path'
import type {Carrier, Carriers, Encapsulation, Finding, Slot, UplinkPair} from '../model/index.ts'
import {damaged, type Reader, readState, writeState} from './files.ts'
import {isObject} from './json-object.ts'

/** Which tunnels there are between this gateway's uplinks and others', and whose follower somebody has asked for. */
export interface StoredCarriers {
  readonly carriers: Carriers
  readonly asked: ReadonlySet<UplinkPair>
}

const SCHEMA = 1
const fileOf = (stateDir: string): string => join(stateDir, 'tunnels.json')

export async function writeCarriers(stateDir: string, {carriers, asked}: StoredCarriers): Promise<void> {
  const pairs = [...carriers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([pair, held]) => {
      return [pair, {carriers: held, ...(asked.has(pair) ? {asked: true} : {})}]
    })
  await writeState(fileOf(stateDir), `${JSON.stringify({schema: SCHEMA, pairs: Object.fromEntries(pairs)}, null, 2)}\n`)
}

/** What cannot be read is set aside by its keeper: then the other ends say what stands. */
export async function readCarriers(
  stateDir: string,
  reader: Reader = 'keeper',
): Promise<StoredCarriers & {findings: readonly Finding[]}> {
  const {text, findings} = await readState(fileOf(stateDir))
  if (text === null) return {carriers: new Map(), asked: new Set(), findings}
  try {
    return {...parsed(JSON.parse(text)), findings}
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    const finding = await damaged(fileOf(stateDir), detail, reader)
    return {carriers: new Map(), asked: new Set(), findings: [...findings, finding]}
  }
}

function parsed(value: unknown): StoredCarriers {
  if (!isObject(value) || value.schema !== SCHEMA || !isObject(value.pairs)) {
    throw new Error(`not a file of schema ${SCHEMA}`)
  }
  const carriers = new Map<UplinkPair, readonly Carrier[]>()
  const asked = new Set<UplinkPair>()
  for (const [pair, one] of Object.entries(value.pairs)) {
    if (!isObject(one) || !Array.isArray(one.carriers)) throw new Error(`${pair} has no list of carriers`)
    const held = one.carriers.map((carrier: unknown) => carrierOf(pair, carrier))
    if (held.length < 1 || held.length > 2 || held[0]!.slot === held[1]?.slot)
      throw new Error(`${pair}: one or two slots`)
    carriers.set(pair as UplinkPair, held)
    if (one.asked === true) asked.add(pair as UplinkPair)
  }
  return {carriers, asked}
}

const ENCAPSULATIONS: readonly Encapsulation[] = ['ipip', 'fou', 'wireguard', 'vxlan', 'none']
const PHASES: readonly Carrier['phase'][] = ['joining', 'open', 'leaving', 'left']

function carrierOf(pair: string, value: unknown): Carrier {
  const {slot, serial, after, both, ipip, encapsulation: kind, phase: word} = isObject(value) ? value : {}
  const encapsulation = ENCAPSULATIONS.find((known) => known === kind)
  const phase = PHASES.find((known) => known === word)
  const isNumbered = (slot === 0 || slot === 1) && Number.isSafeInteger(serial)
  if (!isNumbered || !encapsulation || !phase) throw new Error(`${pair}: ${JSON.stringify(value)} is no carrier`)
  const more = typeof after === 'number' && Number.isSafeInteger(after) ? {after} : {}
  const said = {...(both === true ? {both: true as const} : {}), ...(typeof ipip === 'boolean' ? {ipip} : {})}
  return {slot: slot as Slot, serial: serial as number, encapsulation, ...more, ...said, phase}
}
