import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {type MetricObjectWithValues, type MetricValue, Registry} from 'prom-client'
import {KINDS} from '../../src/api/client.ts'
import {gatewayJsonSchema, parseGatewayConfig} from '../../src/config/index.ts'
import {createSourceMetrics} from '../../src/etcd/metrics.ts'
import {createGatewayMetrics} from '../../src/gateway/metrics.ts'
import type {LinkSpec} from '../../src/model/index.ts'
import {createBirdMetrics} from '../../src/observe/bird/metrics.ts'
import {
  registerConntrackMetrics,
  registerFastPathMetrics,
  registerMartianMetric,
  registerSoftirqMetric,
  registerTunnelMetrics,
} from '../../src/observe/metrics.ts'
import {frameCounters} from '../../src/plan/drops.ts'
import {planSysctls} from '../../src/plan/index.ts'
import {registerProbeMetrics} from '../../src/probe/metrics.ts'
import {registerTakeoverMetrics} from '../../src/takeover/metrics.ts'
import {cli} from '../support/run-cli.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')

/** Every metrics.ts, and how to have it declare what it has. */
const DECLARE: Readonly<Record<string, (register: Registry) => void>> = {
  'src/etcd/metrics.ts': createSourceMetrics,
  'src/gateway/metrics.ts': createGatewayMetrics,
  'src/observe/bird/metrics.ts': createBirdMetrics,
  'src/observe/metrics.ts': (register) => {
    registerTunnelMetrics([register], async () => [])
    registerConntrackMetrics([register], async () => null)
    registerFastPathMetrics([register], () => ({devices: 0, packets: 0, judgedPackets: 0, judges: false}))
    registerMartianMetric([register], async () => 0)
    registerSoftirqMetric([register], async () => new Map())
  },
  'src/probe/metrics.ts': (register) => registerProbeMetrics([register], () => []),
  'src/takeover/metrics.ts': (register) => registerTakeoverMetrics(register, () => null),
}

const rowOf = ({name, type, help}: MetricObjectWithValues<MetricValue<string>>): string =>
  `| \`${name}\` | ${type} | ${help.replace(/\.$/, '')} |`

/** The formatter pads the cells of a table. */
const squeeze = (line: string): string => line.replace(/ +/g, ' ')

describe('docs/reference/metrics.md', () => {
  it('every metrics.ts is looked at', () => {
    const files = readdirSync(path.join(ROOT, 'src'), {recursive: true, encoding: 'utf8'})
    const found = files.filter((file) => path.basename(file) === 'metrics.ts').map((file) => `src/${file}`)
    assert.deepEqual(found.sort(), Object.keys(DECLARE).sort())
  })

  it('has every metric with its type and meaning, and no other', async () => {
    const register = new Registry()
    for (const declare of Object.values(DECLARE)) declare(register)
    const declared = (await register.getMetricsAsJSON()).map(rowOf).sort()
    assert.ok(declared.length > 30)
    const written = [...read('docs/reference/metrics.md').matchAll(/^\| `(?:isthmus|process)_.*$/gm)]
      .map(([line]) => squeeze(line))
      .sort()
    assert.deepEqual(written, declared)
  })
})

describe('the reasons of dropped packets in docs/reference/metrics.md', () => {
  it('are those that the ruleset has, and say which are counted by tunnel', () => {
    const [, section] = read('docs/reference/metrics.md').split('## Reasons of `isthmus_dropped_packets_total`')
    const rows = [...section!.matchAll(/^\| `(\w+)` +\| (yes)? *\|/gm)].map(
      ([, reason, byTunnel]) => `${reason} ${byTunnel}`,
    )
    const reasons = frameCounters(['is-x']).filter((name) => !name.endsWith('_is-x'))
    const byTunnel = (reason: string) => (frameCounters(['is-x']).includes(`${reason}_is-x`) ? 'yes' : undefined)
    const expected = ['policy', ...reasons].map((reason) => `${reason} ${byTunnel(reason)}`)
    assert.deepEqual(rows.toSorted(), expected.toSorted())
  })
})

describe('docs/reference/configuration.md', () => {
  const text = read('docs/reference/configuration.md')

  it('has every key, and no other', () => {
    const documented = [...text.matchAll(/^\| `([^`]+)` *\|/gm)].map(([, key]) => key).sort()
    assert.deepEqual(documented, [...new Set(keysOf(gatewayJsonSchema(), ''))].sort())
  })

  it('has an example that is valid', () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
    assert.deepEqual(parseGatewayConfig(example, 'example').findings, [])
  })
})

describe('docs/reference/cli.md', () => {
  it('names every kind of get', () => {
    const text = read('docs/reference/cli.md')
    for (const kind of KINDS) assert.ok(text.includes(`\`${kind}\``), kind)
  })

  it('has every command with all of its options', async () => {
    const text = read('docs/reference/cli.md')
    const complete = async (...words: string[]): Promise<string[]> =>
      (await cli(['__complete', 'zsh', '--', ...words])).out.split('\n').slice(0, -1)
    const missing: string[] = []
    const look = async (command: readonly string[]): Promise<void> => {
      const words = command.join(' ')
      // `policy trace`, and `config validate|diff`.
      const group = ['isthmus', ...command.slice(0, -1)].join(' ')
      if (!new RegExp(`${group} \\[?(?:[\\w-]+\\|)*${command.at(-1)}\\b`).test(text)) missing.push(words)
      const flags = (await complete(...command, '--')).filter((flag) => flag !== '--help' && flag !== '--output')
      missing.push(...flags.filter((flag) => !text.includes(flag)).map((flag) => `${words} ${flag}`))
      const inner = (await cli([...command, '--help'])).out.split('Commands:')[1] ?? ''
      for (const [, one] of inner.matchAll(/^ {2}([a-z][\w-]*)/gm)) if (one !== 'help') await look([...command, one!])
    }
    for (const name of await complete('')) await look([name])
    assert.deepEqual(missing, [])
  })
})

describe('docs/reference/kernel-settings.md', () => {
  it('has every setting with its value, and no other', () => {
    const link: LinkSpec = {kind: 'wireguard', name: 'TUNNEL', alias: '', mtu: 1440}
    const rows = [...read('docs/reference/kernel-settings.md').matchAll(/^\| `(\S+)` +\| (\d+) /gm)]
    assert.deepEqual(
      rows.map(([, path, value]) => `${path} ${value}`).sort(),
      planSysctls([link], 2 ** 30)
        .map(({path, value}) => `${path.join('/')} ${value}`)
        .sort(),
    )
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly additionalProperties?: Schema | boolean
}

function* keysOf(schema: Schema, at: string): Generator<string> {
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    yield at + name
    yield* keysOf(inner, `${at}${name}.`)
  }
  for (const form of schema.anyOf ?? []) yield* keysOf(form, at)
  if (schema.items) yield* keysOf(schema.items, at.replace(/\.$/, '[].'))
  if (typeof schema.additionalProperties === 'object') yield* keysOf(schema.additionalProperties, `${at}NAME.`)
}
