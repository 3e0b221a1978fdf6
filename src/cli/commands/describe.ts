import {Command} from 'commander'
import {type ApiClient, KINDS, type Kind, type Rows} from '../../api/client.ts'
import {printable} from '../../model/index.ts'
import {columnsAt, nameOf} from '../columns.ts'
import {type CliContext, EXIT, type ExitStatus, explain} from '../context.ts'
import {type Description, describeRow, type Known} from '../describe/related.ts'
import {fetchRows} from '../fetch-rows.ts'
import {KIND_WORDS, kindTyped, singularOf} from '../kinds.ts'
import {meant} from '../nearest.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {painterOf} from '../paint.ts'
import type {Finish} from '../run-cli.ts'
import {formatTable} from '../table.ts'

/** `isthmus describe KIND NAME`: everything about one object, and what belongs to it. */
export function describeCommand(context: CliContext, finish: Finish): Command {
  return new Command('describe')
    .description('everything about one object, and what belongs to it')
    .argument('<kind>', `what it is: ${KINDS.map(singularOf).join(', ')}`)
    .argument('<name>', 'its name, as get shows it; of an endpoint its address or what is behind it')
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (given: string, name: string, {output}: {output: Format}, command: Command) => {
      const kind = kindTyped(given)
      if (kind === null) {
        const near = meant(given, KIND_WORDS) || `; there is ${KINDS.map(singularOf).join(', ')}`
        return command.error(`error: no kind '${given}'${near}`, {exitCode: EXIT.usage})
      }
      const {socket} = command.optsWithGlobals<{socket: string}>()
      finish(await describeNamed(context, socket, {kind, name, output}))
    })
}

interface Asked<K extends Kind> {
  readonly kind: K
  readonly name: string
  readonly output: Format
}

/** Kinds whose descriptions are of routes, which may be many. */
const ROUTED: readonly Kind[] = ['tunnels', 'sites', 'peers']
/** Of these there are too many to look for a name that is near. */
const MANY: readonly Kind[] = ['endpoints', 'routes', 'classes']

async function describeNamed<K extends Kind>(
  context: CliContext,
  socket: string,
  {kind, name, output}: Asked<K>,
): Promise<ExitStatus> {
  const api = context.api(socket)
  const found = await findNamed(api, kind, name)
  if (!found.ok) {
    const status = explain(context, socket, found)
    if (found.code === 'not-found') context.err(await wordsFor(api, kind, name))
    return status
  }
  const rows = kind === 'routes' ? bestFirst(found.value.items).slice(0, 1) : found.value.items
  const described: {readonly object: Rows[K]; readonly description: Description}[] = []
  for (const object of rows) {
    const known = await lookAround(api, kind, object)
    if (!known.ok) return explain(context, socket, known)
    described.push({object, description: describeRow(kind, object, known.value)})
  }
  const answers = described.map(({object, description: {fields, related}}) => ({
    ...{kind: singularOf(kind), object, related},
    ...(fields.length > 0 ? {also: fields.map(([title, text]) => ({title, text}))} : {}),
  }))
  if (!(await printValue(context, output, answers.length === 1 ? answers[0] : answers))) {
    for (const [index, {object, description}] of described.entries()) {
      if (index > 0) context.out('\n')
      printDescription(context, kind, object, description)
    }
  }
  return EXIT.fine
}

/** By its name, or by words of it that no other's has all of: of tunnel `wan b/b1/wan 0` that is `b1`. */
async function findNamed<K extends Kind>(api: ApiClient, kind: K, name: string) {
  const found = await api.get(kind, name)
  if (found.ok || found.code !== 'not-found' || MANY.includes(kind)) return found
  const all = await api.get(kind, null)
  if (!all.ok) return found
  const items = all.value.items.filter((row) => hasWords(nameOf(row), name))
  return items.length === 1 ? {...all, value: {...all.value, items}} : found
}

const wordsOf = (name: string): string[] => name.split(/[\s/]+/)
function hasWords(name: string, typed: string): boolean {
  const words = wordsOf(name)
  return wordsOf(typed).every((word) => words.includes(word))
}

const bestFirst = <K extends Kind>(rows: readonly Rows[K][]): readonly Rows[K][] =>
  rows.toSorted((a, b) => Number('best' in b && b.best) - Number('best' in a && a.best))

async function wordsFor(api: ApiClient, kind: Kind, name: string): Promise<string> {
  if (kind === 'routes') return `isthmus get routes --why-not ${name} says why\n`
  const all = MANY.includes(kind) ? null : await api.get(kind, null)
  const near = all?.ok ? meant(name, all.value.items.map(nameOf)).replace('; d', 'd') : ''
  return `${near === '' ? '' : `${near} `}isthmus get ${kind} -o name lists what there is\n`
}

/** All that an object may be described by. */
async function lookAround(api: ApiClient, kind: Kind, object: Rows[Kind]) {
  const status = await api.status()
  if (!status.ok) return status
  const address = kind === 'endpoints' && 'address' in object ? object.address : null
  const routesOf = ROUTED.includes(kind) ? null : kind === 'routes' && 'name' in object ? object.name : address
  const [gateways, peers, conflicts, routes, reach] = await Promise.all([
    api.get('gateways', null),
    api.get('peers', null),
    api.get('conflicts', null),
    routesOf === null && !ROUTED.includes(kind)
      ? null
      : fetchRows(api, {kind: 'routes', name: routesOf, selector: null, limit: 0}),
    address === null || address.includes('/') ? null : api.reach(address),
  ])
  const {site, gateway, ...rest} = status.value
  const value: Known = {
    ...rest,
    here: {site, gateway},
    gateways: gateways.ok ? gateways.value.items : [],
    peers: peers.ok ? peers.value.items : [],
    conflicts: conflicts.ok ? conflicts.value.items : [],
    // A BIRD that is away has no routes, and there is a finding that says so.
    routes: routes?.ok ? routes.value.rows : [],
    reach: reach?.ok ? reach.value : null,
  }
  return {ok: true, value} as const
}

function printDescription<K extends Kind>(
  context: CliContext,
  kind: K,
  row: Rows[K],
  {fields, related}: Description,
): void {
  const columns = columnsAt(context.clock.nowMs())
  const paint = painterOf(context)
  const own = columns[kind].map(({title, value, state}): [string, string] => {
    const text = printable(value(row))
    return [title, state ? paint(text) : text]
  })
  const shown = [...own, ...fields.map(([title, text]): [string, string] => [title, printable(text)])]
  const width = Math.max(...shown.map(([title]) => title.length))
  let before = ''
  for (const [title, text] of shown) {
    // What has several lines is named once.
    const label = title === before || title === '' ? '' : `${title}:`
    context.out(`${label.padEnd(width + 1)}  ${text}\n`)
    before = title === '' ? before : title
  }
  for (const other of KINDS) printRelated(context, other, related, columns, paint)
}

function printRelated<K extends Kind>(
  context: CliContext,
  kind: K,
  related: Description['related'],
  columns: ReturnType<typeof columnsAt>,
  paint: (word: string) => string,
): void {
  const rows: readonly Rows[K][] | undefined = related[kind]
  if (rows === undefined) return
  context.out(rows.length === 0 ? `\n${kind}: none\n` : `\n${kind}\n${formatTable(columns[kind], rows, {paint})}`)
}
