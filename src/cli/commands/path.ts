import {Command, InvalidArgumentError} from 'commander'
import type {ApiClient} from '../../api/client.ts'
import {printable} from '../../model/index.ts'
import type {EchoAnswer} from '../../probe/index.ts'
import {type CliContext, EXIT, type ExitStatus, explain} from '../context.ts'
import {type Format, outputOption, printValue} from '../output.ts'
import {painterOf} from '../paint.ts'
import {allowedSource, type Leg, ownAddresses, tunnelLegs} from '../path/legs.ts'
import {nameOfHop, type WayTo, wayTo} from '../path/way.ts'
import type {Finish} from '../run-cli.ts'

interface PathOptions {
  readonly output: Format
  readonly count: number
}

/** One line of an answer: a leg, a hop, a tunnel. `ok` null: not looked at. */
interface PathRow {
  readonly leg: string
  readonly ok: boolean | null
  readonly what: string
  readonly next?: string
  readonly [more: string]: unknown
}

const wholeNumber = (text: string): number => {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('from 1 to 999')
}

/** `ping`, `traceroute` and `mtu`: through the interconnect from this gateway, each leg named; as root. */
export function pathCommands(context: CliContext, finish: Finish): Command[] {
  return [
    command(context, finish, 'ping', 'each leg of the way to a site or an address by itself', pingRows),
    command(context, finish, 'traceroute', 'every hop on the way to a site or an address, named', hopRows),
    command(context, finish, 'mtu', 'the largest packet that each tunnel on the way carries whole', mtuRows),
  ]
}

type Look = (context: CliContext, api: ApiClient, way: WayTo, options: PathOptions) => Promise<readonly PathRow[]>

function command(context: CliContext, finish: Finish, name: string, does: string, look: Look): Command {
  return new Command(name)
    .description(does)
    .argument('<site|address>', 'a site by its name, or an address in one')
    .option('--count <n>', 'pings on each leg', wholeNumber, 5)
    .addOption(outputOption(['table', 'json', 'yaml']))
    .action(async (asked: string, options: PathOptions, self: Command) => {
      const {socket} = self.optsWithGlobals<{socket: string}>()
      if (context.remote?.())
        self.error('error: it is done on the gateway itself: not with --url', {exitCode: EXIT.usage})
      const api = context.api(socket)
      const found = await wayTo(api, asked)
      if (!found.ok && 'problem' in found) return self.error(`error: ${found.problem}`, {exitCode: EXIT.usage})
      if (!found.ok) return finish(found.answer.ok ? EXIT.fine : explain(context, socket, found.answer))
      finish(await printRows(context, asked, await look(context, api, found.way, options), options.output))
    })
}

async function printRows(
  context: CliContext,
  target: string,
  rows: readonly PathRow[],
  output: Format,
): Promise<ExitStatus> {
  if (!(await printValue(context, output, {target, ok: rows.every(({ok}) => ok !== false), rows}))) {
    const paint = painterOf(context)
    if (rows.length === 0) context.out(`there is no way to ${target} over a tunnel of this gateway\n`)
    for (const {leg, ok, what, next} of rows) {
      context.out(`${paint(ok === null ? '--' : ok ? 'ok' : 'no')} ${printable(leg)}: ${printable(what)}\n`)
      if (ok === false && next !== undefined) context.out(`      ${printable(next)}\n`)
    }
  }
  return rows.length > 0 && rows.every(({ok}) => ok !== false) ? EXIT.fine : EXIT.finding
}

async function pingRows(context: CliContext, api: ApiClient, way: WayTo, {count}: PathOptions): Promise<PathRow[]> {
  const rows: PathRow[] = []
  for (const leg of tunnelLegs(way)) rows.push(await pinged(context, leg, count))
  const {address, here, site, names} = way
  if (address === null) return rows
  const to = [...names, address].join(' ')
  const source = await allowedSource(api, ownAddresses(), address)
  const leg = `to the end, ${to}${site === null ? '' : ` in site ${site}`}`
  if (source.address === null) {
    const what = `not asked: no address of this gateway may: ${source.why}`
    return [...rows, {leg, ok: null, what, next: 'ping from a pod that may'}]
  }
  const from = `gateway ${here.site}/${here.gateway} ${source.address}`
  const row = await pinged(
    context,
    {
      leg,
      from,
      to,
      next: `isthmus get routes --why-not ${address}`,
      question: {target: address, source: source.address},
    },
    count,
  )
  return [...rows, {...row, what: `${row.what}, from ${source.address} (${source.why})`, source: source.address}]
}

