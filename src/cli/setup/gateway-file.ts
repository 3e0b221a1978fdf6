import {Document, visit} from 'yaml'
import {innerAddresses} from '../../config/index.ts'
import {familyOf, type Prefix, parseAddress, parsePrefix, prefixFamily} from '../../net/index.ts'
import {DEFAULT_FOLDER, DEFAULT_SITES, filesOf} from '../site-folder.ts'
import {
  type Answers,
  addressOf,
  given,
  listOf,
  type Machine,
  QUESTIONS,
  type Question,
  SITE_QUESTIONS,
} from './questions.ts'

/** What has been answered so far, of this gateway and of each other site. */
export interface Setup {
  readonly answers: Answers
  readonly sites: readonly Answers[]
}

/** The text of gateway.yaml; what has not been answered is as `stand` says. `machine` null: it will be another one. */
export function gatewayFileOf(setup: Setup, machine: Machine | null): string {
  const value = gatewayValueOf(setup, machine)
  const sections = Object.entries(value).map(([key, part]) => {
    const document = new Document({[key]: part})
    // Lists of words in one line, as people write them.
    visit(document, {
      Seq: (_, node) => {
        node.flow = node.items.every((item) => typeof (item as {value?: unknown}).value !== 'object') && !hasMaps(node)
      },
    })
    const text = document.toString({lineWidth: 120, flowCollectionPadding: false})
    const remark = REMARKS[key]
    return remark === undefined ? text : `\n# ${remark}\n${text}`
  })
  return `${HEAD}\n${sections.join('')}`
}

const hasMaps = (node: {readonly items: readonly unknown[]}): boolean =>
  node.items.some((item) => typeof item === 'object' && item !== null && 'items' in item)

const HEAD = `# Made by \`isthmus setup\`. It is yours from here on: every key is in docs/reference/configuration.md,
# \`isthmus check\` judges it, and \`isthmus config apply FILE --confirm 5m\` changes it while the gateway runs.`

const REMARKS: Readonly<Record<string, string>> = {
  interconnect: 'Inner addresses of all gateways of all sites.',
  default: 'What becomes of a flow that no policy decides.',
  uplinks: 'How other sites reach this gateway; its inner addresses follow from the numbers of site and gateway.',
  owns: 'What this site announces.',
  datastores: 'Where endpoints and policies come from, and where the export goes.',
  sites: 'What we grant to whom: `isthmus site join NAME` prints what goes here.',
  authorities: 'Whose global policies count, in this order.',
  peers: 'Routers of the WAN.',
}

function gatewayValueOf({answers, sites}: Setup, machine: Machine | null): Readonly<Record<string, unknown>> {
  const filled = filledBy(QUESTIONS, answers)
  const text = (id: string): string => given(filled, id) ?? ''
  const has = (id: string): boolean => given(filled, id) !== null
  const list = (id: string): string[] => listOf(filled[id] ?? '')
  const address = resolvedAddress(filled, machine)
  const endpoints = text('etcd') === 'here' ? [`https://${hostOf(address)}:2379`] : list('etcd')
  return {
    version: 1,
    site: text('site'),
    gateway: text('gateway'),
    ...(has('twin') ? {twin: text('twin')} : {}),
    ...(has('twin') && has('lanDevice')
      ? {lan: {device: text('lanDevice'), address: lanAddress(filled, machine), twin: text('lanTwin')}}
      : {}),
    as: numberOr(text('as')),
    interconnect: list('interconnect'),
    default: text('default'),
    uplinks: [
      {
        ...{name: 'wan', address},
        ...(has('public') ? {public: text('public')} : {}),
        inner: innerAddresses(
          {inner: poolsOf(filled)},
          {number: countOr0(text('number'))},
          {number: countOr0(text('gatewayNumber'))},
        ),
      },
    ],
    owns: list('owns'),
    ...(has('infrastructure') ? {infrastructure: list('infrastructure')} : {}),
    datastores: [{name: 'main', kind: text('kind'), endpoints, ...shownTo(endpoints, OWN_TLS), export: {}}],
    sites: Object.fromEntries(sites.flatMap((site) => siteEntry(filledBy(SITE_QUESTIONS, site)))),
    authorities: list('authorities'),
    ...(has('router') ? {peers: [routerOf(filled)]} : {}),
    ...(has('nodes') ? {nodes: {session: 'ibgp', localAs: numberOr(text('nodes'))}} : {}),
    ...(has('metrics') ? {metrics: {listen: text('metrics')}} : {}),
  }
}

const OWN_TLS = filesOf(DEFAULT_FOLDER, 'gateway')

function filledBy(questions: readonly Question[], answers: Answers): Answers {
  const filled = Object.fromEntries(questions.map(({id, stand}) => [id, answers[id] ?? stand]))
  return answers.authorities === undefined && filled.site ? {...filled, authorities: filled.site} : filled
}

/** What is in clear text anyway has no certificate to show; the schema wants to hear that it is on purpose. */
const shownTo = (endpoints: readonly string[], tls: object): object =>
  endpoints.some((endpoint) => endpoint.startsWith('https:')) ? {tls} : {insecure: true}

function siteEntry(answers: Answers): [string, unknown][] {
  const name = given(answers, 'name')
  if (name === null) return []
  const endpoints = listOf(answers.endpoints!)
  const entry = {
    owns: listOf(answers.owns!),
    endpoints,
    ...shownTo(endpoints, filesOf(`${DEFAULT_SITES}/${name}`, 'client')),
    encapsulation: answers.encapsulation,
    bfd: answers.bfd,
  }
  return [[name, entry]]
}

function routerOf(answers: Answers): object {
  const list = (id: string): {[key: string]: string[]} => {
    const prefixes = listOf(answers[id]!)
    return prefixes.length === 0 ? {} : {[id === 'routerImport' ? 'import' : 'export']: prefixes}
  }
  const {router: address, routerAs} = answers
  return {name: 'wan1', address, as: numberOr(routerAs!), ...list('routerImport'), ...list('routerExport')}
}

const countOr0 = (text: string): number => (/^\d{1,4}$/.test(text) ? Number(text) : 0)

/** What is no number is the schema's to refuse, in its words. */
const numberOr = (text: string): number | string => (/^\d{1,15}$/.test(text) ? Number(text) : text)

const hostOf = (address: string): string => (address.includes(':') ? `[${address}]` : address)

/** One pool a family, the first; the stand-in where what was said is none. */
export function poolsOf(answers: Answers): Prefix[] {
  const all = listOf(answers.interconnect ?? '').flatMap((text) => parsePrefix(text) ?? [])
  const pools = [4, 6].flatMap((family) => all.find((pool) => prefixFamily(pool) === family) ?? [])
  return pools.length > 0 ? pools : ([QUESTIONS.find(({id}) => id === 'interconnect')!.stand] as Prefix[])
}

/** Of another machine only the device may be known. */
function resolvedAddress(answers: Answers, machine: Machine | null): string {
  const said = answers.address!
  if (machine) return addressOf(said, machine) ?? said
  return parseAddress(said) ?? (DEVICE.test(said) ? '240.0.0.1' : said)
}
const DEVICE = /^[a-z][^\s/:]{0,14}$/

export function lanAddress(answers: Answers, machine: Machine | null): string | null {
  if (!machine) return '240.0.0.9'
  const found = machine.addresses.find(
    ({device, address}) => device === answers.lanDevice && familyOf(parseAddress(address)!) === 4,
  )
  return found?.address ?? null
}
