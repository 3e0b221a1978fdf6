import {parseGatewayConfig} from '../../config/index.ts'
import type {Finding, FindingCode} from '../../model/index.ts'
import {parseAddress, prefixRange} from '../../net/index.ts'
import {meant} from '../nearest.ts'
import {gatewayFileOf, lanAddress, poolsOf, type Setup} from './gateway-file.ts'
import {type Answers, addressOf, given, type Machine, QUESTIONS, type Question, SITE_QUESTIONS} from './questions.ts'

/** What is wrong with an answer. */
export interface AnswerFault {
  readonly code: FindingCode
  readonly severity: Finding['severity']
  /** The key of the answer. */
  readonly id: string
  /** Of which other site; null: of this gateway. */
  readonly site: number | null
  readonly detail: string
  readonly remedy?: string
}

/**
 * Judges what has been answered so far by the words of gateway.yaml itself: the whole file is made, with something harmless
 * for what is still to come, and read as the daemon reads it. What is found in a field of an answer that was not given yet is
 * not said; it comes again when that one is.
 */
export function judge(setup: Setup, machine: Machine | null): AnswerFault[] {
  const own = [...checkKeys(setup), ...checkNumbers(setup.answers), ...checkMachine(setup.answers, machine)]
  // What has been said of an answer is not said again in the words of the file that comes of it.
  const isSaid = (fault: AnswerFault): boolean => own.some(({id, site}) => id === fault.id && site === fault.site)
  const {findings} = parseGatewayConfig(gatewayFileOf(setup, machine), 'gateway.yaml')
  return [...own, ...findings.flatMap((finding) => faultOf(setup, finding) ?? []).filter((fault) => !isSaid(fault))]
}

function faultOf(setup: Setup, {code, severity, where, detail, remedy}: Finding): AnswerFault | null {
  const fault = (id: string, site: number | null): AnswerFault => ({
    ...{code, severity, id, site, detail},
    ...(remedy ? {remedy} : {}),
  })
  const field = where.field ?? ''
  const [, name, rest = ''] = /^sites\.([^.]+)\.?(.*)$/.exec(field) ?? []
  if (name !== undefined) {
    const site = setup.sites.findIndex((answers) => answers.name === name)
    const question = questionOf(SITE_QUESTIONS, rest)
    return question && setup.sites[site]?.[question.id] === undefined ? null : fault(question?.id ?? 'name', site)
  }
  const question = questionOf(QUESTIONS, field)
  if (question && setup.answers[question.id] === undefined) return null
  // What no question decides can only come of all of them together.
  return fault(question?.id ?? field, null)
}

/** The one that decides most nearly. */
function questionOf(questions: readonly Question[], field: string): Question | null {
  const length = ({fields}: Question): number =>
    Math.max(0, ...fields.filter((one) => isAt(field, one)).map((one) => one.length))
  const [best] = questions.toSorted((a, b) => length(b) - length(a))
  return best && length(best) > 0 ? best : null
}

const isAt = (field: string, place: string): boolean =>
  field === place || field.startsWith(`${place}.`) || field.startsWith(`${place}[`)

function* checkKeys({answers, sites}: Setup): Generator<AnswerFault> {
  yield* unknownKeys(QUESTIONS, answers, null)
  for (const [index, site] of sites.entries()) yield* unknownKeys(SITE_QUESTIONS, site, index)
  for (const [index, {name}] of sites.entries()) {
    if (sites.findIndex((other) => other.name === name) === index) continue
    yield {...ERROR, code: 'config-conflict', id: 'name', site: index, detail: `${name} is named twice`}
  }
  for (const {id, when} of QUESTIONS) {
    if (answers[id] === undefined || when?.(answers) !== false) continue
    const before = id.startsWith('lan') ? (given(answers, 'twin') === null ? 'twin' : 'lanDevice') : 'router'
    const remedy = `say \`${before}\`, or leave it out`
    yield {
      ...ERROR,
      code: 'config-conflict',
      id,
      site: null,
      detail: `it goes with \`${before}\`, and there is none`,
      remedy,
    }
  }
}

const ERROR = {severity: 'error'} as const

function* unknownKeys(questions: readonly Question[], answers: Answers, site: number | null): Generator<AnswerFault> {
  const known = questions.map(({id}) => id)
  for (const id of Object.keys(answers).filter((key) => !known.includes(key))) {
    const detail = `no such answer${meant(id, known)}`
    yield {...ERROR, code: 'config-unknown-key', id, site, detail, remedy: `known: ${known.join(', ')}`}
  }
  for (const {id, optional} of questions) {
    if (answers[id] !== 'none' || optional || id === 'encapsulation') continue
    yield {...ERROR, code: 'config-missing', id, site, detail: 'it must be something'}
  }
}

/** As many as render and Terraform give: sixteen addresses a site, two a gateway (decision 0176). */
const ADDRESSES_A_SITE = 16n
const MOST_GATEWAY = 7

function* checkNumbers(answers: Answers): Generator<AnswerFault> {
  const sizes = poolsOf(answers).map((pool) => ({pool, size: prefixRange(pool).last - prefixRange(pool).first + 1n}))
  const {pool, size} = sizes.toSorted((a, b) => (a.size < b.size ? -1 : 1))[0]!
  const [sites, code] = [size / ADDRESSES_A_SITE, 'config-invalid'] as const
  if (sites === 0n) {
    const detail = `${pool} has not even the sixteen addresses of one site`
    yield {...ERROR, code, id: 'interconnect', site: null, detail, remedy: 'a larger one, such as 100.64.0.0/16'}
  }
  const most = sites > 4096n ? 4095 : Number(sites) - 1
  for (const [id, limit] of [
    ['number', most],
    ['gatewayNumber', MOST_GATEWAY],
  ] as const) {
    const answer = answers[id]
    if (answer === undefined || (/^\d{1,4}$/.test(answer) && Number(answer) <= limit) || sites === 0n) continue
    const why = id === 'number' ? `: ${pool} has room for so many sites` : ''
    yield {...ERROR, code, id, site: null, detail: `${JSON.stringify(answer)} is not a number from 0 to ${limit}${why}`}
  }
}

function* checkMachine(answers: Answers, machine: Machine | null): Generator<AnswerFault> {
  if (!machine) return
  const here = machine.addresses.map(({device, address}) => `${address} on ${device}`).join(', ') || 'none'
  const {address} = answers
  if (address !== undefined && parseAddress(address) && !machine.addresses.some((one) => one.address === address)) {
    const detail = `${address} is on no device of this machine that is up: ${here}`
    yield {severity: 'warning', code: 'uplink-address-missing', id: 'address', site: null, detail}
  }
  if (address !== undefined && addressOf(address, machine) === null) {
    const detail = `${JSON.stringify(address)} is neither an IP address nor a device that has one`
    yield {...ERROR, code: 'config-invalid', id: 'address', site: null, detail, remedy: `here are ${here}`}
  }
  if (given(answers, 'lanDevice') !== null && lanAddress(answers, machine) === null) {
    const detail = `${JSON.stringify(answers.lanDevice)} is no device with an IPv4 address`
    yield {...ERROR, code: 'config-invalid', id: 'lanDevice', site: null, detail, remedy: `here are ${here}`}
  }
}