async function pinged(context: CliContext, {leg, from, to, next, question}: Leg, count: number): Promise<PathRow> {
  const {echo} = await import('../../probe/index.ts')
  context.progress(leg)
  const answer = await echo({...question, count}, context.until)
  return {leg, ok: answer.received > 0, what: `${from} → ${to}: ${answerText(answer)}`, next, from, to, ...answer}
}

function answerText({sent, received, minMs, avgMs, maxMs, told, problem}: EchoAnswer): string {
  if (problem !== null) return `nothing could be sent: ${problem}`
  const others = told ? `, ${told.words} from ${told.by}` : ''
  const times = avgMs === null ? '' : `, ${minMs}/${avgMs}/${maxMs} ms`
  return `${received} of ${sent} answered${times}${others}`
}

const MOST_HOPS = 12
/** Behind so many that say nothing there is nobody. */
const MOST_SILENT = 3

async function hopRows(context: CliContext, api: ApiClient, way: WayTo): Promise<PathRow[]> {
  const {echo} = await import('../../probe/index.ts')
  const target = way.address ?? way.tunnels[0]?.peer
  if (target === undefined) return []
  const source = way.address === null ? null : (await allowedSource(api, ownAddresses(), target)).address
  const rows: PathRow[] = []
  let silent = 0
  for (let ttl = 1; ttl <= MOST_HOPS && silent < MOST_SILENT; ttl++) {
    context.progress(`hop ${ttl}`)
    const answer = await echo({target, count: 1, ttl, ...(source === null ? {} : {source})}, context.until)
    const hop = answer.received > 0 ? target : (answer.told?.by ?? null)
    silent = hop === null ? silent + 1 : 0
    const time = answer.avgMs === null ? '' : `, ${answer.avgMs} ms`
    const words = answer.told && answer.told.words !== 'Time Exceeded' ? `, ${answer.told.words}` : ''
    const what = hop === null ? (answer.problem ?? 'nobody answers') : `${hop}, ${nameOfHop(way, hop)}${time}${words}`
    rows.push({leg: `hop ${ttl}`, ok: hop === null ? null : true, what, hop, ms: answer.avgMs})
    if (answer.received > 0) return rows
    if (words !== '' || answer.problem !== null) break
  }
  const from = source === null ? '' : ` from ${source}`
  const next =
    way.address === null
      ? 'isthmus ping SITE says which leg is lost'
      : `isthmus ping ${target}; isthmus get routes --why-not ${target}`
  return [...rows, {leg: 'the end', ok: false, what: `${target} does not answer${from}`, next}]
}

/** IPv6 needs it, and what carries less is no tunnel. */
const LEAST = 576
const UNKNOWN_RTT_MS = 200

async function mtuRows(context: CliContext, _: ApiClient, {tunnels}: WayTo): Promise<PathRow[]> {
  const {echo, largestPassing, probeOnce} = await import('../../probe/index.ts')
  const rows: PathRow[] = []
  for (const tunnel of tunnels) {
    const {name, encapsulation, mtu, configuredMtu} = tunnel
    const leg = `tunnel ${name} (${encapsulation})`
    const high = configuredMtu ?? mtu
    if (high === null) {
      rows.push({leg, ok: null, what: 'has no device'})
      continue
    }
    const {local: source, peer: target, device} = tunnel
    const {maxMs} = await echo({target, source, device, count: 1}, context.until)
    const rttMs = maxMs ?? tunnel.probes?.small.maxMs ?? UNKNOWN_RTT_MS
    const passes = (size: number): Promise<boolean> => {
      context.progress(`${name}: ${size} bytes`)
      return probeOnce(tunnel, size, rttMs, context.until)
    }
    // A device does not send more than its own MTU whole, so that is as much as can be seen from here.
    const found = await largestPassing({low: LEAST, high: Math.min(high, mtu ?? high), lowPasses: false}, passes)
    const settings = `${mtu} in use, ${high} computed`
    const next = `isthmus describe tunnel '${name}'`
    if (found === null)
      rows.push({
        leg,
        ok: false,
        what: `nothing of ${LEAST} bytes passes; ${settings}`,
        next,
        found,
        mtu,
        configuredMtu,
      })
    else {
      const ok = mtu === null || found >= mtu
      rows.push({leg, ok, what: `${found} bytes pass whole; ${settings}`, next, found, mtu, configuredMtu})
    }
  }
  return rows
}
